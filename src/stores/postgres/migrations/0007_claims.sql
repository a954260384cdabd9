-- Claiming: whose turn it is, and which lanes. The order is that of src/domain/fair-share.ts.

-- What a claim knows of the orgs. now: virtual time. cap: of orgs that are not in `orgs`, 0 for none. orgs: {org: [start, weight, cap]}. held:
-- live leases by org. taken: lanes that this claim has picked, by org. paused: orgs.
create type chasqui.fairness as (now double precision, cap bigint, orgs jsonb, held jsonb, taken jsonb, paused text[]);

-- Virtual time at which the n-th lane (from 0) that a claim gives to an org may start.
create function chasqui.start_of(f chasqui.fairness, org text, n bigint) returns double precision language sql immutable as $$
  select greatest(coalesce((f.orgs -> org ->> 0)::double precision, f.now), f.now) + n / coalesce((f.orgs -> org ->> 1)::double precision, 1)
$$;

-- How many lanes more an org may be given; as many as there are when it has no cap.
create function chasqui.room_of(f chasqui.fairness, org text) returns bigint language sql immutable as $$
  select case when coalesce((f.orgs -> org ->> 2)::bigint, f.cap) = 0 then 1000000
    else coalesce((f.orgs -> org ->> 2)::bigint, f.cap) - coalesce((f.held ->> org)::bigint, 0) - coalesce((f.taken ->> org)::bigint, 0) end
$$;

-- A lease given or renewed since a claim read the clock ends later than any the claim could give. Only one that is this much further ahead, ms,
-- was left by a clock set back.
create function chasqui.clock_slack() returns bigint language sql immutable as $$ select 10000::bigint $$;

-- Live leases by org, without those that a clock set back left too far in the future.
create function chasqui.held_by_org(now_ms bigint) returns jsonb language plpgsql stable as $$
begin
  return (
    select coalesce(jsonb_object_agg(h.org_id, h.held), '{}') from (
      select org_id, count(*) as held from chasqui.lane
      where lease_until > 0 and lease_until > now_ms and lease_until <= now_ms + lease_ms + chasqui.clock_slack() group by org_id
    ) h
  );
end $$;

-- The orgs that may be given a lane, each with the first that is ready and not passed over. One look into the index for each org that has
-- ready lanes, however many these are.
create function chasqui.orgs_in_line(f chasqui.fairness, passed text[])
returns table (id text, org_id text, rank bigint, start double precision) language sql stable as $$
  with recursive head as (
    (
      select l.id, l.org_id, l.rank from chasqui.lane l where l.ready_at = 0 and l.id <> all(passed) order by l.org_id, l.priority, l.rank limit 1
    )
    union all
    select n.id, n.org_id, n.rank from head h cross join lateral (
      select l.id, l.org_id, l.rank from chasqui.lane l
      where l.ready_at = 0 and l.org_id > h.org_id and l.id <> all(passed) order by l.org_id, l.priority, l.rank limit 1
    ) n
  )
  select h.id, h.org_id, h.rank, chasqui.start_of(f, h.org_id, coalesce((f.taken ->> h.org_id)::bigint, 0))
  from head h where h.org_id <> all(f.paused) and chasqui.room_of(f, h.org_id) > 0
$$;

-- The next lanes in the order of their start, up to `most`. Of the first org in line no more than `most` can be among them, of the second one
-- fewer, and so on.
create function chasqui.next_lanes(most bigint, f chasqui.fairness, passed text[]) returns text[] language plpgsql stable as $$
begin
  return array(
    select n.id from (
      select o.*, row_number() over (order by o.start, o.rank, o.id) as place from chasqui.orgs_in_line(f, passed) o order by o.start, o.rank, o.id limit most
    ) line
    cross join lateral (
      select l.id, l.rank, row_number() over (order by l.priority, l.rank, l.id) - 1 as n from (
        select * from chasqui.lane w where w.ready_at = 0 and w.org_id = line.org_id and w.id <> all(passed)
        order by w.priority, w.rank limit least(most - line.place + 1, chasqui.room_of(f, line.org_id))
      ) l
    ) n
    order by chasqui.start_of(f, line.org_id, n.n + coalesce((f.taken ->> line.org_id)::bigint, 0)), n.rank, n.id limit most
  );
