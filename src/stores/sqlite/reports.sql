-- name: messageRecord
select * from message where id = ?1

-- name: jobOfMessage
select * from job where lane_id = ?1 and message_id = ?2 order by seq desc limit 1

-- name: attemptsOfMessage
select attempt.n, attempt.started_at as startedAt, attempt.ended_at as endedAt, attempt.outcome, attempt.error
from attempt join job on job.lane_id = attempt.lane_id and job.seq = attempt.seq
where attempt.lane_id = ?1 and job.message_id = ?2 order by attempt.ended_at, attempt.rowid

-- name: turnRecord
select * from turn where id = ?1

-- name: sendRecords
select part, state, tries, ambiguous, started_at as startedAt, ended_at as endedAt, provider_id as providerId, error from send where turn_id = ?1 order by part

-- name: conversationMessages
select id, direction, text, sent_at as sentAt, ending from message
where conversation_id = ?1 and not (verdict = 'withdrawn' and ending is null) order by id desc limit ?2

-- name: load
with due as (
  select id, org_id, done_seq, ready_at from lane where last_seq > done_seq and ready_at = 0
  union all
  select id, org_id, done_seq, ready_at from lane where last_seq > done_seq and ready_at > 0 and ready_at <= ?1
), waiting as (
  select id, done_seq, ready_at from due
  where not exists (select 1 from pause where scope = 'all' or (scope = 'org' and pause.id = due.org_id)
    or (scope = 'channel' and pause.id = (select channel_id from conversation where conversation.id = due.id))) limit ?2
)
select
  (select count(*) from waiting) as waiting,
  (select count(*) from lane where last_seq > done_seq and ready_at > ?1 and lease_owner is not null) as active,
  (select min(max(job.created_at, job.not_before, waiting.ready_at)) from waiting join job on job.lane_id = waiting.id and job.seq > waiting.done_seq
    where job.state in ('scheduled', 'available', 'running', 'retryable') and job.not_before <= ?1) as since

-- name: serviceTimes
select turn.settled_at - job.started_at as ms
from turn join job on job.lane_id = turn.lane_id and job.seq = json_extract(turn.members, '$[0]')
where turn.settled_at is not null and job.started_at is not null order by turn.id desc limit 100

-- name: pruneBodies
update message set text = '', attachments = null where rowid in (select rowid from message
  where id >= ?1 and id < ?2 and text <> '' and (ending is not null or direction = 'outbound')
  and not exists (select 1 from job where job.lane_id = conversation_id and job.seq = message.seq and job.state = 'dead') order by id limit ?3)

-- name: pruneSends
update send set text = ''
where (turn_id, part) in (select turn_id, part from send where turn_id < ?1 and text <> '' and state = 'sent' limit ?2)

-- name: pruneJobs
delete from job where state in ('completed', 'cancelled') and (lane_id, seq) in (select conversation_id, seq from message
  where id < ?1 and ending is not null and seq is not null order by id limit ?2)

-- name: pruneMessages
delete from message where rowid in (select rowid from message where id < ?1 and (ending is not null or direction = 'outbound' or verdict = 'withdrawn')
  and not exists (select 1 from job where job.lane_id = conversation_id and job.seq = message.seq) order by id limit ?2)

-- name: pruneOwnJobs
delete from job where lane_id in (select id from lane where id >= 'lane_' and id < ?1 and last_seq = done_seq limit ?2) and state <> 'dead'

-- name: pruneDead
update job set state = 'cancelled', reason = 'expired' where (lane_id, seq) in (select lane_id, seq from job
  where state = 'dead' and ended_at < ?1 order by ended_at limit ?2)

-- name: pruneTurns
delete from turn where id in (select id from turn where id < ?1 and settled_at is not null
  and not exists (select 1 from job where job.lane_id = turn.lane_id and job.turn_id = turn.id and job.state = 'dead') order by id limit ?2)

-- name: pruneOrphanSends
delete from send where turn_id in (select turn_id from send where turn_id < ?1 and turn_id not in (select id from turn) limit ?2)

-- name: pruneAttempts
delete from attempt where rowid in (select rowid from attempt where ended_at < ?1 limit ?2)

-- name: pruneLanes
delete from lane where id in (select id from lane where id >= 'lane_' and id < ?1 and last_seq = done_seq
  and not exists (select 1 from job where lane_id = lane.id) limit ?2)
