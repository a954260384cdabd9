-- name: startOperation
insert into operation (id, kind, state, total, created_at, updated_at) values (?1, ?2, 'running', ?3, ?4, ?4)

-- name: progressOperation
update operation set done = ?2, failed = ?3, state = ?4, updated_at = ?5 where id = ?1

-- name: operationById
select id, kind, state, total, done, failed, created_at as createdAt, updated_at as updatedAt from operation where id = ?1

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
