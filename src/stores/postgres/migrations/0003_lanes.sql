-- Leases: reading what is open, keeping lanes, giving them back. Taking them is in the file of claims.

-- Milliseconds until a job may run. A retry time too far ahead is a clock set back; a due time is meant.
create function chasqui.wait_ms(state text, not_before bigint, now_ms bigint) returns bigint language sql immutable as $$
  select case when state <> 'scheduled' and not_before - now_ms > chasqui.max_park() then 0 else greatest(not_before - now_ms, 0) end
$$;

-- True when the bot may not speak for a job begun under `epoch`.
create function chasqui.taken(of_lane text, epoch bigint) returns boolean language plpgsql stable as $$
begin
  return exists (select from chasqui.conversation where id = of_lane and (owner <> 'bot' or owner_epoch <> epoch));
end $$;

-- `calls`: each with `lane` and `epoch`. Locks the lanes whose epoch is still the lease's, in the order of their ids, and extends leases of which a third has passed. A statement
-- after this one that joins the lane on its id and the lease's epoch is fenced: nobody can claim the lane before the transaction ends.
create function chasqui.fence(calls json, now_ms bigint) returns void language plpgsql as $$
declare
  due text[];
begin
  select array_agg(id) filter (where lease_until - now_ms < lease_ms * 2 / 3 or lease_until - now_ms > lease_ms) into due
  from (
    select l.id, l.lease_until, l.lease_ms
    from json_to_recordset(calls) as c (lane text, epoch bigint) join chasqui.lane l on l.id = c.lane and l.epoch = c.epoch
    order by l.id for update of l
  ) locked;
  if due is not null then
    update chasqui.lane set lease_until = now_ms + lease_ms, ready_at = now_ms + lease_ms where id = any(due);
  end if;
end $$;

-- What a worker needs of its lanes: the sequence it reads against and the unfinished jobs, of one snapshot. `epochs`: only lanes still at them.
create function chasqui.read_lanes(ids text[], epochs bigint[], now_ms bigint)
returns table (n bigint, id text, org_id text, epoch bigint, priority bigint, rank bigint, open json) language plpgsql as $$
#variable_conflict use_column
begin
  return query
  select w.n, l.id, l.org_id, l.epoch, l.priority, l.rank,
    json_build_object('seen', l.last_seq, 'jobs', jobs.list, 'conversation', (
      select json_build_object('id', c.id, 'orgId', c.org_id, 'channelId', c.channel_id, 'externalId', c.external_id, 'owner', c.owner,
        'ownerEpoch', c.owner_epoch, 'ownerSince', c.owner_since, 'locale', c.locale, 'doubt', c.doubt)
      from chasqui.conversation c where c.id = l.id
    ), 'turn', case when jobs.turn_id is not null then chasqui.read_turn(jobs.turn_id) end)
  from unnest(ids, epochs) with ordinality as w (id, epoch, n)
  join chasqui.lane l on l.id = w.id and (w.epoch is null or l.epoch = w.epoch)
  cross join lateral (
    -- The jobs come in order, so the aggregates need not sort them again.
    select json_agg(json_build_array(j.seq, j.kind, j.state, j.attempts, j.crashes, j.suspect, chasqui.wait_ms(j.state, j.not_before, now_ms),
        -- Appended in the future: the clock was set back. Old enough for anything that waits for age.
        case when j.created_at > now_ms then chasqui.max_park() else now_ms - j.created_at end, j.owner_epoch, j.message_id, j.turn_id)) as list,
      (array_agg(j.turn_id))[1] as turn_id
    from (
      select * from chasqui.job o
      where o.lane_id = l.id and o.seq > l.done_seq and o.state in ('scheduled', 'available', 'running', 'retryable') order by o.seq limit 200
    ) j
  ) jobs;
end $$;

-- A stored reply with its parts.
create function chasqui.read_turn(of_turn text) returns json language plpgsql as $$
begin
  return (
    select json_build_object('id', t.id, 'kind', t.kind, 'ownerEpoch', t.owner_epoch, 'members', t.members, 'deadReason', t.dead_reason, 'sends', (
      select json_agg(json_build_object('part', s.part, 'state', s.state, 'key', s.key, 'text', s.text, 'tries', s.tries, 'ambiguous', s.ambiguous) order by s.part)
      from chasqui.send s where s.turn_id = t.id
    ))
    from chasqui.turn t where t.id = of_turn
  );
end $$;

-- Jobs that are running without a stored reply, in a lane that nobody held, were cut off with their worker. One alone is charged with the
-- death; several get the attempt back and will run one by one. Returns their places by lane; null when there are none.
create function chasqui.recover(ids text[], now_ms bigint) returns jsonb language plpgsql as $$
declare
  stalled jsonb;
