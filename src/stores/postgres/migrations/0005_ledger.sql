-- The send ledger: what was decided to say, and what became of each part.

-- Stores replies and freezes their members, with the last look at the owner and at withdrawals in the same transaction.
create function chasqui.plan(calls json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  call record;
  replies json[] := '{}';
begin
  perform chasqui.fence(calls, now_ms);
  for call in
    select c.*
    from json_to_recordset(calls) as c (n integer, lane text, epoch bigint, turn_id text, seqs bigint[], kind text, parts text[], keys text[],
      responder text, model text, input_tokens bigint, output_tokens bigint, dead_reason text, error text)
    join chasqui.lane l on l.id = c.lane and l.epoch = c.epoch
  loop
    replies := replies || json_build_array(call.n, chasqui.read_turn(chasqui.plan_turn(call, now_ms)));
  end loop;
  return array_to_json(replies);
end $$;

-- Plans one reply. Returns the turn's id: the stored one, when there is one; null when nothing is left to say.
create function chasqui.plan_turn(call record, now_ms bigint) returns text language plpgsql as $$
declare
  found_turn text;
  is_taken boolean;
  members bigint[];
  withdrawn bigint[];
  epoch_then bigint;
begin
  select (array_agg(j.turn_id order by s.place) filter (where j.turn_id is not null))[1],
    coalesce(bool_or(chasqui.taken(call.lane, j.owner_epoch)), false),
    coalesce(array_agg(j.seq order by s.place) filter (where m.withdrawn is not true), '{}'),
    coalesce(array_agg(j.seq order by s.place) filter (where m.withdrawn), '{}'),
    (array_agg(j.owner_epoch order by s.place) filter (where m.withdrawn is not true))[1]
  into found_turn, is_taken, members, withdrawn, epoch_then
  from unnest(call.seqs) with ordinality as s (seq, place)
  join chasqui.job j on j.lane_id = call.lane and j.seq = s.seq
  left join chasqui.message m on m.id = j.message_id;

  if found_turn is not null then
    return found_turn;
  elsif is_taken then
    perform chasqui.count_ended('completed', chasqui.end_jobs(call.lane, members || withdrawn, 'completed', 'handed_off', 'human_owns', now_ms));
    return null;
  end if;
  perform chasqui.count_ended('cancelled', chasqui.end_jobs(call.lane, withdrawn, 'cancelled', 'suppressed', 'withdrawn', now_ms));
  if cardinality(members) = 0 then
    return null;
  elsif cardinality(call.parts) = 0 then
    perform chasqui.count_ended('completed', chasqui.end_jobs(call.lane, members, 'completed', 'suppressed', 'empty_reply', now_ms));
    return null;
  end if;
  insert into chasqui.turn (id, lane_id, kind, owner_epoch, members, responder, model, input_tokens, output_tokens, dead_reason, error, planned_at)
  values (call.turn_id, call.lane, call.kind, coalesce(epoch_then, 0), members, call.responder, call.model, call.input_tokens, call.output_tokens,
    call.dead_reason, call.error, now_ms);
  insert into chasqui.send (turn_id, part, state, key, text)
  select call.turn_id, p.place - 1, 'planned', p.key, p.text from unnest(call.parts, call.keys) with ordinality as p (text, key, place);
  update chasqui.job set turn_id = call.turn_id where lane_id = call.lane and seq = any(members);
  return call.turn_id;
end $$;

-- What starting a part comes to: `planned` parts are started, parts in `sending` are tried again.
create function chasqui.start_parts(calls json, from_state text, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  replies json;
begin
  perform chasqui.fence(calls, now_ms);
  with part as (
    select c.n, s.turn_id, s.part,
      case
        when s.state is distinct from from_state then 'ended'
        when chasqui.taken(c.lane, t.owner_epoch) then 'taken'
        when c.within_ms is not null and not (now_ms - coalesce(s.first_at, now_ms) between 0 and c.within_ms - 1) then 'too_old'
        when s.tries >= c.max_tries and now_ms - coalesce(s.first_at, now_ms) >= coalesce(c.patience_ms, 0) then 'given_up'
        else 'go'
      end as start
    from json_to_recordset(calls) as c (n integer, lane text, epoch bigint, turn_id text, part bigint, max_tries bigint, within_ms bigint, patience_ms bigint)
    join chasqui.lane l on l.id = c.lane and l.epoch = c.epoch
    left join chasqui.send s on s.turn_id = c.turn_id and s.part = c.part
    left join chasqui.turn t on t.id = c.turn_id
  ), started as (
    update chasqui.send s set state = 'sending', tries = s.tries + 1, first_at = coalesce(s.first_at, now_ms), started_at = now_ms,
      ambiguous = s.ambiguous or from_state = 'sending'
    from part p where p.start = 'go' and s.turn_id = p.turn_id and s.part = p.part
  ), given_up as (
    update chasqui.send s set ended_at = now_ms, state = case when from_state = 'planned' and not s.ambiguous then 'failed' else 'unknown' end,
      reason = case when from_state = 'planned' and not s.ambiguous then 'send_failed' else 'ambiguous_send' end
    from part p where p.start = 'given_up' and s.turn_id = p.turn_id and s.part = p.part
  )
  select json_agg(json_build_array(n, start)) into replies from part;
  return replies;
end $$;

create function chasqui.start_part(calls json, at bigint) returns json language sql as $$ select chasqui.start_parts(calls, 'planned', at) $$;

create function chasqui.resend(calls json, at bigint) returns json language sql as $$ select chasqui.start_parts(calls, 'sending', at) $$;

-- Facts, so no lease is asked for. A part that was given up or cancelled before it was ever sent stays as it is. What was said belongs to the
-- conversation's history, under the platform's id: our echo is then a known message.
create function chasqui.record_sent(calls json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  replies json;
begin
  perform 1 from json_to_recordset(calls) as c (turn_id text, part bigint) join chasqui.send s on s.turn_id = c.turn_id and s.part = c.part
  order by s.turn_id, s.part for update of s;

  with fact as (
    select c.n, c.provider_id, c.message_id, s.turn_id, s.part, s.key, s.text, t.lane_id
    from json_to_recordset(calls) as c (n integer, turn_id text, part bigint, provider_id text, message_id text)
    join chasqui.send s on s.turn_id = c.turn_id and s.part = c.part
    join chasqui.turn t on t.id = c.turn_id
    where s.state in ('sending', 'unknown') or (s.state = 'planned' and t.settled_at is null)
  ), sends as (
    update chasqui.send s set state = 'sent', ended_at = now_ms, provider_id = coalesce(f.provider_id, s.provider_id), reason = null
    from fact f where s.turn_id = f.turn_id and s.part = f.part
  )
  insert into chasqui.message (id, org_id, channel_id, conversation_id, direction, external_id, author, text, sent_at, received_at, verified_at,
    accepted_at, verdict)
  select f.message_id, v.org_id, v.channel_id, v.id, 'outbound', coalesce(f.provider_id, f.key), 'bot', f.text, now_ms, now_ms, now_ms, now_ms, 'accepted'
  from fact f join chasqui.conversation v on v.id = f.lane_id
  order by f.message_id
  on conflict do nothing;

  select json_agg(json_build_array(n, null)) into replies from json_to_recordset(calls) as c (n integer);
  return replies;
end $$;

-- How a part ended, or that it is to be tried again. Once some try may have been shown, a later refusal does not prove that it was not.
create function chasqui.end_part(call json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  of_lane text := call ->> 'lane';
  of_turn text := call ->> 'turn_id';
  at_part bigint := (call ->> 'part')::bigint;
  final_state text := call ->> 'state';
  why text := call ->> 'reason';
  said text := call ->> 'error';
  part_now chasqui.send;
begin
  perform chasqui.fence(array[of_lane], array[(call ->> 'epoch')::bigint], now_ms);
  if not exists (select from chasqui.lane where id = of_lane and epoch = (call ->> 'epoch')::bigint) then
    return to_json('lease lost'::text);
  end if;
  select * into part_now from chasqui.send s where s.turn_id = of_turn and s.part = at_part for update;
  if not found or part_now.state not in ('sending', 'planned') then
    return null;
  end if;
  if final_state = 'failed' and part_now.ambiguous then
    final_state := 'unknown';
    why := 'ambiguous_send';
  end if;
  case final_state
    when 'ambiguous' then
      update chasqui.send s set ambiguous = true, error = said where s.turn_id = of_turn and s.part = at_part;
    when 'planned' then
      update chasqui.send s set state = case when s.ambiguous then 'sending' else 'planned' end, ended_at = null, reason = null, error = coalesce(said, s.error)
      where s.turn_id = of_turn and s.part = at_part;
      update chasqui.job j set not_before = case when chasqui.taken(of_lane, t.owner_epoch) then 0
        else now_ms + least((call ->> 'retry_ms')::bigint, chasqui.max_park()) end
      from chasqui.turn t where t.id = of_turn and j.lane_id = of_lane and j.seq = any(t.members);
    else
      update chasqui.send s set state = final_state, ended_at = now_ms, reason = why, error = coalesce(said, s.error)
      where s.turn_id = of_turn and s.part = at_part;
  end case;
  return null;
end $$;

-- Ends turns, and their jobs and messages with them: by what became of their parts, or because a person took over (`closing`). No part
-- stays open under an ended turn.
create function chasqui.end_turns(calls json, closing boolean, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  call record;
  final_state text;
  final_ending text;
  why text;
  replies json[] := '{}';
begin
  perform chasqui.fence(calls, now_ms);
  for call in
    select c.n, c.lane, t.id, t.kind, t.members, t.dead_reason, s.failed, s.failed_reason, s.unknown
    from json_to_recordset(calls) as c (n integer, lane text, epoch bigint, turn_id text)
    join chasqui.lane l on l.id = c.lane and l.epoch = c.epoch
    join chasqui.turn t on t.id = c.turn_id
    cross join lateral (
      select bool_or(state = 'failed') as failed, bool_or(state = 'unknown') as unknown,
        (array_agg(reason order by part) filter (where state = 'failed'))[1] as failed_reason
      from chasqui.send where turn_id = t.id
    ) s
  loop
    final_state := 'dead';
    final_ending := 'dead';
    if call.kind = 'apology' then
      why := coalesce(call.dead_reason, 'attempts_exhausted');
    elsif closing then
      final_state := 'completed';
      final_ending := 'handed_off';
      why := 'human_owns';
    elsif call.failed then
      why := coalesce(call.failed_reason, 'send_failed');
    elsif call.unknown then
      why := 'ambiguous_send';
    else
      final_state := 'completed';
      final_ending := 'answered';
      why := 'reply';
    end if;
    update chasqui.send set state = case when state = 'planned' then 'cancelled' else 'unknown' end, ended_at = now_ms
    where turn_id = call.id and (state = 'planned' or (closing and state = 'sending'));
    update chasqui.turn set settled_at = now_ms where id = call.id;
    perform chasqui.count_ended(final_state, chasqui.end_jobs(call.lane, call.members, final_state, final_ending, why, now_ms));
    replies := replies || json_build_array(call.n, json_build_object('ending', final_ending, 'reason', why));
  end loop;
  return array_to_json(replies);
end $$;

create function chasqui.settle(calls json, at bigint) returns json language sql as $$ select chasqui.end_turns(calls, false, at) $$;

create function chasqui.close(calls json, at bigint) returns json language sql as $$ select chasqui.end_turns(calls, true, at) $$;
