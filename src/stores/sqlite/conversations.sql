-- name: conversationByExternal
select id, org_id, channel_id, external_id, owner, owner_epoch, owner_since, locale, doubt from conversation
where channel_id = ?1 and external_id = ?2

-- name: changeOwner
update conversation set owner = ?2, owner_epoch = owner_epoch + 1, owner_since = ?3 where id = ?1

-- name: confirmOwner
update conversation set owner_since = ?2 where id = ?1 and owner_since < ?2

-- name: readyUnlessHeld
update lane set ready_at = 0 where id = ?1 and last_seq > done_seq and lease_until <= ?2 and ready_at > 0

-- name: clearDoubt
update conversation set doubt = 0 where id = ?1

-- name: knownMessages
select external_id from message
where channel_id = ?1 and external_id in (select value from json_each(?2)) and not (verdict = 'withdrawn' and ending is null)

-- name: readCursor
select at from cursor where channel_id = ?1

-- name: writeCursor
insert into cursor (channel_id, at) values (?1, ?2) on conflict (channel_id) do update set at = excluded.at