begin
  with cut as (
    select j.lane_id, j.seq, j.attempts, j.crashes, j.started_at, case when count(*) over (partition by j.lane_id) = 1 then 1 else 0 end as charge
    from unnest(ids) as w (id) join chasqui.lane l on l.id = w.id
    join chasqui.job j on j.lane_id = l.id and j.seq > l.done_seq
    where j.state = 'running' and j.turn_id is null
  ), logged as (
    insert into chasqui.attempt (lane_id, seq, n, started_at, ended_at, outcome)
    select lane_id, seq, attempts + crashes, started_at, now_ms, 'crashed' from cut
  ), recovered as (
    update chasqui.job j set state = 'available', attempts = j.attempts - 1, crashes = j.crashes + cut.charge, suspect = true
    from cut where j.lane_id = cut.lane_id and j.seq = cut.seq
    returning j.lane_id, j.seq
  )
  select jsonb_object_agg(r.lane_id, r.seqs) into stalled from (select lane_id, jsonb_agg(seq order by seq) as seqs from recovered group by lane_id) r;
  return stalled;
end $$;

-- Gives back the lanes of claims whose answer was lost on the way: nobody works on them.
create function chasqui.give_back(claimant text) returns bigint language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  lanes text[];
begin
  lanes := array(select id from chasqui.lane where lease_until > 0 and lease_owner = claimant order by id for update);
  update chasqui.lane set lease_owner = null, lease_until = 0, ready_at = 0, epoch = epoch + 1 where id = any(lanes);
  perform chasqui.tell(lanes);
  return cardinality(lanes);
end $$;

-- Reads the open jobs of leased lanes. Writes only when a lease wants extending.
create function chasqui.open(calls json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  ids text[];
  epochs bigint[];
begin
  select array_agg(lane order by n), array_agg(epoch order by n) into ids, epochs from json_to_recordset(calls) as c (n integer, lane text, epoch bigint);
  if exists (
    select from unnest(ids, epochs) as w (id, epoch) join chasqui.lane l on l.id = w.id and l.epoch = w.epoch
    where l.lease_until - now_ms < l.lease_ms * 2 / 3 or l.lease_until - now_ms > l.lease_ms
  ) then
    perform chasqui.fence(calls, now_ms);
  end if;
  return (select json_agg(json_build_array(r.n - 1, r.open)) from chasqui.read_lanes(ids, epochs, now_ms) r);
end $$;

create function chasqui.renew(calls json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  replies json;
begin
  perform chasqui.fence(calls, now_ms);
  with renewed as (
    update chasqui.lane l set lease_until = now_ms + l.lease_ms, ready_at = now_ms + l.lease_ms
    from json_to_recordset(calls) as c (n integer, lane text, epoch bigint)
    where l.id = c.lane and l.epoch = c.epoch returning c.n
  )
  select json_agg(json_build_array(n, null)) into replies from renewed;
  return replies;
end $$;

-- Condition and effect are on the same row: whoever appends in between is seen. Drained: only against the sequence that was read. Parked: the
-- ended prefix is done, and the lane waits for its first open job; one that a person took over does not wait, there is only its ending to write.
create function chasqui.release(calls json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  replies json;
begin
  perform chasqui.fence(calls, now_ms);
  with asked as (
    select c.n, c.drained, c.park_ms, l.id, l.last_seq, head.*
    from json_to_recordset(calls) as c (n integer, lane text, epoch bigint, drained bigint, park_ms bigint)
    join chasqui.lane l on l.id = c.lane and l.epoch = c.epoch
    left join lateral (
      select j.seq, greatest(c.park_ms, chasqui.wait_ms(j.state, j.not_before, now_ms)) as wait,
        j.kind in ('turn', 'handoff', 'notice') and chasqui.taken(l.id, j.owner_epoch) as taken
      from chasqui.job j
      where c.drained is null and j.lane_id = l.id and j.seq > l.done_seq and j.state in ('scheduled', 'available', 'running', 'retryable')
      order by j.seq limit 1
    ) head on true
  ), released as (
    update chasqui.lane l set lease_owner = null, lease_until = 0, epoch = l.epoch + 1,
      done_seq = case when a.seq is null then a.last_seq else a.seq - 1 end,
      ready_at = case
        when a.seq is null then null
        when a.taken or a.wait <= 0 then 0
        else now_ms + least(a.wait, chasqui.max_park())
      end
    from asked a where l.id = a.id and (a.drained is null or a.drained = a.last_seq)
  )
  select json_agg(json_build_array(n, case when drained is null or drained = last_seq then 'released' else 'again' end)) into replies from asked;
  return replies;
end $$;
