-- name: openOperation
select id from operation where kind = ?1 and state = 'running'

-- name: startOperation
insert into operation (id, kind, state, total, params, created_at, updated_at) values (?1, ?2, 'running', ?3, ?4, ?5, ?5)

-- name: operationToTake
select id, kind, params, cursor, done, failed, stumbles, epoch, created_at from operation
where state = 'running' and kind in (select value from json_each(?1)) and (lease_until <= ?2 or lease_until > ?2 + ?3) order by id limit 1

-- name: takeOperation
update operation set lease_owner = ?2, lease_until = ?3, epoch = epoch + 1 where id = ?1

-- name: renewOperation
update operation set lease_until = ?3 where id = ?1 and epoch = ?2

-- name: advanceOperation
update operation set cursor = ?3, done = ?4, failed = ?5, updated_at = ?6, lease_until = ?7, stumbles = 0, error = null where id = ?1 and epoch = ?2

-- name: stumbleOperation
update operation set error = ?3, stumbles = stumbles + 1, lease_owner = null, lease_until = ?5 + coalesce(?4, 0), updated_at = ?5,
  state = case when ?4 is null and state = 'running' then 'failed' else state end
where id = ?1 and epoch = ?2

-- name: completeOperation
update operation set state = 'completed', lease_owner = null, lease_until = 0, updated_at = ?3 where id = ?1 and epoch = ?2

-- name: giveBackOperation
update operation set lease_owner = null, lease_until = 0 where id = ?1 and epoch = ?2

-- name: cancelOperation
update operation set state = 'cancelled', updated_at = ?2 where id = ?1 and state = 'running'

-- name: resumeOperation
update operation set state = 'running', stumbles = 0, error = null, updated_at = ?2 where id = ?1

-- name: operationById
select id, kind, case when state = 'running' and lease_owner is not null and lease_until <= ?2 then 'interrupted' else state end as state,
  total, done, failed, error, created_at as createdAt, updated_at as updatedAt
from operation where id = ?1

-- name: operations
select id, kind, case when state = 'running' and lease_owner is not null and lease_until <= ?1 then 'interrupted' else state end as state,
  total, done, failed, error, created_at as createdAt, updated_at as updatedAt
from operation order by id desc limit ?2

-- name: pruneOperations
delete from operation where id in (select id from operation where state <> 'running' and updated_at < ?1 limit ?2)

-- name: addTally
insert into tally (name, value) values (?1, ?2) on conflict (name) do update set value = value + excluded.value

-- name: tallies
select name, value from tally

-- name: openCounts
select case when lane.lease_until > ?1 and job.state = 'running' then 'active' when job.not_before > ?1 then 'delayed' else 'waiting' end as bucket,
  count(*) as count
from lane join job on job.lane_id = lane.id and job.seq > lane.done_seq
where lane.last_seq > lane.done_seq and job.state in ('scheduled', 'available', 'running', 'retryable') group by bucket

-- name: oldestWaiting
select min(job.created_at) as at from lane join job on job.lane_id = lane.id and job.seq > lane.done_seq
where lane.last_seq > lane.done_seq and job.state in ('available', 'retryable', 'scheduled') and job.not_before <= ?1
