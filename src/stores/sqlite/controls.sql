-- name: pauses
select scope, id, since from pause order by since, scope, id

-- name: pause
insert into pause (scope, id, since) values (?1, ?2, ?3) on conflict do nothing

-- name: resume
delete from pause where scope = ?1 and id = ?2

-- name: readControl
select value from control where name = ?1

-- name: writeControl
insert into control (name, value) values (?1, ?2) on conflict (name) do update set value = excluded.value
