-- Every function here takes a batch of calls of one kind and is one transaction: one round trip, one wait for the disk. Each statement inside
-- sees what was committed before it began, so what is read after taking a row lock is what the lock protects.
-- Locks are taken in one order everywhere: lanes by id, then the rest. A conversation changes only under the lock of its lane.
-- Plans must not depend on what the tables held when they were made (a queue's tables are empty and full in the same hour): set enable_*
-- leaves the planner nothing but look-ups by index, in these functions and in those they call. force_generic_plan: arrays as parameters make it
-- believe that planning anew pays, each time; it took longer than the statement (https://www.postgresql.org/docs/current/runtime-config-query.html).

create type chasqui.arrival as (
  n integer,
  org_id text,
  channel_id text collate "C",
  conversation text collate "C",
  conversation_id text collate "C",
  message_id text collate "C",
  external_id text collate "C",
  author text,
  body text,
  attachments text,
  sent_at bigint,
  received_at bigint,
  verified_at bigint,
  locale text,
  refused text,
  defer_ms bigint,
  debounce_ms bigint,
  window_ms bigint,
  recent_id text collate "C",
  doubt boolean,
  work text,
  max_open bigint,
  topic text collate "C",
  since bigint,
  said text
);

-- Tells listening processes which lanes have work that had none; a hint, sent when the transaction commits.
create function chasqui.tell(lanes text[]) returns void language plpgsql as $$
begin
  if cardinality(lanes) > 0 then
    perform pg_notify('chasqui.wake', array_to_string(lanes[1:200], ','));
  end if;
end $$;

-- Makes the conversations that are new, each with its lane. Sorted, so that two transactions that make the same ones wait in one order.
create function chasqui.make_conversations(batch chasqui.arrival[], now_ms bigint) returns void language plpgsql as $$
begin
  with fresh as (
    select distinct on (a.channel_id, a.conversation) a.*
    from unnest(batch) a
    where not exists (select from chasqui.conversation c where c.channel_id = a.channel_id and c.external_id = a.conversation)
      and not exists (select from chasqui.message m where m.channel_id = a.channel_id and m.external_id = a.external_id)
    order by a.channel_id, a.conversation, a.n
  ), made as (
    insert into chasqui.conversation (id, org_id, channel_id, external_id, locale, doubt, created_at)
    select conversation_id, org_id, channel_id, conversation, locale, doubt, now_ms from fresh order by channel_id, conversation
    on conflict do nothing
    returning id, org_id
  )
  insert into chasqui.lane (id, org_id) select id, org_id from made on conflict do nothing;
end $$;

-- The conversations of a batch; those that are new are made.
create function chasqui.conversations_of(batch chasqui.arrival[], now_ms bigint) returns text[] language plpgsql as $$
declare
  ids text[];
  some_new boolean;
begin
  select array_agg(c.id), count(*) > count(c.id) into ids, some_new
  from unnest(batch) a left join chasqui.conversation c on c.channel_id = a.channel_id and c.external_id = a.conversation;
  if some_new then
    perform chasqui.make_conversations(batch, now_ms);
    ids := array(select c.id from unnest(batch) a join chasqui.conversation c on c.channel_id = a.channel_id and c.external_id = a.conversation);
  end if;
  return ids;
end $$;

-- True for a short text that came less often so far than we said something before: it may answer the next of our messages.
create function chasqui.answers_another(of_conversation text, by_author text, words text) returns boolean language plpgsql stable as $$
declare
  given integer := 0;
  asked integer := 0;
  one record;
begin
  if length(words) > 16 then
    return false;
  end if;
  for one in
    select m.direction = 'inbound' as theirs, m.direction = 'inbound' and m.author = by_author and m.text = words as same
    from chasqui.message m where m.conversation_id = of_conversation and not m.withdrawn order by m.id desc limit 12
  loop
    if one.same and asked = 0 then
      given := given + 1;
    elsif one.theirs then
      return asked > given;
    else
      asked := asked + 1;
    end if;
  end loop;
  return asked > given;
end $$;

-- Appends messages to their conversations' lanes. Within a batch each (channel, external id) comes once: the caller sees to that.
create function chasqui.append(calls json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  batch chasqui.arrival[] := array(select a from json_populate_recordset(null::chasqui.arrival, calls) a);
  conversations text[];
  replies json;
  woken text[];
begin
  conversations := chasqui.conversations_of(batch, now_ms);
  perform 1 from chasqui.lane l where l.id = any(conversations) order by l.id for update;

  with arrived as (
    select a.*, m.id as known_id, m.conversation_id as known_lane, m.verdict as known_verdict, m.ending as known_ending,
      c.id as lane_id, c.owner, c.owner_epoch, (a.doubt and not c.doubt) or (a.locale is not null and a.locale is distinct from c.locale) as is_news, l.last_seq, l.done_seq, coalesce(last_message.repeated, false) as repeats_last
    from unnest(batch) a
    left join chasqui.message m on m.channel_id = a.channel_id and m.external_id = a.external_id
    left join chasqui.conversation c on m.id is null and c.channel_id = a.channel_id and c.external_id = a.conversation
    left join chasqui.lane l on l.id = c.id
    -- The last that was said, unless nothing answered or will answer it: saying that again is no repetition.
    left join lateral (
      select said.direction = 'inbound' and not said.withdrawn and said.author = a.author and said.text = a.body
        and said.attachments is not distinct from a.attachments
        and abs(now_ms - said.accepted_at) < a.window_ms
        and not (said.ending is not distinct from 'dead' or (said.ending is not distinct from 'suppressed' and said.ending_reason <> 'duplicate_text'))
        and not chasqui.answers_another(c.id, a.author, a.body) as repeated
      from chasqui.message said
      where a.window_ms > 0 and a.body <> '' and said.conversation_id = c.id and said.id >= a.recent_id
      order by said.id desc limit 1
    ) last_message on true
  ), judged as (
    select *,
      case
        when known_id is not null then null
        when refused in ('unsupported', 'human_owns') then refused
        when owner = 'human' then 'human_owns'
        when case when row_number() over turn = 1 then repeats_last
          else window_ms > 0 and body <> '' and lag(refused) over turn is null and lag(author) over turn = author and lag(body) over turn = body
            and lag(attachments) over turn is not distinct from attachments
        end then 'duplicate_text'
        when refused is not null then refused
        when defer_ms > 0 then 'deferred'
        else 'accepted'
      end as verdict
    from arrived window turn as (partition by lane_id order by n)
  ), bounded as (
    select *, case
      when verdict in ('accepted', 'deferred') and max_open > 0
        and last_seq - done_seq + count(*) filter (where verdict in ('accepted', 'deferred')) over (partition by lane_id order by n) > max_open then 'flooded'
      else verdict
    end as final
    from judged
  ), asking as (
    select b.*, coalesce(b.final in ('accepted', 'deferred'), false) as works,
      -- The first of a batch to ask says it, unless it was said in the same period before. The lane's lock keeps other batches away.
      coalesce(b.final in ('accepted', 'deferred', 'outside_hours', 'limited'), false) and b.topic is not null
        and coalesce(t.said_at < b.since, true)
        and row_number() over (partition by b.lane_id, b.topic, b.final in ('accepted', 'deferred', 'outside_hours', 'limited') order by b.n) = 1 as says
    from bounded b left join chasqui.notice t on t.conversation_id = b.lane_id and t.topic = b.topic
  ), placed as (
    select *, last_seq + sum(works::integer + says::integer) over (partition by lane_id order by n) as place from asking
  ), messages as (
    insert into chasqui.message (id, org_id, channel_id, conversation_id, direction, external_id, author, text, attachments, sent_at,
      received_at, verified_at, accepted_at, verdict, seq, ending, ending_reason, ended_at)
    select message_id, org_id, channel_id, lane_id, 'inbound', external_id, author, body, attachments, sent_at, received_at, verified_at,
      now_ms, final, case when works then place end, case when not works then 'suppressed' end, case when not works then final end, case when not works then now_ms end
    from placed where known_id is null
  ), jobs as (
    insert into chasqui.job (lane_id, seq, kind, state, not_before, owner_epoch, message_id, created_at)
    select lane_id, place, coalesce(work, 'turn'), case when defer_ms > 0 then 'scheduled' else 'available' end,
      case when defer_ms > 0 then now_ms + defer_ms else 0 end, owner_epoch, message_id, now_ms
    from placed where works
  ), notice_jobs as (
    insert into chasqui.job (lane_id, seq, kind, state, owner_epoch, payload, created_at)
    select lane_id, place - works::integer, 'notice', 'available', owner_epoch, json_build_object('text', said)::text, now_ms from placed where says
  ), notices as (
    insert into chasqui.notice as t (conversation_id, topic, said_at)
    select lane_id, topic, greatest(since, now_ms) from placed where says
    on conflict (conversation_id, topic) do update set said_at = excluded.said_at
  ), lanes as (
    update chasqui.lane l set last_seq = l.last_seq + p.added,
      ready_at = case when p.idle then p.ready_at else l.ready_at end,
      rank = case when p.idle then now_ms else l.rank end,
      priority = case when p.idle then 0 else l.priority end
    from (
      select lane_id, sum(works::integer + says::integer) as added, bool_and(last_seq = done_seq) as idle,
        (array_agg(case when not says and greatest(defer_ms, debounce_ms) > 0
          then now_ms + least(case when defer_ms > 0 then defer_ms else debounce_ms end, chasqui.max_park()) else 0 end order by n))[1] as ready_at
      from placed where works or says group by lane_id
    ) p where l.id = p.lane_id
  ), conversations as (
    update chasqui.conversation c set doubt = c.doubt or p.doubt, locale = coalesce(p.locale, c.locale)
    from (
      select lane_id, bool_or(doubt) as doubt, (array_agg(locale order by n desc) filter (where locale is not null))[1] as locale
      from placed where known_id is null and is_news group by lane_id
    ) p where c.id = p.lane_id
  ), tombstones as (
    update chasqui.message m set author = p.author, sent_at = p.sent_at, ending = 'suppressed', ending_reason = 'withdrawn', ended_at = now_ms
    from placed p where m.id = p.known_id and p.known_verdict = 'withdrawn' and p.known_ending is null
  )
  select json_agg(json_build_array(n, json_build_array(
      case
        when known_id is null then final
        -- The same arrival once more, because its answer was lost on the way: it gets that answer again.
        when known_id = message_id then known_verdict
        when known_verdict = 'withdrawn' and known_ending is null then 'withdrawn'
        else 'duplicate'
      end,
      coalesce(lane_id, known_lane), coalesce(known_id, message_id), works or says or coalesce(known_id = message_id and known_ending is null, false)))),
    array_agg(distinct lane_id) filter (where (works or says) and last_seq = done_seq)
  into replies, woken from placed;

  perform chasqui.tell(woken);
  return replies;
end $$;

-- Makes sure that a conversation exists, by the platform's id, and gives its id.
create function chasqui.conversation_for(org text, channel text, external text, offered_id text, now_ms bigint) returns text language plpgsql as $$
declare
  found_id text;
begin
  select id into found_id from chasqui.conversation where channel_id = channel and external_id = external;
  if found_id is null then
    insert into chasqui.conversation (id, org_id, channel_id, external_id, created_at) values (offered_id, org, channel, external, now_ms)
    on conflict do nothing;
    insert into chasqui.lane (id, org_id)
    select id, org_id from chasqui.conversation where channel_id = channel and external_id = external on conflict do nothing;
    select id into found_id from chasqui.conversation where channel_id = channel and external_id = external;
  end if;
  return found_id;
end $$;

-- Edits or withdraws a message. One withdrawn before it arrived keeps its place, so that it is not answered when it comes.
create function chasqui.amend(call json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  channel text := call ->> 'channel_id';
  external text := call ->> 'external_id';
  known_id text;
begin
  select id into known_id from chasqui.message where channel_id = channel and external_id = external;
  if call ->> 'change' = 'edit' then
    update chasqui.message set text = call ->> 'body' where id = known_id and ending is null;
  elsif known_id is not null then
    update chasqui.message set withdrawn = true where id = known_id;
  else
    insert into chasqui.message (id, org_id, channel_id, conversation_id, direction, external_id, author, text, sent_at, received_at, verified_at,
      accepted_at, verdict, withdrawn)
    values (call ->> 'message_id', call ->> 'org_id', channel,
      chasqui.conversation_for(call ->> 'org_id', channel, call ->> 'conversation', call ->> 'conversation_id', now_ms),
      'inbound', external, '', '', now_ms, now_ms, now_ms, now_ms, 'withdrawn', true);
  end if;
  return json_build_object('known', known_id is not null);
end $$;

-- Takes the next place in a lane, which it makes when it is new and locks; an idle lane becomes ready at `ready`.
create function chasqui.take_place(to_lane text, org text, lane_priority bigint, ready bigint, now_ms bigint) returns bigint language plpgsql as $$
declare
  place bigint;
  was_idle boolean;
begin
  insert into chasqui.lane (id, org_id) values (to_lane, org) on conflict do nothing;
  select last_seq + 1, last_seq = done_seq into place, was_idle from chasqui.lane where id = to_lane for update;
  if was_idle then
    update chasqui.lane set last_seq = place, ready_at = least(ready, now_ms + chasqui.max_park()), rank = now_ms, priority = lane_priority where id = to_lane;
    perform chasqui.tell(array[to_lane]);
  else
    update chasqui.lane set last_seq = place where id = to_lane;
  end if;
  return place;
end $$;

create type chasqui.new_job as (
  n integer,
  lane_id text collate "C",
  org_id text,
  kind text,
  payload text,
  priority bigint,
  wait_ms bigint,
  to_kind text,
  to_lane text collate "C",
  key text collate "C",
  reuse_key boolean
);

-- Makes the keys of these jobs theirs. Returns those that may not have them, with the lane of the job that has.
create function chasqui.take_keys(batch chasqui.new_job[], now_ms bigint) returns table (n integer, lane_id text) language plpgsql as $$
#variable_conflict use_column
begin
  insert into chasqui.job_key (key, lane_id, created_at)
  select distinct on (b.key) b.key, b.lane_id, now_ms from unnest(batch) b where b.key is not null order by b.key, b.n
  on conflict do nothing;
  perform 1 from chasqui.job_key k where k.key in (select b.key from unnest(batch) b) order by k.key for update;
  update chasqui.job_key k set lane_id = b.lane_id, created_at = now_ms
  from (select distinct on (b.key) b.key, b.lane_id from unnest(batch) b where b.key is not null and b.reuse_key order by b.key, b.n) b
  where k.key = b.key and k.lane_id <> b.lane_id
    and not exists (select from chasqui.job j where j.lane_id = k.lane_id and j.state not in ('completed', 'cancelled'));
  return query select b.n, k.lane_id from unnest(batch) b join chasqui.job_key k on k.key = b.key where k.lane_id <> b.lane_id;
end $$;

-- Adds jobs that are not messages.
create function chasqui.add_job(calls json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  batch chasqui.new_job[] := array(select j from json_populate_recordset(null::chasqui.new_job, calls) j);
  known json[];
  known_calls integer[];
  replies json;
  woken text[];
begin
  if exists (select from unnest(batch) j where j.key is not null) then
    select array_agg(json_build_array(k.n, json_build_array(k.lane_id,
      coalesce((select max(j.seq) from chasqui.job j where j.lane_id = k.lane_id), 1), false))), array_agg(k.n)
    into known, known_calls from chasqui.take_keys(batch, now_ms) k;
    batch := array(select j from unnest(batch) j where j.n <> all(coalesce(known_calls, '{}')));
  end if;

  insert into chasqui.lane (id, org_id)
  select distinct on (j.lane_id) j.lane_id, j.org_id from unnest(batch) j
  where not exists (select from chasqui.lane l where l.id = j.lane_id)
  order by j.lane_id
  on conflict do nothing;

  perform 1 from chasqui.lane l where l.id in (select j.lane_id from unnest(batch) j) order by l.id for update;

  with placed as (
    select j.*, l.last_seq = l.done_seq as idle, l.last_seq + row_number() over (partition by l.id order by j.n) as place,
      case when j.wait_ms > 0 then now_ms + j.wait_ms else 0 end as not_before
    from unnest(batch) j join chasqui.lane l on l.id = j.lane_id
  ), jobs as (
    insert into chasqui.job (lane_id, seq, kind, state, not_before, owner_epoch, payload, to_kind, to_lane, created_at)
    select lane_id, place, kind, case when wait_ms > 0 then 'scheduled' else 'available' end, not_before,
      coalesce((select c.owner_epoch from chasqui.conversation c where c.id = lane_id), 0), payload, to_kind, to_lane, now_ms
    from placed
  ), lanes as (
    update chasqui.lane l set last_seq = p.last,
      ready_at = case when p.idle then least(p.ready_at, now_ms + chasqui.max_park()) else l.ready_at end,
      rank = case when p.idle then now_ms else l.rank end,
      priority = case when p.idle then p.priority else l.priority end
    from (
      select lane_id, bool_and(idle) as idle, max(place) as last, (array_agg(not_before order by place))[1] as ready_at,
        (array_agg(priority order by place))[1] as priority
      from placed group by lane_id
    ) p where l.id = p.lane_id
  )
  select array_to_json(coalesce(known, '{}') || array_agg(json_build_array(n, json_build_array(lane_id, place, true)))), array_agg(distinct lane_id) filter (where idle)
  into replies, woken from placed;

  perform chasqui.tell(woken);
  return replies;
end $$;
