-- name: lastMessage
select direction, author, text, attachments, accepted_at, withdrawn, ending, ending_reason from message
where conversation_id = ?1 and id >= ?2 order by rowid desc limit 1

-- name: lastSaid
select direction, author, text from message where conversation_id = ?1 and withdrawn = 0 order by id desc limit ?2

-- name: takeNotice
insert into notice (conversation_id, topic, said_at) values (?1, ?2, max(?3, ?4))
on conflict (conversation_id, topic) do update set said_at = excluded.said_at where notice.said_at < ?3
returning 1 as taken
