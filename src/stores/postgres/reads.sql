-- Commands that are one plain statement. Where time matters the first parameter is the clock's override, null for the database's own.

-- name: conversation
select id, org_id as "orgId", channel_id as "channelId", external_id as "externalId", owner, owner_epoch as "ownerEpoch",
  owner_since as "ownerSince", locale, doubt
from chasqui.conversation where id = $1

-- name: conversationByExternal
select id, org_id as "orgId", channel_id as "channelId", external_id as "externalId", owner, owner_epoch as "ownerEpoch",
  owner_since as "ownerSince", locale, doubt
from chasqui.conversation where channel_id = $1 and external_id = $2

-- name: clearDoubt
update chasqui.conversation set doubt = false where id = $1

-- name: knownMessages
select external_id from chasqui.message
where channel_id = $1 and external_id = any($2::text[]) and not (verdict = 'withdrawn' and ending is null)

-- name: readCursor
select at from chasqui.cursor where channel_id = $1

-- name: writeCursor
insert into chasqui.cursor (channel_id, at) values ($1, $2) on conflict (channel_id) do update set at = excluded.at

-- name: deadLetters
select j.lane_id, j.seq, j.kind, j.attempts, j.message_id, j.payload, j.error, j.reason, j.retry_of, j.dead_at, l.org_id, c.channel_id,
  c.id as conversation_id
from chasqui.job j join chasqui.lane l on l.id = j.lane_id left join chasqui.conversation c on c.id = j.lane_id
where j.dead_at is not null and ($1::text is null or l.org_id = $1) and ($2::text is null or c.channel_id = $2)
  and ($3::text is null or j.kind = $3) and ($4::text is null or j.reason = $4)
  and ($5::bigint is null or (j.dead_at, j.lane_id, j.seq) < ($5, $6::text, $7::bigint))
order by j.dead_at desc, j.lane_id desc, j.seq desc limit $8

-- name: deadLetterStats
select j.reason, count(*) as count, min(j.dead_at) as oldest
from chasqui.job j join chasqui.lane l on l.id = j.lane_id left join chasqui.conversation c on c.id = j.lane_id
where j.dead_at is not null and ($1::text is null or l.org_id = $1) and ($2::text is null or c.channel_id = $2)
  and ($3::text is null or j.kind = $3) and ($4::text is null or j.reason = $4)
group by j.reason

-- name: deadIds
select lane_id, seq from chasqui.job where dead_at is not null and (lane_id, seq) > ($1, $2::bigint) order by lane_id, seq limit $3

-- name: discard
update chasqui.job set state = 'cancelled', reason = 'discarded', dead_at = null where lane_id = $1 and seq = $2 and dead_at is not null

-- name: purge
with oldest as materialized (
  select lane_id, seq from chasqui.job where dead_at is not null order by dead_at limit $1 for update skip locked
)
update chasqui.job j set state = 'cancelled', reason = 'purged', dead_at = null from oldest where j.lane_id = oldest.lane_id and j.seq = oldest.seq

-- name: startOperation
insert into chasqui.operation (id, kind, state, total, created_at, updated_at)
select $2, $3, 'running', $4, now_ms, now_ms from coalesce($1::bigint, chasqui.clock()) as now_ms

-- name: progressOperation
update chasqui.operation set done = $3, failed = $4, state = $5, updated_at = coalesce($1::bigint, chasqui.clock()) where id = $2

-- name: operation
select id, kind, state, total, done, failed, created_at as "createdAt", updated_at as "updatedAt" from chasqui.operation where id = $1

-- name: message
select m.id, m.org_id as "orgId", m.channel_id as "channelId", m.conversation_id as "conversationId", m.external_id as "externalId",
  m.sent_at as "sentAt", m.received_at as "receivedAt", m.verified_at as "verifiedAt", m.accepted_at as "acceptedAt", m.verdict, m.ending,
  m.ending_reason as "endingReason", m.ended_at as "endedAt",
  case when j.seq is not null then json_build_object('id', 'job_' || j.lane_id || '_' || j.seq, 'state', j.state, 'attempts', j.attempts,
    'crashes', j.crashes, 'createdAt', j.created_at, 'startedAt', j.started_at, 'endedAt', j.ended_at, 'error', j.error) end as job,
  coalesce((
    select json_agg(json_build_object('n', a.n, 'startedAt', a.started_at, 'endedAt', a.ended_at, 'outcome', a.outcome, 'error', a.error)
      order by a.ended_at, a.id)
    from chasqui.attempt a join chasqui.job o on o.lane_id = a.lane_id and o.seq = a.seq
    where a.lane_id = m.conversation_id and o.message_id = m.id
  ), '[]') as attempts,
  case when t.id is not null then json_build_object('id', t.id, 'kind', t.kind, 'responder', t.responder, 'model', t.model,
    'usage', case when t.input_tokens is not null or t.output_tokens is not null
      then json_build_object('inputTokens', coalesce(t.input_tokens, 0), 'outputTokens', coalesce(t.output_tokens, 0)) end,
    'plannedAt', t.planned_at, 'members', cardinality(t.members)) end as turn,
  coalesce((
    select json_agg(json_build_object('part', s.part, 'state', s.state, 'tries', s.tries, 'ambiguous', s.ambiguous, 'startedAt', s.started_at,
      'endedAt', s.ended_at, 'providerId', s.provider_id, 'error', s.error) order by s.part)
    from chasqui.send s where s.turn_id = t.id
  ), '[]') as sends
from chasqui.message m
left join lateral (select * from chasqui.job o where o.lane_id = m.conversation_id and o.message_id = m.id order by o.seq desc limit 1) j on true
left join chasqui.turn t on t.id = j.turn_id
where m.id = $1

-- name: messages
select id, direction, text, sent_at as "sentAt", ending from chasqui.message
where conversation_id = $1 and not (verdict = 'withdrawn' and ending is null) order by id desc limit $2

-- name: counts
select count(*) filter (where bucket = 'waiting') as waiting, count(*) filter (where bucket = 'active') as active,
  count(*) filter (where bucket = 'delayed') as delayed,
  coalesce((select sum(value) from chasqui.tally where name = 'completed'), 0)::bigint as completed,
  coalesce((select sum(value) from chasqui.tally where name = 'dead'), 0)::bigint as failed
from (
  select case when l.lease_until > now_ms and j.state = 'running' then 'active' when j.not_before > now_ms then 'delayed' else 'waiting' end as bucket
  from coalesce($1::bigint, chasqui.clock()) as now_ms, chasqui.lane l join chasqui.job j on j.lane_id = l.id and j.seq > l.done_seq
  where (l.ready_at = 0 or l.ready_at > 0) and j.state in ('scheduled', 'available', 'running', 'retryable')
) open

-- name: oldestWaiting
select greatest(max(now_ms - j.created_at), 0) as ms
from coalesce($1::bigint, chasqui.clock()) as now_ms, chasqui.lane l join chasqui.job j on j.lane_id = l.id and j.seq > l.done_seq
where (l.ready_at = 0 or l.ready_at > 0) and j.state in ('available', 'retryable', 'scheduled') and j.not_before <= now_ms

-- name: ping
select 1
