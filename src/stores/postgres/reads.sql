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
select lane_id, seq from chasqui.job where dead_at is not null and (lane_id, seq) > ($1, $2::bigint) and dead_at <= $4 order by lane_id, seq limit $3

-- name: discard
update chasqui.job set state = 'cancelled', reason = 'discarded', dead_at = null where lane_id = $1 and seq = $2 and dead_at is not null

-- name: purge
with oldest as materialized (
  select lane_id, seq from chasqui.job where dead_at is not null and dead_at <= $2 order by dead_at limit $1 for update skip locked
)
update chasqui.job j set state = 'cancelled', reason = 'purged', dead_at = null from oldest where j.lane_id = oldest.lane_id and j.seq = oldest.seq

-- name: takeOperation
with due as materialized (
  select o.id, t.now_ms from (select coalesce($1::bigint, chasqui.clock()) as now_ms) t, chasqui.operation o
  -- A lease that ends later than any could have been given for was left by a clock set back.
  where o.state = 'running' and o.kind = any($3::text[]) and (o.lease_until <= t.now_ms or o.lease_until > t.now_ms + 60000)
  order by o.id limit 1 for update of o skip locked
)
update chasqui.operation o set lease_owner = $2, lease_until = due.now_ms + $4::bigint, epoch = o.epoch + 1 from due where o.id = due.id
returning o.id, o.epoch, o.kind, o.params, o.cursor, o.done, o.failed, o.stumbles, o.created_at

-- name: renewOperation
update chasqui.operation set lease_until = coalesce($1::bigint, chasqui.clock()) + $4::bigint where id = $2 and epoch = $3

-- name: advanceOperation
update chasqui.operation set cursor = $4, done = $5, failed = $6, updated_at = coalesce($1::bigint, chasqui.clock()),
  lease_until = coalesce($1::bigint, chasqui.clock()) + $7::bigint, stumbles = 0, error = null
where id = $2 and epoch = $3 returning state

-- name: stumbleOperation
update chasqui.operation o set error = $4, stumbles = stumbles + 1, lease_owner = null, lease_until = now_ms + coalesce($5::bigint, 0),
  updated_at = now_ms, state = case when $5::bigint is null and state = 'running' then 'failed' else state end
from coalesce($1::bigint, chasqui.clock()) as now_ms where id = $2 and epoch = $3

-- name: completeOperation
update chasqui.operation set state = 'completed', lease_owner = null, lease_until = 0, updated_at = coalesce($1::bigint, chasqui.clock())
where id = $2 and epoch = $3

-- name: giveBackOperation
update chasqui.operation set lease_owner = null, lease_until = 0 where id = $1 and epoch = $2

-- name: cancelOperation
update chasqui.operation set state = 'cancelled', updated_at = coalesce($1::bigint, chasqui.clock()) where id = $2 and state = 'running'

-- name: operation
select id, kind, case when state = 'running' and lease_owner is not null and lease_until <= now_ms then 'interrupted' else state end as state, total, done, failed, error, created_at as "createdAt", updated_at as "updatedAt"
from chasqui.operation, coalesce($1::bigint, chasqui.clock()) as now_ms where id = $2

-- name: operations
select id, kind, case when state = 'running' and lease_owner is not null and lease_until <= now_ms then 'interrupted' else state end as state, total, done, failed, error, created_at as "createdAt", updated_at as "updatedAt"
from chasqui.operation, coalesce($1::bigint, chasqui.clock()) as now_ms order by id desc limit $2

-- name: jobRecord
select l.org_id as "orgId", j.lane_id as "laneId", j.kind, j.state, j.attempts, j.crashes, j.reason, j.error,
  case when j.progress_done is not null then json_build_object('done', j.progress_done, 'total', j.progress_total) end as progress,
  j.retry_of as "retryOf", j.created_at as "createdAt", j.started_at as "startedAt", j.ended_at as "endedAt"
from chasqui.job j join chasqui.lane l on l.id = j.lane_id where j.lane_id = $1 and j.seq = $2

-- name: noteProgress
update chasqui.job j set progress_done = $4, progress_total = $5 from chasqui.lane l
where l.id = $1 and l.epoch = $2 and j.lane_id = l.id and j.seq = $3

-- name: keyedJobs
select k.key, j.lane_id, j.seq, j.state from chasqui.job_key k
cross join lateral (select * from chasqui.job o where o.lane_id = k.lane_id order by o.seq desc limit 1) j
where k.key = any($1::text[])

-- name: openKeys
select k.key, j.lane_id, j.seq, j.state from chasqui.job_key k
cross join lateral (select * from chasqui.job o where o.lane_id = k.lane_id order by o.seq desc limit 1) j
where k.key > $2 and k.key >= $1 and starts_with(k.key, $1) and j.state not in ('completed', 'cancelled') order by k.key limit $3

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
  where (l.ready_at = 0 or l.ready_at > 0 or l.ready_at = -1) and j.state in ('scheduled', 'available', 'running', 'retryable')
) open

