-- Leases: taking lanes, keeping them, reading what is open, giving them back.

-- Milliseconds until a job may run. A retry time too far ahead is a clock set back; a due time is meant.
create function chasqui.wait_ms(state text, not_before bigint, now_ms bigint) returns bigint language sql immutable as $$
  select case when state <> 'scheduled' and not_before - now_ms > chasqui.max_park() then 0 else greatest(not_before - now_ms, 0) end
$$;

-- True when the bot may not speak for a job begun under `epoch`.
create function chasqui.taken(of_lane text, epoch bigint) returns boolean language plpgsql stable as $$
begin
  return exists (select from chasqui.conversation where id = of_lane and (owner <> 'bot' or owner_epoch <> epoch));
end $$;

-- Locks the lanes whose epoch is still the lease's, in the order of their ids, and extends leases of which a third has passed. A statement
-- after this one that joins the lane on its id and the lease's epoch is fenced: nobody can claim the lane before the transaction ends.
create function chasqui.fence(ids text[], epochs bigint[], now_ms bigint) returns void language plpgsql as $$
declare
  due text[];
begin
  select array_agg(id) filter (where lease_until - now_ms < lease_ms * 2 / 3 or lease_until - now_ms > lease_ms) into due
  from (
    select l.id, l.lease_until, l.lease_ms
    from unnest(ids, epochs) as w (id, epoch) join chasqui.lane l on l.id = w.id and l.epoch = w.epoch
    order by l.id for update of l
  ) locked;
  if due is not null then
    update chasqui.lane set lease_until = now_ms + lease_ms, ready_at = now_ms + lease_ms where id = any(due);
  end if;
end $$;

-- The same for a batch of calls with `lane` and `epoch`.
create function chasqui.fence(calls json, now_ms bigint) returns void language plpgsql as $$
begin
  perform chasqui.fence(array_agg(lane), array_agg(epoch), now_ms) from json_to_recordset(calls) as c (lane text, epoch bigint);
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

-- Live leases by org, without those that a clock set back left too far in the future.
create function chasqui.held(org text, now_ms bigint) returns bigint language plpgsql stable as $$
begin
  return (select count(*) from chasqui.lane where org_id = org and lease_until > 0 and lease_until > now_ms and lease_until <= now_ms + lease_ms);
end $$;

-- Of these lanes, in this order, those that keep their orgs within the cap.
create function chasqui.within_cap(ids text[], cap bigint, held_already text[], now_ms bigint) returns text[] language plpgsql as $$
begin
  return array(
    select p.id from (
      select w.id, w.n, l.org_id, row_number() over (partition by l.org_id order by w.n) as place
      from unnest(ids) with ordinality as w (id, n) join chasqui.lane l on l.id = w.id
    ) p
    join lateral (
      select chasqui.held(p.org_id, now_ms) + (select count(*) from chasqui.lane l where l.id = any(held_already) and l.org_id = p.org_id) as held offset 0
    ) h on p.place + h.held <= cap
    order by p.n
  );
end $$;

-- Picks and locks up to `most` ready lanes, lowest rank first. An org found full is left out of the next look, so that its ready lanes hide nobody else's.
create function chasqui.pick_lanes(most bigint, cap bigint, now_ms bigint, out picked text[], out full_orgs text[]) language plpgsql as $$
declare
  seen text[];
  fitting text[];
begin
  picked := '{}';
  full_orgs := '{}';
  while cardinality(picked) < most loop
    seen := array(
      select l.id from chasqui.lane l
      where l.ready_at = 0 and l.org_id <> all(full_orgs) and l.id <> all(picked)
      order by l.priority, l.rank limit most - cardinality(picked) for update skip locked
    );
    exit when cardinality(seen) = 0;
    fitting := case when cap > 0 then chasqui.within_cap(seen, cap, picked, now_ms) else seen end;
    picked := picked || fitting;
    exit when cap = 0;
    full_orgs := full_orgs || array(select distinct org_id from chasqui.lane where id = any(seen) and id <> all(fitting));
  end loop;
end $$;

-- Jobs that are running without a stored reply, in a lane that nobody held, were cut off with their worker. One alone is charged with the
-- death; several get the attempt back and will run one by one.
create function chasqui.recover(ids text[], now_ms bigint) returns void language plpgsql as $$
begin
  with cut as (
    select j.lane_id, j.seq, j.attempts, j.crashes, j.started_at, case when count(*) over (partition by j.lane_id) = 1 then 1 else 0 end as charge
    from unnest(ids) as w (id) join chasqui.lane l on l.id = w.id
    join chasqui.job j on j.lane_id = l.id and j.seq > l.done_seq
    where j.state = 'running' and j.turn_id is null
  ), logged as (
    insert into chasqui.attempt (lane_id, seq, n, started_at, ended_at, outcome)
    select lane_id, seq, attempts + crashes, started_at, now_ms, 'crashed' from cut
  )
  update chasqui.job j set state = 'available', attempts = j.attempts - 1, crashes = j.crashes + cut.charge, suspect = true
  from cut where j.lane_id = cut.lane_id and j.seq = cut.seq;
