-- name: jobRecord
select lane.org_id, job.kind, job.state, job.attempts, job.crashes, job.reason, job.error, job.progress_done, job.progress_total, job.retry_of,
  job.created_at, job.started_at, job.ended_at
from job join lane on lane.id = job.lane_id where job.lane_id = ?1 and job.seq = ?2

-- name: noteProgress
update job set progress_done = ?3, progress_total = ?4 where lane_id = ?1 and seq = ?2

-- name: laneOfKey
select lane_id from job_key where key = ?1

-- name: lastJob
select seq, state from job where lane_id = ?1 order by seq desc limit 1

-- name: setKey
insert into job_key (key, lane_id, created_at) values (?1, ?2, ?3)
on conflict (key) do update set lane_id = excluded.lane_id, created_at = excluded.created_at

-- name: keyedJobs
select job_key.key, job.lane_id, job.seq, job.state from job_key join job on job.lane_id = job_key.lane_id
where job_key.key in (select value from json_each(?1)) and job.seq = (select max(seq) from job where lane_id = job_key.lane_id)

-- name: openKeys
select job_key.key, job.lane_id, job.seq, job.state from job_key join job on job.lane_id = job_key.lane_id
where job_key.key >= ?1 and job_key.key < ?1 || char(1114111) and job_key.key > ?2
  and job.seq = (select max(seq) from job where lane_id = job_key.lane_id) and job.state not in ('completed', 'cancelled')
order by job_key.key limit ?3

-- name: pruneKeys
delete from job_key where key in (select key from job_key where created_at < ?1
  and not exists (select 1 from job where lane_id = job_key.lane_id and state not in ('completed', 'cancelled')) limit ?2)
