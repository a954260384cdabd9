-- Attempts: beginning, failing, handing back, ending.

-- Counts ended jobs.
create function chasqui.count_ended(outcome text, ended bigint) returns void language plpgsql as $$
begin
  if ended > 0 then
    insert into chasqui.tally as t (name, slot, value) values (outcome, pg_backend_pid() & 63, ended)
    on conflict (name, slot) do update set value = t.value + excluded.value;
  end if;
end $$;

-- Notes attempts that did not end well.
create function chasqui.log_attempts(of_lane text, seqs bigint[], how text, why text, now_ms bigint) returns void language plpgsql as $$
begin
  insert into chasqui.attempt (lane_id, seq, n, started_at, ended_at, outcome, error)
  select lane_id, seq, attempts + crashes, started_at, now_ms, how, why from chasqui.job where lane_id = of_lane and seq = any(seqs);
end $$;

-- Ends jobs of a lane and the messages they answer. What has ended stays ended. Returns how many jobs ended.
create function chasqui.end_jobs(of_lane text, seqs bigint[], final_state text, final_ending text, why text, now_ms bigint) returns bigint language plpgsql as $$
declare
  ended bigint;
begin
  with jobs as (
    update chasqui.job set state = final_state, ended_at = now_ms, reason = why, dead_at = case when final_state = 'dead' then now_ms end
    where lane_id = of_lane and seq = any(seqs) and state not in ('completed', 'cancelled', 'dead')
    returning message_id
  ), messages as (
    update chasqui.message m set ending = final_ending, ending_reason = why, ended_at = now_ms
    from jobs where m.id = jobs.message_id and m.ending is null
  )
  select count(*) into ended from jobs;
  return ended;
end $$;