end $$;

-- Milliseconds to the next claimable lane; null when no lane has work. Ready lanes left over below the limit are of full orgs, or in
-- the hands of a transaction about to end.
create function chasqui.next_in_ms(limited boolean, asked boolean, full_orgs text[], now_ms bigint) returns bigint language plpgsql as $$
declare
  next_ms bigint;
begin
  if limited and exists (select from chasqui.lane where ready_at = 0) then
    return 0;
  end if;
  select case when min(ready_at) < now_ms then 0 else min(ready_at) - now_ms end into next_ms from chasqui.lane where ready_at > 0;
  if not limited and not asked and exists (select from chasqui.lane where ready_at = 0 and org_id <> all(full_orgs)) then
    return least(next_ms, 5);
  end if;
  return next_ms;
end $$;

-- Lanes whose time has come are ready; after the clock was set back, also those whose instants it left too far in the future.
create function chasqui.make_ready(clock_set_back boolean, now_ms bigint) returns void language plpgsql as $$
begin
  if clock_set_back then
    update chasqui.lane set ready_at = 0 where id = any(array(
      select id from chasqui.lane
      where ready_at > 0 and (ready_at > now_ms + chasqui.max_park() or (lease_until > 0 and lease_until > now_ms + lease_ms))
      for update skip locked
    ));
  end if;
  update chasqui.lane set ready_at = 0 where id = any(array(
    select id from chasqui.lane where ready_at > 0 and ready_at <= now_ms order by ready_at limit 1000 for update skip locked
  ));
end $$;

-- Takes lanes that have work which may run now and no live lease. Lanes asked for by name are waited for, not skipped, when a short
-- transaction (the append that woke us, perhaps the next one) holds their rows.
create function chasqui.claim(calls json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
declare
  now_ms bigint;
  request record;
  picked text[];
  full_orgs text[];
  replies json[] := '{}';
begin
  -- With a cap, claims go one after the other: what each may take depends on the others. The clock is read after the wait: a lease given
  -- meanwhile must not look as if the clock had been set back since.
  if exists (select from json_to_recordset(calls) as c (cap bigint) where cap > 0) then
    perform pg_advisory_xact_lock(hashtext('chasqui.claim'));
  end if;
  now_ms := coalesce(at, chasqui.clock());
  perform chasqui.make_ready(bool_or(highest is null or now_ms < highest), now_ms) from json_to_recordset(calls) as c (highest bigint);
  for request in
    select * from json_to_recordset(calls) as c (n integer, owner text, most bigint, lease_ms bigint, cap bigint, lanes text[]) order by n
  loop
    if request.lanes is null then
      select p.picked, p.full_orgs into picked, full_orgs from chasqui.pick_lanes(request.most, request.cap, now_ms) p;
    else
      picked := array(select l.id from chasqui.lane l where l.id = any(request.lanes) and l.ready_at = 0 order by l.id for update);
      picked := (case when request.cap > 0 then chasqui.within_cap(picked, request.cap, '{}', now_ms) else picked end)[1:request.most];
    end if;
    update chasqui.lane l set lease_owner = request.owner, lease_until = now_ms + request.lease_ms, lease_ms = request.lease_ms,
      ready_at = now_ms + request.lease_ms, epoch = l.epoch + 1
    where l.id = any(picked);
    perform chasqui.recover(picked, now_ms);
    replies := replies || (
      select json_build_array(request.n, json_build_object(
        'claimed', coalesce(json_agg(json_build_object('lease', json_build_object('laneId', r.id, 'orgId', r.org_id, 'epoch', r.epoch), 'open', r.open)
          order by r.priority, r.rank), '[]'),
        'nextInMs', chasqui.next_in_ms(cardinality(picked) >= request.most, request.lanes is not null, full_orgs, now_ms)))
      from chasqui.read_lanes(picked, null, now_ms) r
    );
  end loop;
  return array_to_json(replies);
end $$;

-- Gives back the lanes of claims whose answer was lost on the way: nobody works on them.
create function chasqui.give_back(claimant text) returns bigint language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
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
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
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
    perform chasqui.fence(ids, epochs, now_ms);
  end if;
  return (select json_agg(json_build_array(r.n - 1, r.open)) from chasqui.read_lanes(ids, epochs, now_ms) r);
end $$;

create function chasqui.renew(calls json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
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
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off as $$
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
        j.kind = 'turn' and chasqui.taken(l.id, j.owner_epoch) as taken
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