end $$;

-- Of these lanes those that their orgs' caps allow, in the order of their start, up to `most`.
create function chasqui.by_start(ids text[], most bigint, f chasqui.fairness) returns text[] language plpgsql stable as $$
begin
  return array(
    select p.id from (
      select l.id, l.org_id, l.rank, row_number() over (partition by l.org_id order by l.priority, l.rank, l.id) - 1 as n
      from chasqui.lane l where l.id = any(ids)
    ) p
    where p.n < chasqui.room_of(f, p.org_id) order by chasqui.start_of(f, p.org_id, p.n), p.rank, p.id limit most
  );
end $$;

-- Null for a lane of no conversation.
create function chasqui.channel_of(lane text) returns text language plpgsql stable as $$
begin
  return (select c.channel_id from chasqui.conversation c where c.id = lane);
end $$;

-- Sets those of these ready lanes aside that are of paused channels, and says which. Whoever touches a lane's row in `aside` holds the lane's
-- own row, so that nobody waits here. The channel is looked up lane by lane: joined, its whole conversations might be walked instead.
create function chasqui.set_aside(ids text[], channels text[]) returns text[] language plpgsql as $$
declare
  met text[];
begin
  met := array(
    select l.id from chasqui.lane l
    where l.id = any(ids) and l.ready_at = 0 and chasqui.channel_of(l.id) = any(channels) order by l.id for update skip locked
  );
  insert into chasqui.aside (channel_id, priority, rank, lane_id)
  select chasqui.channel_of(l.id), l.priority, l.rank, l.id from chasqui.lane l where l.id = any(met)
  on conflict do nothing;
  update chasqui.lane set ready_at = -1 where id = any(met);
  return met;
end $$;

-- Lanes set aside for channels that are not paused any more are ready again, up to `most`, oldest first. Returns how many it looked at.
create function chasqui.ready_resumed(channels text[], most bigint) returns bigint language plpgsql
set enable_bitmapscan = off set enable_sort = off as $$
declare
  channel text;
  eldest chasqui.aside[];
  held chasqui.aside[];
  gone chasqui.aside;
  total bigint := 0;
begin
  for channel in
    with recursive c as (
      (select a.channel_id from chasqui.aside a order by a.channel_id limit 1)
      union all
      select n.channel_id from c cross join lateral (
        select a.channel_id from chasqui.aside a where a.channel_id > c.channel_id order by a.channel_id limit 1) n
    )
    select c.channel_id from c where c.channel_id <> all(channels)
  loop
    exit when total >= most;
    eldest := array(select a from chasqui.aside a where a.channel_id = channel order by a.priority, a.rank, a.lane_id limit most - total);
    held := array(select e from unnest(eldest) e join chasqui.lane l on l.id = e.lane_id for update of l skip locked);
    -- Only a statement that begins when the rows are locked sees what a claim has set aside until then.
    update chasqui.lane l set ready_at = 0 where l.id = any(array(select lane_id from unnest(held))) and l.ready_at = -1;
    -- One by one: joined, a planner that takes the table for empty compares every row with every other.
    foreach gone in array held loop
      delete from chasqui.aside a where a.channel_id = channel and a.priority = gone.priority and a.rank = gone.rank and a.lane_id = gone.lane_id;
    end loop;
    total := total + cardinality(eldest);
  end loop;
  return total;
end $$;

-- Picks and locks up to `most` ready lanes, in the order of their start. Lanes in the hands of another transaction are passed over. A lane of a
-- paused channel is set aside, with its like among the next of its org. rest, the lanes left: `none`; `busy`: only those passed over; `maybe`
-- others too; `many`: so many were set aside that the others are left to the next claim.
create function chasqui.pick_lanes(most bigint, f chasqui.fairness, channels text[], out picked text[], out rest text) language plpgsql as $$
declare
  asked bigint;
  wanted text[];
  locked text[];
  met text[];
  passed text[] := '{}';
  aside bigint := 0;
  lost boolean;
  any_busy boolean := false;