-- name: oldestWaiting
select greatest(max(now_ms - j.created_at), 0) as ms
from coalesce($1::bigint, chasqui.clock()) as now_ms, chasqui.lane l join chasqui.job j on j.lane_id = l.id and j.seq > l.done_seq
where (l.ready_at = 0 or l.ready_at > 0 or l.ready_at = -1) and j.state in ('available', 'retryable', 'scheduled') and j.not_before <= now_ms

-- name: pauses
select scope, id, since from chasqui.pause order by since, scope, id

-- name: pause
insert into chasqui.pause (scope, id, since) select $2, $3, coalesce($1::bigint, chasqui.clock()) on conflict do nothing

-- name: resume
delete from chasqui.pause where scope = $1 and id = $2

-- name: readControl
select value from chasqui.control where name = $1

-- name: writeControl
insert into chasqui.control (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value

-- name: openBreakers
select name, opened, until - coalesce($1::bigint, chasqui.clock()) as "leftMs" from chasqui.breaker order by name

-- name: openBreaker
insert into chasqui.breaker (name, until, opened) values ($2, coalesce($1::bigint, chasqui.clock()) + $3, $4)
on conflict (name) do update set until = excluded.until, opened = excluded.opened, probe_until = 0

-- name: closeBreaker
delete from chasqui.breaker where name = $1

-- name: probeBreaker
with mine as (
  update chasqui.breaker b set probe_until = now_ms + $3 from coalesce($1::bigint, chasqui.clock()) as now_ms
  where b.name = $2 and (b.until <= now_ms or b.until > now_ms + 600000) and (b.probe_until <= now_ms or b.probe_until > now_ms + $3)
  returning 1
)
select case when exists (select from mine) then 'yours' when exists (select from chasqui.breaker where name = $2) then 'no' else 'closed' end as answer

-- name: load
with now as (select coalesce($1::bigint, chasqui.clock()) as ms), due as (
  select l.id, l.org_id, l.done_seq, l.ready_at from chasqui.lane l where l.ready_at = 0
  union all
  select l.id, l.org_id, l.done_seq, l.ready_at from chasqui.lane l, now where l.ready_at > 0 and l.ready_at <= now.ms
), waiting as materialized (
  select id, done_seq, ready_at from due
  where not exists (
    select 1 from chasqui.pause p where p.scope = 'all' or (p.scope = 'org' and p.id = due.org_id)
      or (p.scope = 'channel' and p.id = (select c.channel_id from chasqui.conversation c where c.id = due.id))
  ) limit $2
)
select
  (select count(*) from waiting) as waiting,
  (select count(*) from chasqui.lane l, now where l.ready_at > 0 and l.ready_at > now.ms and l.lease_until > 0) as active,
  coalesce((
    select greatest(max(open.ms), 0)
    from now, waiting w cross join lateral (
      -- Lane by lane: joined as a whole, the planner reads the table of jobs from end to end.
      select now.ms - min(greatest(j.created_at, j.not_before, w.ready_at)) as ms from chasqui.job j
      where j.lane_id = w.id and j.seq > w.done_seq and j.state in ('scheduled', 'available', 'running', 'retryable') and j.not_before <= now.ms
    ) open
  ), 0) as "oldestWaitingMs",
  (
    select percentile_disc(0.5) within group (order by recent.ms)
    from (
      select t.settled_at - j.started_at as ms
      from (select * from chasqui.turn where settled_at is not null order by id desc limit 100) t
      cross join lateral (select o.started_at from chasqui.job o where o.lane_id = t.lane_id and o.seq = t.members[1] and o.started_at is not null offset 0) j
    ) recent
  ) as "serviceMs"

-- name: ping
select 1

-- name: laneCounts
select
  (select count(*) from chasqui.lane where ready_at = 0) + (select count(*) from chasqui.lane where ready_at = -1)
    + (select count(*) from chasqui.lane where ready_at > 0 and ready_at <= now_ms) as ready,
  (select count(*) from chasqui.lane where ready_at > 0 and ready_at > now_ms and lease_until > 0) as held,
  (select count(*) from chasqui.lane where ready_at > 0 and ready_at > now_ms and lease_until = 0) as parked
from coalesce($1::bigint, chasqui.clock()) as now_ms

-- name: lanesReady
select id from (
  (select id from chasqui.lane where ready_at = 0 limit $2)
  union all
  (select id from chasqui.lane where ready_at = -1 limit $2)
  union all
  (select id from chasqui.lane where ready_at > 0 and ready_at <= coalesce($1::bigint, chasqui.clock()) limit $2)
) as ready limit $2

-- name: laneDue
select greatest(ready_at - now_ms, 0) as "inMs", lease_until > 0 and ready_at > now_ms as held
from chasqui.lane, coalesce($1::bigint, chasqui.clock()) as now_ms where id = $2 and ready_at is not null
