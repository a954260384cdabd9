-- name: openBreakers
select name, until, opened from breaker order by name

-- name: openBreaker
insert into breaker (name, until, opened) values (?1, ?2, ?3)
on conflict (name) do update set until = excluded.until, opened = excluded.opened, probe_until = 0

-- name: closeBreaker
delete from breaker where name = ?1

-- name: breakerNamed
select 1 from breaker where name = ?1

-- name: probeBreaker
update breaker set probe_until = ?3
where name = ?1 and (until <= ?2 or until > ?2 + 600000) and (probe_until <= ?2 or probe_until > ?3)