begin
  picked := '{}';
  rest := 'maybe';
  while cardinality(picked) < most and rest = 'maybe' loop
    asked := most - cardinality(picked);
    wanted := chasqui.next_lanes(asked, f, passed);
    locked := array(
      select l.id from unnest(wanted) with ordinality as w (id, n) join chasqui.lane l on l.id = w.id and l.ready_at = 0 order by w.n for update of l skip locked
    );
    lost := cardinality(locked) < cardinality(wanted);
    any_busy := any_busy or lost;
    if cardinality(channels) > 0 then
      met := chasqui.set_aside(locked, channels);
      if cardinality(met) > 0 then
        lost := true;
        aside := aside + cardinality(met) + cardinality(chasqui.set_aside(chasqui.neighbours(met, 200), channels));
        locked := array(select w.id from unnest(locked) with ordinality as w (id, n) where w.id <> all(met) order by w.n);
      end if;
    end if;
    picked := picked || locked;
    if aside >= 1000 then
      rest := 'many';
    elsif lost or cardinality(wanted) = asked then
      passed := passed || wanted;
      f.taken := chasqui.count_by_org(picked);
    else
      -- The line was shorter than what was asked for, and all of it is picked or passed over.
      rest := case when any_busy then 'busy' else 'none' end;
    end if;
  end loop;
  if cardinality(passed) > 0 then
    f.taken := '{}';
    picked := chasqui.by_start(picked, most, f);
  end if;
end $$;

create function chasqui.count_by_org(ids text[]) returns jsonb language plpgsql stable as $$
begin
  return (select coalesce(jsonb_object_agg(o.org_id, o.n), '{}') from (
    select org_id, count(*) as n from chasqui.lane where id = any(ids) group by org_id) o);
end $$;

-- The next ready lanes of the orgs of these lanes, up to `most` of each.
create function chasqui.neighbours(ids text[], most bigint) returns text[] language plpgsql stable as $$
begin
  return array(
    select n.id from (select distinct org_id from chasqui.lane where id = any(ids)) o
    cross join lateral (select l.id from chasqui.lane l where l.ready_at = 0 and l.org_id = o.org_id order by l.priority, l.rank limit most) n
  );
end $$;

-- Lanes whose time has come are ready; after the clock was set back, also those whose instants it left too far in the future.
create function chasqui.make_ready(clock_set_back boolean, now_ms bigint) returns void language plpgsql as $$
begin
  if clock_set_back then
    update chasqui.lane set ready_at = 0 where id = any(array(
      select id from chasqui.lane
      where ready_at > 0 and (ready_at > now_ms + chasqui.max_park() or (lease_until > 0 and lease_until > now_ms + lease_ms + chasqui.clock_slack()))
      for update skip locked
    ));
  end if;
  update chasqui.lane set ready_at = 0 where id = any(array(
    select id from chasqui.lane where ready_at > 0 and ready_at <= now_ms order by ready_at limit 1000 for update skip locked
  ));
end $$;

-- Of the lanes asked for by name those that may be taken. Here too nobody is waited for: other lanes are locked already, in no order.
-- rest: as of pick_lanes.
create function chasqui.pick_named(names text[], most bigint, f chasqui.fairness, channels text[], out picked text[], out rest text) language plpgsql as $$
declare
  found_ready text[];
  held_up bigint;
begin
  select count(*) into held_up from chasqui.lane l where l.id = any(names) and l.ready_at = 0 and l.org_id <> all(f.paused);
  found_ready := array(
    select l.id from chasqui.lane l where l.id = any(names) and l.ready_at = 0 and l.org_id <> all(f.paused) for update skip locked
  );
  held_up := held_up - cardinality(found_ready);
  if cardinality(channels) > 0 then
    perform chasqui.set_aside(found_ready, channels);
    found_ready := array(select l.id from chasqui.lane l where l.id = any(found_ready) and l.ready_at = 0);
  end if;
  picked := chasqui.by_start(found_ready, most + 1, f);
  rest := case when cardinality(picked) > most then 'many' when held_up > 0 then 'busy' else 'none' end;
  picked := picked[1:most];