-- Counts the attempt before anything of the payload is looked at. When one of the members is used up, none begins.
create function chasqui.begin(calls json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  replies json;
begin
  perform chasqui.fence(calls, now_ms);
  with answer as materialized (
    select c.n, c.lane, c.seqs, c.history, coalesce(b.refused, false) as refused, b.first_id, b.exhausted, b.messages, b.payload
    from json_to_recordset(calls) as c (n integer, lane text, epoch bigint, seqs bigint[], max_attempts bigint, max_crashes bigint, history bigint)
    join chasqui.lane l on l.id = c.lane and l.epoch = c.epoch
    cross join lateral (
      select bool_or(m.exhausted is not null) as refused, min(m.known_id) as first_id,
        json_agg(json_build_object('seq', m.seq, 'reason', m.exhausted)) filter (where m.exhausted is not null) as exhausted,
        json_agg(json_build_object('id', m.known_id, 'seq', m.seq, 'externalId', m.external_id, 'author', m.author, 'text', m.text,
          'attachments', m.attachments, 'sentAt', m.sent_at, 'withdrawn', m.withdrawn)) filter (where m.known_id is not null) as messages,
        (array_agg(m.payload))[1] as payload
      from (
        select j.seq, j.payload, g.id as known_id, g.external_id, g.author, g.text, g.attachments, g.sent_at, g.withdrawn,
          case when j.crashes >= c.max_crashes then 'crashed' when j.attempts >= c.max_attempts then 'attempts_exhausted' end as exhausted
        from unnest(c.seqs) with ordinality as s (seq, place)
        join chasqui.job j on j.lane_id = c.lane and j.seq = s.seq
        left join chasqui.message g on g.id = j.message_id
        order by s.place
      ) m
    ) b
  ), begun as (
    update chasqui.job j set state = 'running', attempts = j.attempts + 1, started_at = now_ms
    from answer a cross join lateral unnest(a.seqs) as s (seq) where not a.refused and j.lane_id = a.lane and j.seq = s.seq
  )
  select json_agg(json_build_array(a.n, json_build_object('exhausted', a.exhausted, 'messages', a.messages,
    'history', case when a.first_id is not null and not a.refused then (
      select json_agg(json_build_object('role', case when h.direction = 'inbound' then 'user' else 'assistant' end, 'text', h.text, 'at', h.sent_at) order by h.id)
      from (
        select m.id, m.direction, m.text, m.sent_at from chasqui.message m
        where m.conversation_id = a.lane and not m.withdrawn
          -- What has no ending yet waits for a turn of its own, whatever its id says: other processes' ids need not be in the lane's order.
          and (m.direction = 'outbound' or (m.id < a.first_id and m.ending <> 'suppressed'))
        order by m.id desc limit a.history
      ) h
    ) end,
    'payload', case when not a.refused then a.payload end)))
  into replies from answer a;
  return replies;
end $$;

-- The attempts failed. A single job waits; several become suspects, get the attempt back and the first of them waits.
create function chasqui.fail(calls json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  call record;
  failed bigint[];
  handed_off bigint[];
  replies json[] := '{}';
begin
  perform chasqui.fence(calls, now_ms);
  for call in
    select c.* from json_to_recordset(calls) as c (n integer, lane text, epoch bigint, seqs bigint[], error text, retry_ms bigint)
    join chasqui.lane l on l.id = c.lane and l.epoch = c.epoch
  loop
    failed := array(select seq from chasqui.job where lane_id = call.lane and seq = any(call.seqs) and turn_id is null and state = 'running');
    perform chasqui.log_attempts(call.lane, failed, 'failed', call.error, now_ms);
    handed_off := array(
      select seq from chasqui.job where lane_id = call.lane and seq = any(failed) and kind = 'turn' and chasqui.taken(lane_id, owner_epoch)
    );
    perform chasqui.count_ended('completed', chasqui.end_jobs(call.lane, handed_off, 'completed', 'handed_off', 'human_owns', now_ms));
    if cardinality(call.seqs) = 1 then
      update chasqui.job set state = 'retryable', not_before = now_ms + least(call.retry_ms, chasqui.max_park()), error = call.error
      where lane_id = call.lane and seq = any(failed) and seq <> all(handed_off);
    else
      update chasqui.job set suspect = true, attempts = attempts - 1, error = call.error,
        state = case when seq = call.seqs[1] then 'retryable' else 'available' end,
        not_before = case when seq = call.seqs[1] then now_ms + least(call.retry_ms, chasqui.max_park()) else 0 end
      where lane_id = call.lane and seq = any(failed) and seq <> all(handed_off);
    end if;
    replies := replies || json_build_array(call.n, null);
  end loop;
  return array_to_json(replies);
end $$;

create function chasqui.hand_back(calls json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  call record;
  back bigint[];
  replies json[] := '{}';
begin
  perform chasqui.fence(calls, now_ms);
  for call in
    select c.* from json_to_recordset(calls) as c (n integer, lane text, epoch bigint, seqs bigint[])
    join chasqui.lane l on l.id = c.lane and l.epoch = c.epoch
  loop
    back := array(select seq from chasqui.job where lane_id = call.lane and seq = any(call.seqs) and turn_id is null and state = 'running');
    perform chasqui.log_attempts(call.lane, back, 'handed_back', null, now_ms);
    update chasqui.job set state = 'available', attempts = attempts - 1 where lane_id = call.lane and seq = any(back);
    replies := replies || json_build_array(call.n, null);
  end loop;
  return array_to_json(replies);
end $$;

-- Ends jobs, or sets their next time (state `retryable`). What has ended stays ended.
create function chasqui.complete(calls json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  replies json;
  completed bigint;
  cancelled bigint;
  dead bigint;
begin
  perform chasqui.fence(calls, now_ms);
  with call as (
    select c.*
    from json_to_recordset(calls) as c
      (n integer, lane text, epoch bigint, seqs bigint[], state text, ending text, reason text, error text, retry_ms bigint)
    join chasqui.lane l on l.id = c.lane and l.epoch = c.epoch
  ), member as (
    select c.*, j.seq, j.message_id, j.attempts + j.crashes as tries, j.started_at
    from call c cross join lateral unnest(c.seqs) as s (seq)
    join chasqui.job j on j.lane_id = c.lane and j.seq = s.seq and j.state not in ('completed', 'cancelled', 'dead')
  ), logged as (
    insert into chasqui.attempt (lane_id, seq, n, started_at, ended_at, outcome, error)
    select lane, seq, tries, started_at, now_ms, 'failed', error from member where state = 'retryable'
  ), jobs as (
    update chasqui.job j set state = m.state, error = coalesce(m.error, j.error),
      not_before = case when m.state = 'retryable' then now_ms + least(m.retry_ms, chasqui.max_park()) else j.not_before end,
      reason = case when m.state = 'retryable' then j.reason else m.reason end,
      ended_at = case when m.state = 'retryable' then j.ended_at else now_ms end,
      dead_at = case when m.state = 'dead' then now_ms end
    from member m where j.lane_id = m.lane and j.seq = m.seq
  ), messages as (
    update chasqui.message g set ending = m.ending, ending_reason = m.reason, ended_at = now_ms
    from member m where m.state <> 'retryable' and g.id = m.message_id and g.ending is null
  )
  select (select json_agg(json_build_array(n, null)) from call), count(*) filter (where state = 'completed'),
    count(*) filter (where state = 'cancelled'), count(*) filter (where state = 'dead')
  into replies, completed, cancelled, dead from member;
  perform chasqui.count_ended('completed', completed);
  perform chasqui.count_ended('cancelled', cancelled);
  perform chasqui.count_ended('dead', dead);
  return replies;
end $$;

-- Moves a due job to its conversation's lane: appending there and ending here are one transaction, so that it is not done twice.
create function chasqui.promote(call json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  from_lane text := call ->> 'lane';
  job chasqui.job;
  place bigint;
begin
  select * into job from chasqui.job where lane_id = from_lane and seq = (call ->> 'seq')::bigint;
  perform 1 from chasqui.lane where id in (from_lane, job.to_lane) order by id for update;
  perform chasqui.fence(json_build_array(call), now_ms);
  if not exists (select from chasqui.lane where id = from_lane and epoch = (call ->> 'epoch')::bigint) then
    return to_json('lease lost'::text);
  end if;
  select * into job from chasqui.job where lane_id = from_lane and seq = (call ->> 'seq')::bigint;
  if job.to_lane is null or job.state = 'completed' then
    return json_build_object('laneId', from_lane);
  end if;
  place := chasqui.take_place(job.to_lane, call ->> 'org_id', 0, 0, now_ms);
  insert into chasqui.job (lane_id, seq, kind, state, owner_epoch, payload, created_at)
  values (job.to_lane, place, job.to_kind, 'available', coalesce((select owner_epoch from chasqui.conversation where id = job.to_lane), 0), job.payload, now_ms);
  perform chasqui.count_ended('completed',
    chasqui.end_jobs(from_lane, array[job.seq], 'completed', 'answered', 'job_' || job.to_lane || '_' || place, now_ms));
  return json_build_object('laneId', job.to_lane);
end $$;
