-- name: findConversation
select id, owner, owner_epoch, locale, doubt from conversation where channel_id = ?1 and external_id = ?2

-- name: insertConversation
insert into conversation (id, org_id, channel_id, external_id, locale, doubt, created_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)

-- name: touchConversation
update conversation set doubt = max(doubt, ?2), locale = coalesce(?3, locale) where id = ?1

-- name: insertMessage
insert into message (id, org_id, channel_id, conversation_id, direction, external_id, author, text, attachments, sent_at, received_at,
  verified_at, accepted_at, verdict, seq, ending, ending_reason, ended_at, withdrawn)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
on conflict do nothing

-- name: messageByExternal
select id, conversation_id, seq, ending, withdrawn, verdict from message where channel_id = ?1 and external_id = ?2

-- name: fillTombstone
update message set author = ?2, sent_at = ?3, ending = 'suppressed', ending_reason = 'withdrawn', ended_at = ?4, verdict = 'withdrawn'
where id = ?1

-- name: editMessage
update message set text = ?2 where id = ?1 and ending is null

-- name: withdrawMessage
update message set withdrawn = 1 where id = ?1

-- name: insertLane
insert into lane (id, org_id, priority, rank, last_seq, ready_at) values (?1, ?2, ?3, ?4, 1, ?5)

-- name: laneTail
select last_seq, done_seq from lane where id = ?1

-- name: appendToIdle
update lane set last_seq = last_seq + 1, ready_at = ?2, rank = ?3, priority = ?4 where id = ?1

-- name: appendToBusy
update lane set last_seq = last_seq + 1 where id = ?1

-- name: insertJob
insert into job (lane_id, seq, kind, state, not_before, owner_epoch, message_id, payload, retry_of, turn_id, created_at)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)

-- name: promoteDue
update lane set ready_at = 0 where id in (
  select id from lane where last_seq > done_seq and ready_at > 0 and ready_at <= ?1 order by ready_at limit ?2)

-- name: clampInstants
update lane set ready_at = 0 where last_seq > done_seq and ready_at > 0
  and (ready_at > ?1 + ?2 or (lease_owner is not null and lease_until > ?1 + lease_ms))

-- name: readyHeads
with recursive head (id, org_id, priority, rank) as (
  select id, org_id, priority, rank from (
    select id, org_id, priority, rank from lane where last_seq > done_seq and ready_at = 0 order by org_id, priority, rank, id limit 1
  )
  union all
  select lane.id, lane.org_id, lane.priority, lane.rank from head join lane on lane.id = (
    select l.id from lane l where l.last_seq > l.done_seq and l.ready_at = 0 and l.org_id > head.org_id order by l.org_id, l.priority, l.rank, l.id limit 1
  )
)
select id, org_id, priority, rank from head

-- name: readyAfter
select id, org_id, priority, rank from lane
where last_seq > done_seq and ready_at = 0 and org_id = ?1 and (priority, rank, id) > (?2, ?3, ?4) order by priority, rank, id limit ?5

-- name: readyLane
select id, org_id, priority, rank from lane where id = ?1 and last_seq > done_seq and ready_at = 0

-- name: channelOf
select channel_id from conversation where id = ?1

-- name: setAside
update lane set ready_at = -1 where id = ?1

-- name: noteAside
insert into aside (channel_id, priority, rank, lane_id) values (?1, ?2, ?3, ?4) on conflict do nothing

-- name: asideChannels
with recursive channel (id) as (
  select min(channel_id) from aside
  union all
  select (select min(channel_id) from aside where channel_id > channel.id) from channel where channel.id is not null
)
select id as channel_id from channel where id is not null

-- name: readyAgain
update lane set ready_at = 0 where ready_at = -1 and id in (
  select lane_id from aside where channel_id = ?1 order by priority, rank, lane_id limit ?2)

-- name: forgetAside
delete from aside where (channel_id, priority, rank, lane_id) in (
  select channel_id, priority, rank, lane_id from aside where channel_id = ?1 order by priority, rank, lane_id limit ?2)

-- name: liveLeases
select org_id, count(*) as held from lane where lease_owner is not null and lease_until > ?1 and lease_until <= ?1 + lease_ms
group by org_id

-- name: takeLane
update lane set lease_owner = ?2, lease_until = ?3, lease_ms = ?4, ready_at = ?3, epoch = epoch + 1 where id = ?1

-- name: nextReady
select min(ready_at) as at from lane where last_seq > done_seq and ready_at > 0

-- name: laneById
select org_id, last_seq, done_seq, lease_until, lease_ms, epoch from lane where id = ?1

-- name: extendLease
update lane set lease_until = ?2, ready_at = ?2 where id = ?1

-- name: openJobs
select seq, kind, state, attempts, crashes, suspect, not_before, owner_epoch, message_id, turn_id, created_at
from job where lane_id = ?1 and seq > ?2 and state in ('scheduled', 'available', 'running', 'retryable') order by seq limit 200

-- name: conversationById
select id, org_id, channel_id, external_id, owner, owner_epoch, owner_since, locale, doubt from conversation where id = ?1

-- name: recoverJob
update job set state = 'available', attempts = attempts - 1, crashes = crashes + ?3, suspect = 1 where lane_id = ?1 and seq = ?2

-- name: logAttempt
insert into attempt (lane_id, seq, n, started_at, ended_at, outcome, error)
select lane_id, seq, attempts + crashes, started_at, ?3, ?4, ?5 from job where lane_id = ?1 and seq = ?2

-- name: jobBySeq
select kind, state, attempts, crashes, suspect, owner_epoch, message_id, turn_id, payload from job where lane_id = ?1 and seq = ?2

-- name: beginJob
update job set state = 'running', attempts = attempts + 1, started_at = ?3 where lane_id = ?1 and seq = ?2

-- name: turnMessage
select id, external_id, author, text, attachments, sent_at, withdrawn from message where id = ?1

-- What has no ending yet waits for a turn of its own, whatever its id says: ids of messages that arrived together need not be in the lane's order.
-- name: history
select id, direction, text, sent_at from message
where conversation_id = ?1 and withdrawn = 0 and (direction = 'outbound' or (id < ?2 and ending <> 'suppressed')) order by id desc limit ?3

-- name: retryJob
update job set state = 'retryable', not_before = ?3, error = ?4 where lane_id = ?1 and seq = ?2

-- name: suspectJob
update job set state = ?3, not_before = ?4, error = ?5, suspect = 1, attempts = attempts - 1 where lane_id = ?1 and seq = ?2

-- name: handBackJob
update job set state = 'available', attempts = attempts - 1 where lane_id = ?1 and seq = ?2

-- name: endJob
update job set state = ?3, ended_at = ?4, error = coalesce(?5, error), reason = ?6 where lane_id = ?1 and seq = ?2

-- name: endMessage
update message set ending = ?2, ending_reason = ?3, ended_at = ?4 where id = ?1 and ending is null

-- name: firstOpen
select seq, kind, state, not_before, owner_epoch from job
where lane_id = ?1 and seq > ?2 and state in ('scheduled', 'available', 'running', 'retryable') order by seq limit 1

-- name: releaseLane
update lane set lease_owner = null, lease_until = 0, done_seq = ?2, ready_at = ?3 where id = ?1

-- name: ownerOf
select owner, owner_epoch from conversation where id = ?1
