-- name: deadLetters
select job.lane_id, job.seq, job.kind, job.attempts, job.message_id, job.payload, job.error, job.reason, job.retry_of, job.ended_at,
  lane.org_id, conversation.channel_id, conversation.id as conversation_id
from job join lane on lane.id = job.lane_id left join conversation on conversation.id = job.lane_id
where job.state = 'dead' and (?1 is null or lane.org_id = ?1) and (?2 is null or conversation.channel_id = ?2)
  and (?3 is null or job.kind = ?3) and (?4 is null or job.reason = ?4)
  and (?5 is null or (job.ended_at, job.lane_id, job.seq) < (?5, ?6, ?7))
order by job.ended_at desc, job.lane_id desc, job.seq desc limit ?8

-- name: deadLetterStats
select job.reason, count(*) as count, min(job.ended_at) as oldest
from job join lane on lane.id = job.lane_id left join conversation on conversation.id = job.lane_id
where job.state = 'dead' and (?1 is null or lane.org_id = ?1) and (?2 is null or conversation.channel_id = ?2)
  and (?3 is null or job.kind = ?3) and (?4 is null or job.reason = ?4)
group by job.reason

-- name: deadJob
select lane_id, seq, kind, state, message_id, turn_id, payload, owner_epoch from job where lane_id = ?1 and seq = ?2

-- name: retriedAs
select lane_id, seq from job where retry_of = ?1

-- name: forgetDead
update job set state = 'cancelled', reason = ?3 where lane_id = ?1 and seq = ?2 and state = 'dead'

-- name: deadIds
select lane_id, seq from job where state = 'dead' and (lane_id, seq) > (?1, ?2) and ended_at <= ?4 order by lane_id, seq limit ?3

-- name: oldestDead
select lane_id, seq from job where state = 'dead' and ended_at <= ?2 order by ended_at limit ?1
