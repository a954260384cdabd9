-- The send ledger: what was decided to say, and what became of each part.

-- Stores replies and freezes their members, with the last look at the owner and at withdrawals in the same transaction. Answers each call with
-- its stored turn: the one that its members have already, when they have one; null when nothing is left to say.
create function chasqui.plan(calls json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  replies json;
  completed bigint;
  cancelled bigint;
begin
  perform chasqui.fence(calls, now_ms);
  with call as (
    select c.*
    from json_to_recordset(calls) as c (n integer, lane text, epoch bigint, turn_id text, seqs bigint[], kind text, parts text[], keys text[],
      responder text, model text, input_tokens bigint, output_tokens bigint, dead_reason text, error text)
    join chasqui.lane l on l.id = c.lane and l.epoch = c.epoch
  ), decided as (
    select c.*, m.known_turn, m.members, m.withdrawn, coalesce(m.epoch_then, 0) as epoch_then,
      case
        when m.known_turn is not null then 'known'
        when m.taken then 'taken'
        when m.members = '{}' then 'withdrawn'
        when cardinality(c.parts) = 0 then 'empty'
        else 'said'
      end as verdict
    from call c cross join lateral (
      select (array_agg(j.turn_id order by s.place) filter (where j.turn_id is not null))[1] as known_turn,
        coalesce(bool_or(v.owner <> 'bot' or v.owner_epoch <> j.owner_epoch), false) as taken,
        coalesce(array_agg(j.seq order by s.place) filter (where m.withdrawn is not true), '{}') as members,
        coalesce(array_agg(j.seq order by s.place) filter (where m.withdrawn), '{}') as withdrawn,
        (array_agg(j.owner_epoch order by s.place) filter (where m.withdrawn is not true))[1] as epoch_then
      from unnest(c.seqs) with ordinality as s (seq, place)
      join chasqui.job j on j.lane_id = c.lane and j.seq = s.seq
      left join chasqui.message m on m.id = j.message_id
      left join chasqui.conversation v on v.id = c.lane
    ) m
  ), ended as (
    select d.lane, j.seq, j.message_id,
      case when d.verdict = 'taken' or s.seq <> all(d.withdrawn) then 'completed' else 'cancelled' end as final_state,
      case when d.verdict = 'taken' then 'handed_off' else 'suppressed' end as ending,
      case when d.verdict = 'taken' then 'human_owns' when s.seq = any(d.withdrawn) then 'withdrawn' else 'empty_reply' end as why
    from decided d
    cross join lateral unnest(case when d.verdict in ('taken', 'empty') then d.members || d.withdrawn else d.withdrawn end) as s (seq)
    join chasqui.job j on j.lane_id = d.lane and j.seq = s.seq and j.state not in ('completed', 'cancelled', 'dead')
    where d.verdict <> 'known'
  ), ended_jobs as (
    update chasqui.job j set state = e.final_state, ended_at = now_ms, reason = e.why from ended e where j.lane_id = e.lane and j.seq = e.seq
  ), ended_messages as (
    update chasqui.message m set ending = e.ending, ending_reason = e.why, ended_at = now_ms
    from ended e where m.id = e.message_id and m.ending is null
  ), answered as (
    update chasqui.job j set turn_id = d.turn_id
    from decided d cross join lateral unnest(d.members) as s (seq)
    where d.verdict = 'said' and j.lane_id = d.lane and j.seq = s.seq
  ), turns as (
    insert into chasqui.turn (id, lane_id, kind, owner_epoch, members, responder, model, input_tokens, output_tokens, dead_reason, error, planned_at)
    select turn_id, lane, kind, epoch_then, members, responder, model, input_tokens, output_tokens, dead_reason, error, now_ms
    from decided where verdict = 'said'
  ), sends as (
    insert into chasqui.send (turn_id, part, state, key, text)
    select d.turn_id, p.place - 1, 'planned', p.key, p.text
    from decided d cross join lateral unnest(d.parts, d.keys) with ordinality as p (text, key, place)
    where d.verdict = 'said'
  )
  select (
      select json_agg(json_build_array(d.n, case d.verdict
        when 'known' then chasqui.read_turn(d.known_turn)
        when 'said' then json_build_object('id', d.turn_id, 'kind', d.kind, 'ownerEpoch', d.epoch_then, 'members', d.members,
          'deadReason', d.dead_reason, 'sends', (
            select json_agg(json_build_object('part', p.place - 1, 'state', 'planned', 'key', p.key, 'text', p.text, 'tries', 0, 'ambiguous', false)
              order by p.place)
            from unnest(d.parts, d.keys) with ordinality as p (text, key, place)
          ))
        end))
      from decided d
    ), count(*) filter (where final_state = 'completed'), count(*) filter (where final_state = 'cancelled')
  into replies, completed, cancelled from ended;
  perform chasqui.count_ended('completed', completed);
  perform chasqui.count_ended('cancelled', cancelled);
  return replies;
end $$;

-- What starting a part comes to: `planned` parts are started, parts in `sending` are tried again.
create function chasqui.start_parts(calls json, from_state text, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
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
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
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
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
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
  perform chasqui.fence(json_build_array(call), now_ms);
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
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  replies json;
  completed bigint;
  dead bigint;
begin
  perform chasqui.fence(calls, now_ms);
  with told as (
    select c.n, c.lane, t.id, t.members,
      case
        when t.kind = 'apology' then coalesce(t.dead_reason, 'attempts_exhausted')
        when closing then 'human_owns'
        when s.failed then coalesce(s.failed_reason, 'send_failed')
        when s.unknown then 'ambiguous_send'
        else 'reply'
      end as why,
      t.kind <> 'apology' and closing as handed_off,
      t.kind <> 'apology' and (closing or not (coalesce(s.failed, false) or coalesce(s.unknown, false))) as lives
    from json_to_recordset(calls) as c (n integer, lane text, epoch bigint, turn_id text)
    join chasqui.lane l on l.id = c.lane and l.epoch = c.epoch
    join chasqui.turn t on t.id = c.turn_id
    cross join lateral (
      select bool_or(state = 'failed') as failed, bool_or(state = 'unknown') as unknown,
        (array_agg(reason order by part) filter (where state = 'failed'))[1] as failed_reason
      from chasqui.send where turn_id = t.id
    ) s
  ), judged as (
    select n, lane, id, members, why, case when lives then 'completed' else 'dead' end as final_state,
      case when handed_off then 'handed_off' when lives then 'answered' else 'dead' end as ending
    from told
  ), sends as (
    update chasqui.send s set state = case when s.state = 'planned' then 'cancelled' else 'unknown' end, ended_at = now_ms
    from judged j where s.turn_id = j.id and (s.state = 'planned' or (closing and s.state = 'sending'))
  ), turns as (
    update chasqui.turn t set settled_at = now_ms from judged j where t.id = j.id
  ), member as (
    select d.lane, d.final_state, d.ending, d.why, j.seq, j.message_id
    from judged d cross join lateral unnest(d.members) as m (seq)
    join chasqui.job j on j.lane_id = d.lane and j.seq = m.seq and j.state not in ('completed', 'cancelled', 'dead')
  ), jobs as (
    update chasqui.job j set state = m.final_state, ended_at = now_ms, reason = m.why, dead_at = case when m.final_state = 'dead' then now_ms end
    from member m where j.lane_id = m.lane and j.seq = m.seq
  ), messages as (
    update chasqui.message g set ending = m.ending, ending_reason = m.why, ended_at = now_ms
    from member m where g.id = m.message_id and g.ending is null
  )
  select (select json_agg(json_build_array(n, json_build_object('ending', ending, 'reason', why))) from judged),
    count(*) filter (where final_state = 'completed'), count(*) filter (where final_state = 'dead')
  into replies, completed, dead from member;
  perform chasqui.count_ended('completed', completed);
  perform chasqui.count_ended('dead', dead);
  return replies;
end $$;

create function chasqui.settle(calls json, at bigint) returns json language sql as $$ select chasqui.end_turns(calls, false, at) $$;

create function chasqui.close(calls json, at bigint) returns json language sql as $$ select chasqui.end_turns(calls, true, at) $$;
