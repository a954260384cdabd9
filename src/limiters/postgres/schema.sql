-- Keys that are counted, and the functions that count. One statement, one transaction and one round trip per batch; nothing depends on a session, so a
-- pooler in transaction mode may stand between. Unlogged: a decision costs no write to the log, and a crash of the server forgets the counts.
-- Run as one transaction, by one process at a time, and harmless when run again.

select pg_advisory_xact_lock(hashtext('chasqui.rate'));

create schema if not exists chasqui;

-- log: of a window, the instants of its events, oldest first; of a pace, its theoretical arrival time and when it was last touched; of a mark, since
-- when it is there. All in ms since 1970. Room in each page lets a row be updated where it is.
create unlogged table if not exists chasqui.rate (
  key text collate "C" primary key,
  log bigint[] not null,
  expires_at bigint not null,
  is_mark boolean not null
) with (fillfactor = 60);

create or replace function chasqui.rate_clock() returns bigint language sql volatile as $$
  select floor(extract(epoch from clock_timestamp()) * 1000)::bigint
$$;

-- Locks the rows of these keys, in one order everywhere, and makes those that are missing. Once more when one was deleted between the two steps.
create or replace function chasqui.rate_lock(keys text[], are_marks boolean) returns void language plpgsql
set enable_seqscan = off as $$
declare
  locked integer;
begin
  loop
    insert into chasqui.rate (key, log, expires_at, is_mark)
    select k, '{}', 0, are_marks from unnest(keys) k order by k collate "C"
    on conflict do nothing;
    select count(*) into locked from (select 1 from chasqui.rate r where r.key = any(keys) order by r.key for update) x;
    exit when locked = cardinality(keys);
  end loop;
end $$;

-- Decides on asks in their order. keys: distinct. places: for each rule of each ask, its key's place among them. costs, rules: per ask, what it costs
-- and how many rules it has. Answers the time, then per ask: number of the reported rule (negative: denied), count, wait.
create or replace function chasqui.rate_check(keys text[], places integer[], limits integer[], windows bigint[], costs integer[], rules integer[], at bigint, counts boolean)
returns bigint[] language plpgsql set enable_seqscan = off set jit = off as $$
declare
  now_ms bigint;
  logs text[];
  ends bigint[] := array_fill(null::bigint, array[cardinality(keys)]);
  answer bigint[];
  log bigint[];
  times bigint[];
  gones integer[];
  before integer := 0;
  place integer; size integer; gone integer; after integer; cost integer;
  win bigint; lim integer; time_ms bigint; behind bigint; wait bigint; oldest bigint;
  denied integer; denied_count integer; longest bigint;
  tightest integer; least integer; tightest_count integer; tightest_wait bigint;
begin
  if counts then
    perform chasqui.rate_lock(keys, false);
  end if;
  now_ms := coalesce(at, chasqui.rate_clock());
  logs := array(select coalesce(r.log, '{}')::text from unnest(keys) with ordinality k(key, n) left join chasqui.rate r on r.key = k.key order by k.n);
  answer := array[now_ms];
  for ask in 1 .. cardinality(costs) loop
    cost := costs[ask];
    denied := 0; denied_count := 0; longest := 0;
    tightest := 1; least := 2147483647; tightest_count := 0; tightest_wait := 0;
    times := '{}'; gones := '{}';
    for rule in 1 .. rules[ask] loop
      place := places[before + rule]; lim := limits[before + rule]; win := windows[before + rule];
      log := logs[place]::bigint[];
      size := cardinality(log); time_ms := now_ms; gone := 0;
      if size > 0 then
        behind := log[size] - now_ms;
        if behind > 2000 then
          log := array(select e.at - behind from unnest(log) with ordinality e(at, n) order by e.n);
          logs[place] := log::text; ends[place] := now_ms + win;
        elsif behind > 0 then
          time_ms := log[size];
        end if;
        while gone < size and log[gone + 1] <= time_ms - win loop
          gone := gone + 1;
        end loop;
      end if;
      after := size - gone + cost;
      times[rule] := time_ms; gones[rule] := gone;
      if after > lim then
        wait := log[gone + after - lim] + win - now_ms;
        if wait > longest then
          denied := rule; denied_count := size - gone; longest := wait;
        end if;
      elsif lim - after < least then
        oldest := case when size > gone then log[gone + 1] else time_ms end;
        tightest := rule; least := lim - after; tightest_count := after; tightest_wait := oldest + win - now_ms;
      end if;
    end loop;
    if denied > 0 then
      answer := answer || array[-denied, denied_count, longest];
    else
      answer := answer || array[tightest, tightest_count, tightest_wait];
      for rule in 1 .. case when counts then rules[ask] else 0 end loop
        place := places[before + rule]; time_ms := times[rule];
        log := (logs[place]::bigint[])[gones[rule] + 1 :];
        log := case when cost = 1 then log || time_ms else log || array_fill(time_ms, array[cost]) end;
        logs[place] := log::text;
        ends[place] := time_ms + windows[before + rule];
      end loop;
    end if;
    before := before + rules[ask];
  end loop;
  if counts then
    update chasqui.rate r set log = c.log::bigint[], expires_at = c.ends_at
    from (select * from unnest(keys, logs, ends) x(key, log, ends_at) where x.ends_at is not null) c where r.key = c.key;
  end if;
  return answer;
