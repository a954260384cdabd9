-- Ownership, dead letters, pruning.

-- Sets the owner; the lane becomes ready now, unless it is held. Its row is locked first, so that a release under way sees the new owner or is
-- seen by this. A change older than the last one is ignored.
create function chasqui.set_owner(call json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  since bigint := (call ->> 'at')::bigint;
  of_lane text := chasqui.conversation_for(call ->> 'org_id', call ->> 'channel_id', call ->> 'external_id', call ->> 'conversation_id', now_ms);
  known chasqui.conversation;
  changes boolean;
begin
  perform 1 from chasqui.lane where id = of_lane for update;
  select * into known from chasqui.conversation where id = of_lane;
  changes := known.owner <> call ->> 'owner' and since >= known.owner_since;
  if changes then
    update chasqui.conversation set owner = call ->> 'owner', owner_epoch = owner_epoch + 1, owner_since = since where id = of_lane;
    update chasqui.lane set ready_at = 0 where id = of_lane and ready_at >= 0 and lease_until <= now_ms;
    if found then
      perform chasqui.tell(array[of_lane]);
    end if;
  elsif since > known.owner_since then
    -- Nothing changes, but an older change that comes late must not undo what is known of this instant.
    update chasqui.conversation set owner_since = since where id = of_lane;
  end if;
  return json_build_object('changed', changes, 'laneId', of_lane);
end $$;

-- Appends a dead letter's job once more at its lane's end, once; refused while a person owns the conversation.
create function chasqui.retry(call json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  of_lane text := call ->> 'lane';
  at_seq bigint := (call ->> 'seq')::bigint;
  retried_id text := 'job_' || of_lane || '_' || at_seq;
  letter chasqui.job;
  org text;
  holder text;
  epoch bigint;
  place bigint;
  continued text;
begin
  select l.org_id into org from chasqui.lane l where l.id = of_lane for update;
  select * into letter from chasqui.job j where j.lane_id = of_lane and j.seq = at_seq for update;
  if not found then
    return json_build_object('kind', 'unknown');
  elsif exists (select from chasqui.job where retry_of = retried_id) then
    return json_build_object('kind', 'already');
  elsif letter.state <> 'dead' then
    return json_build_object('kind', 'unknown');
  end if;
  select c.owner, c.owner_epoch into holder, epoch from chasqui.conversation c where c.id = of_lane;
  if letter.kind = 'turn' and holder = 'human' then
    return json_build_object('kind', 'human_owns');
  end if;
  place := chasqui.take_place(of_lane, org, 0, 0, now_ms);
  continued := chasqui.continue_turn(letter.turn_id, place, coalesce(epoch, 0));
  insert into chasqui.job (lane_id, seq, kind, state, owner_epoch, message_id, turn_id, payload, to_kind, to_lane, retry_of, created_at)
  values (of_lane, place, letter.kind, 'available', coalesce(epoch, 0), letter.message_id, continued, letter.payload, letter.to_kind, letter.to_lane, retried_id, now_ms);
  update chasqui.job set state = 'cancelled', reason = 'retried', dead_at = null where lane_id = of_lane and seq = at_seq;
  update chasqui.message set ending = null, ending_reason = null, ended_at = null, seq = place where id = letter.message_id;
  return json_build_object('kind', 'retried', 'retriedAs', 'job_' || of_lane || '_' || place, 'laneId', of_lane);
end $$;

-- The new job goes on with the stored answer: what was sent stays sent. An apology is not continued.
create function chasqui.continue_turn(of_turn text, place bigint, epoch bigint) returns text language plpgsql as $$
declare
  stored chasqui.turn;
begin
  select * into stored from chasqui.turn t where t.id = of_turn;
  if not found or stored.kind = 'apology' then
    return null;
  end if;
  update chasqui.turn t set settled_at = null, owner_epoch = epoch,
    members = case when stored.settled_at is null then t.members else '{}' end || place
  where t.id = of_turn;
  if stored.settled_at is not null then
    update chasqui.send set state = 'planned', tries = 0, first_at = null, ended_at = null, reason = null, ambiguous = ambiguous or state = 'unknown'
    where turn_id = of_turn and state in ('failed', 'cancelled', 'unknown');
  end if;
  return of_turn;
end $$;

-- Deletes up to `most` rows of each kind that ended before the given instants, or that have ids below those of the given instants.
create function chasqui.prune(call json, at bigint) returns json language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off set plan_cache_mode = force_generic_plan as $$
declare
  most bigint := (call ->> 'most')::bigint;
  body_messages text := call ->> 'body_messages';
  body_turns text := call ->> 'body_turns';
  old_messages text := call ->> 'old_messages';
  old_turns text := call ->> 'old_turns';
  old_lanes text := call ->> 'old_lanes';
  old_at bigint := (call ->> 'old_at')::bigint;
  bodies bigint;
  gone bigint;
  total bigint;
begin
  update chasqui.message set text = '', attachments = null where id = any(array(
    select m.id from chasqui.message m
    where m.id >= call ->> 'body_from' and m.id < body_messages and m.text <> '' and (m.ending is not null or m.direction = 'outbound')
      and not exists (select from chasqui.job j where j.lane_id = m.conversation_id and j.seq = m.seq and j.state = 'dead') order by m.id limit most));
  get diagnostics bodies = row_count; total := bodies;

  with old as materialized (
    select s.turn_id, s.part from chasqui.send s where s.turn_id < body_turns and s.text <> '' and s.state = 'sent' order by s.turn_id limit most
  )
  update chasqui.send s set text = '' from old where s.turn_id = old.turn_id and s.part = old.part;
  get diagnostics gone = row_count; total := total + gone;

  with old as materialized (
    select j.lane_id, j.seq from chasqui.job j where j.dead_at < (call ->> 'dead_at')::bigint order by j.dead_at limit most
  )
  update chasqui.job j set state = 'cancelled', reason = 'expired', dead_at = null from old where j.lane_id = old.lane_id and j.seq = old.seq;
  get diagnostics gone = row_count; total := total + gone;

  with old as materialized (
    select m.conversation_id, m.seq from chasqui.message m
    where m.id < old_messages and m.ending is not null and m.seq is not null order by m.id limit most
  )
  delete from chasqui.job j using old where j.lane_id = old.conversation_id and j.seq = old.seq and j.state in ('completed', 'cancelled');
  get diagnostics gone = row_count; total := total + gone;

  delete from chasqui.job where dead_at is null and lane_id = any(array(
    select l.id from chasqui.lane l where l.id >= 'lane_' and l.id < old_lanes and l.ready_at is null
      and exists (select from chasqui.job j where j.lane_id = l.id and j.dead_at is null) order by l.id limit most));
  get diagnostics gone = row_count; total := total + gone;

  delete from chasqui.turn where id = any(array(
    select t.id from chasqui.turn t where t.id < old_turns and t.settled_at is not null
      and not exists (select from chasqui.job j where j.lane_id = t.lane_id and j.turn_id = t.id and j.state = 'dead') order by t.id limit most));
  get diagnostics gone = row_count; total := total + gone;

  delete from chasqui.send where turn_id = any(array(
    select distinct s.turn_id from chasqui.send s
    where s.turn_id < old_turns and not exists (select from chasqui.turn t where t.id = s.turn_id) order by s.turn_id limit most));
  get diagnostics gone = row_count; total := total + gone;

  delete from chasqui.operation where id = any(array(select o.id from chasqui.operation o where o.state <> 'running' and o.updated_at < old_at limit most));
  get diagnostics gone = row_count; total := total + gone;

  delete from chasqui.job_key where key = any(array(
    select k.key from chasqui.job_key k where k.created_at < old_at
      and not exists (select from chasqui.job j where j.lane_id = k.lane_id and j.state not in ('completed', 'cancelled')) limit most));
  get diagnostics gone = row_count; total := total + gone;

  delete from chasqui.attempt where id = any(array(select a.id from chasqui.attempt a where a.ended_at < old_at order by a.ended_at limit most));
  get diagnostics gone = row_count; total := total + gone;

  delete from chasqui.message where id = any(array(
    select m.id from chasqui.message m where m.id < old_messages
      and (m.ending is not null or m.direction = 'outbound' or m.verdict = 'withdrawn')
      and not exists (select from chasqui.job j where j.lane_id = m.conversation_id and j.seq = m.seq) order by m.id limit most));
  get diagnostics gone = row_count; total := total + gone;

  delete from chasqui.lane where id = any(array(
    select l.id from chasqui.lane l where l.id >= 'lane_' and l.id < old_lanes and l.ready_at is null
      and not exists (select from chasqui.job j where j.lane_id = l.id) order by l.id limit most for update skip locked));
  get diagnostics gone = row_count; total := total + gone;
  return json_build_object('total', total, 'bodies', bodies);
end $$;

-- An operation as operators see it.
create function chasqui.read_operation(of_id text, now_ms bigint) returns json language plpgsql stable as $$
begin
  return (
    select json_build_object('id', id, 'kind', kind, 'state',
      case when state = 'running' and lease_owner is not null and lease_until <= now_ms then 'interrupted' else state end,
      'total', total, 'done', done, 'failed', failed, 'error', error, 'createdAt', created_at, 'updatedAt', updated_at)
    from chasqui.operation where id = of_id
  );
end $$;

-- Stores an operation, unless another of its kind is open: then that one is the answer.
create function chasqui.start_operation(call json, at bigint) returns json language plpgsql as $$
declare
  now_ms bigint := coalesce(at, chasqui.clock());
  of_kind text := call ->> 'kind';
  open_id text;
begin
  loop
    insert into chasqui.operation (id, kind, state, total, params, created_at, updated_at)
    values (call ->> 'id', of_kind, 'running', (call ->> 'total')::bigint, call ->> 'params', now_ms, now_ms)
    on conflict (kind) where state = 'running' do nothing;
    if found then
      return json_build_object('operation', chasqui.read_operation(call ->> 'id', now_ms), 'isNew', true);
    end if;
    select id into open_id from chasqui.operation where kind = of_kind and state = 'running';
    if found then
      return json_build_object('operation', chasqui.read_operation(open_id, now_ms), 'isNew', false);
    end if;
  end loop;
end $$;

-- Opens a cancelled or failed operation again.
create function chasqui.resume_operation(call json, at bigint) returns json language plpgsql as $$
declare
  asked chasqui.operation;
begin
  select * into asked from chasqui.operation where id = call ->> 'id' for update;
  if not found then
    return to_json('unknown'::text);
  elsif asked.state = 'completed' then
    return to_json('completed'::text);
  elsif asked.state = 'running' then
    return to_json('open'::text);
  end if;
  update chasqui.operation set state = 'running', stumbles = 0, error = null, updated_at = coalesce(at, chasqui.clock()) where id = asked.id;
  return to_json('resumed'::text);
exception when unique_violation then
  return to_json('busy'::text);
end $$;
