-- name: insertTurn
insert into turn (id, lane_id, kind, owner_epoch, members, responder, model, input_tokens, output_tokens, dead_reason, error, planned_at)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)

-- name: insertSend
insert into send (turn_id, part, state, key, text) values (?1, ?2, 'planned', ?3, ?4)

-- name: freezeMember
update job set turn_id = ?3 where lane_id = ?1 and seq = ?2

-- name: turnById
select id, lane_id, kind, owner_epoch, members, dead_reason, settled_at from turn where id = ?1

-- name: sendsOf
select part, state, key, text, tries, ambiguous, first_at, reason from send where turn_id = ?1 order by part

-- name: sendAt
select state, tries, ambiguous, first_at, key, text from send where turn_id = ?1 and part = ?2

-- name: startSend
update send set state = 'sending', tries = tries + 1, first_at = coalesce(first_at, ?3), started_at = ?3 where turn_id = ?1 and part = ?2

-- name: repeatSend
update send set tries = tries + 1, ambiguous = 1, started_at = ?3 where turn_id = ?1 and part = ?2

-- name: endSend
update send set state = ?3, ended_at = ?4, provider_id = coalesce(?5, provider_id), reason = ?6, error = coalesce(?7, error)
where turn_id = ?1 and part = ?2

-- name: markAmbiguous
update send set ambiguous = 1, error = ?3 where turn_id = ?1 and part = ?2

-- name: cancelPlanned
update send set state = 'cancelled', ended_at = ?2 where turn_id = ?1 and state = 'planned'

-- name: loseSending
update send set state = 'unknown', ended_at = ?2 where turn_id = ?1 and state = 'sending'

-- name: delayMember
update job set not_before = ?3 where lane_id = ?1 and seq = ?2

-- name: settleTurn
update turn set settled_at = ?2 where id = ?1

-- name: reopenTurn
update turn set settled_at = null, owner_epoch = ?2, members = ?3 where id = ?1

-- name: replanSends
update send set state = 'planned', tries = 0, first_at = null, ended_at = null, reason = null,
  ambiguous = case when state = 'unknown' then 1 else ambiguous end
where turn_id = ?1 and state in ('failed', 'cancelled', 'unknown')

-- name: reopenMessage
update message set ending = null, ending_reason = null, ended_at = null, seq = ?2 where id = ?1