end $$;

-- Reserves places in their order, each under several paces (GCRA), all or nothing. longests: per ask, the longest wait; a negative one is a penalty of
-- so many ms. Answers the time, then per ask: number of the rule that decided (negative: refused), wait.
create or replace function chasqui.rate_reserve(keys text[], places integer[], intervals bigint[], bursts integer[], longests bigint[], rules integer[], at bigint)
returns bigint[] language plpgsql set enable_seqscan = off set jit = off as $$
declare
  now_ms bigint;
  arrives bigint[]; touched bigint[];
  answer bigint[];
  before integer := 0;
  place integer; decisive integer;
  start bigint; earliest bigint; wait bigint; longest bigint; behind bigint; tolerance bigint;
begin
  perform chasqui.rate_lock(keys, false);
  now_ms := coalesce(at, chasqui.rate_clock());
  select array_agg(coalesce(r.log[1], now_ms) order by k.n), array_agg(coalesce(r.log[2], now_ms) order by k.n) into arrives, touched
  from unnest(keys) with ordinality k(key, n) join chasqui.rate r on r.key = k.key;
  for i in 1 .. cardinality(keys) loop
    behind := touched[i] - now_ms;
    if behind > 2000 then
      arrives[i] := arrives[i] - behind; touched[i] := now_ms;
    end if;
  end loop;
  answer := array[now_ms];
  for ask in 1 .. cardinality(longests) loop
    longest := longests[ask]; start := now_ms; decisive := 1;
    for rule in 1 .. rules[ask] loop
      place := places[before + rule];
      tolerance := (bursts[before + rule] - 1) * intervals[before + rule];
      earliest := greatest(now_ms, touched[place], arrives[place] - tolerance);
      if earliest > start then
        start := earliest; decisive := rule;
      end if;
    end loop;
    wait := start - now_ms;
    for rule in 1 .. rules[ask] loop
      place := places[before + rule];
      tolerance := (bursts[before + rule] - 1) * intervals[before + rule];
      if longest < 0 then
        touched[place] := greatest(touched[place], now_ms);
        arrives[place] := greatest(arrives[place], touched[place] - longest + tolerance);
      elsif wait <= longest then
        touched[place] := greatest(touched[place], now_ms);
        arrives[place] := greatest(arrives[place], start) + intervals[before + rule];
      end if;
    end loop;
    answer := answer || case when longest >= 0 and wait > longest then array[-decisive, wait - longest] else array[decisive, wait] end;
    before := before + rules[ask];
  end loop;
  update chasqui.rate r set log = array[c.arrives_at, c.touched_at], expires_at = c.arrives_at
  from unnest(keys, arrives, touched) c(key, arrives_at, touched_at) where r.key = c.key;
  return answer;
end $$;

-- For each mark, in their order: 1 when it came before within its window, else 0, and it is there from now on. One of the future, after a clock was set
-- back, counts from now.
create or replace function chasqui.rate_seen(keys text[], places integer[], windows bigint[], at bigint)
returns bigint[] language plpgsql set enable_seqscan = off set jit = off as $$
declare
  now_ms bigint;
  since bigint[]; ends bigint[];
  answer bigint[] := '{}';
  place integer;
begin
  perform chasqui.rate_lock(keys, true);
  now_ms := coalesce(at, chasqui.rate_clock());
  select array_agg(r.log[1] order by k.n), array_agg(r.expires_at order by k.n) into since, ends
  from unnest(keys) with ordinality k(key, n) join chasqui.rate r on r.key = k.key;
  for mark in 1 .. cardinality(places) loop
    place := places[mark];
    answer := answer || (case when coalesce(since[place] > now_ms - windows[mark], false) then 1 else 0 end)::bigint;
    if answer[mark] = 0 or since[place] > now_ms then
      since[place] := now_ms; ends[place] := now_ms + windows[mark];
    end if;
  end loop;
  update chasqui.rate r set log = array[c.since], expires_at = c.ends_at
  from unnest(keys, since, ends) c(key, since, ends_at) where r.key = c.key and (r.log[1] is distinct from c.since or r.expires_at <> c.ends_at);
  return answer;
end $$;