end $$;

-- One claim. `resumed`: lanes set aside are left that wait to be made ready.
create function chasqui.claim_lanes(request record, channels text[], f chasqui.fairness, resumed boolean, now_ms bigint) returns json language plpgsql as $$
declare
  picked text[];
  rest text;
  next_ms bigint;
  stalled jsonb;
begin
  if request.lanes is null then
    select p.picked, p.rest into picked, rest from chasqui.pick_lanes(request.most, f, channels) p;
  else
    select p.picked, p.rest into picked, rest from chasqui.pick_named(request.lanes, request.most, f, channels) p;
  end if;
  if cardinality(picked) > 0 then
    update chasqui.lane l set lease_owner = request.owner, lease_until = now_ms + request.lease_ms, lease_ms = request.lease_ms,
      ready_at = now_ms + request.lease_ms, epoch = l.epoch + 1
    where l.id = any(picked);
    stalled := chasqui.recover(picked, now_ms);
  end if;
  if rest = 'maybe' then
    f.held := case when request.capped then chasqui.held_by_org(now_ms) else '{}' end;
    rest := case when exists (select from chasqui.orgs_in_line(f, '{}')) then 'many' else 'none' end;
  end if;
  if resumed or rest = 'many' then
    next_ms := 0;
  else
    select case when min(l.ready_at) < now_ms then 0 else min(l.ready_at) - now_ms end into next_ms from chasqui.lane l where l.ready_at > 0;
    -- What another transaction holds may be free in a moment.
    next_ms := case when rest = 'busy' then least(next_ms, 5) else next_ms end;
  end if;
  return json_build_object('nextInMs', next_ms, 'claimed', (
    select coalesce(json_agg(json_build_object('lease', json_build_object('laneId', r.id, 'orgId', r.org_id, 'epoch', r.epoch), 'open', r.open,
      'stalled', stalled -> r.id) order by r.n), '[]')
    from chasqui.read_lanes(picked, null, now_ms) r
  ));
end $$;

-- Takes lanes that have work which may run now and no live lease, and whose orgs' turn it is.
create function chasqui.claim(calls json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_ms bigint;
  request record;
  everything boolean;
  orgs text[];
  channels text[];
  resumed boolean := false;
  f chasqui.fairness;
  replies json[] := '{}';
begin
  -- With a cap, claims go one after the other: what each may take depends on the others. The clock is read after the wait: a lease given
  -- meanwhile must not look as if the clock had been set back since. It is the first thing waited for, so that nobody waits for who waits here.
  if exists (select from json_to_recordset(calls) as c (capped boolean) where capped) then
    perform pg_advisory_xact_lock(hashtext('chasqui.claim'));
  end if;
  now_ms := coalesce(at, chasqui.clock());
  perform chasqui.make_ready(bool_or(highest is null or now_ms < highest), now_ms) from json_to_recordset(calls) as c (highest bigint);
  select coalesce(bool_or(scope = 'all'), false), coalesce(array_agg(id) filter (where scope = 'org'), '{}'),
    coalesce(array_agg(id) filter (where scope = 'channel'), '{}')
  into everything, orgs, channels from chasqui.pause;
  if everything then
    return (select json_agg(json_build_array(n, json_build_object('claimed', json_build_array(), 'nextInMs', null)))
      from json_to_recordset(calls) as c (n integer));
  end if;
  if exists (select from chasqui.aside) then
    resumed := chasqui.ready_resumed(channels, 1000) >= 1000;
  end if;
  for request in
    select * from json_to_recordset(calls) as c
      (n integer, owner text, most bigint, lease_ms bigint, lanes text[], now double precision, cap bigint, capped boolean, orgs jsonb) order by n
  loop
    f := row(request.now, request.cap, request.orgs, case when request.capped then chasqui.held_by_org(now_ms) else '{}' end, '{}', orgs);
    replies := replies || json_build_array(request.n, chasqui.claim_lanes(request, channels, f, resumed, now_ms));
  end loop;
  return array_to_json(replies);
end $$;
