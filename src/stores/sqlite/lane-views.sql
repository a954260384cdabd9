-- name: laneCounts
select
  (select count(*) from lane where last_seq > done_seq and ready_at = 0)
    + (select count(*) from lane where last_seq > done_seq and ready_at > 0 and ready_at <= ?1) as ready,
  (select count(*) from lane where last_seq > done_seq and ready_at > ?1 and lease_owner is not null) as held,
  (select count(*) from lane where last_seq > done_seq and ready_at > ?1 and lease_owner is null) as parked

-- name: lanesReady
select id from (
  select id from lane where last_seq > done_seq and ready_at = 0
  union all
  select id from lane where last_seq > done_seq and ready_at > 0 and ready_at <= ?1
) limit ?2

-- name: laneDue
select ready_at as at, lease_owner is not null as leased from lane where id = ?1 and last_seq > done_seq
