-- The truth: conversations and who owns them, the lanes and their jobs, messages, stored replies and the send ledger.
-- Instants are UTC milliseconds. Ids sort by the time they were made, so new rows go to the right end of every index; they are compared as
-- bytes (collate "C"), which is their order and also the fastest. What users and platforms wrote is kept as text, never as json(b), which
-- refuses some of it.
-- The free space in each page (fillfactor) keeps updates that touch no index within the page.

create table chasqui.conversation (
  id text collate "C" primary key,
  org_id text collate "C" not null,
  channel_id text collate "C" not null,
  external_id text collate "C" not null,
  owner text not null default 'bot',
  owner_epoch bigint not null default 0,
  owner_since bigint not null default 0,
  locale text,
  doubt boolean not null default false,
  created_at bigint not null
) with (fillfactor = 80);
create unique index conversation_external on chasqui.conversation (channel_id, external_id);

-- epoch: raised by every claim and every release, so that whoever knows it holds the lane.
-- ready_at: null = nothing to do; 0 = may be claimed now; -1 = may run, but its channel was paused when a claim met it, see `aside`; otherwise
-- not before then. A claimed lane's is its lease_until.
create table chasqui.lane (
  id text collate "C" primary key,
  org_id text collate "C" not null,
  priority bigint not null default 0,
  rank bigint not null default 0,
  last_seq bigint not null default 0,
  done_seq bigint not null default 0,
  ready_at bigint,
  lease_owner text,
  lease_until bigint not null default 0,
  lease_ms bigint not null default 0,
  epoch bigint not null default 0
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
create index lane_ready on chasqui.lane (org_id, priority, rank) where ready_at = 0;
create index lane_waiting on chasqui.lane (ready_at) where ready_at > 0;
create index lane_aside on chasqui.lane (id) where ready_at = -1;
create index lane_leased on chasqui.lane (org_id) where lease_until > 0;

-- Lanes at -1, each as it was met. A row may be left of a lane that its holder took back since.
create table chasqui.aside (
  channel_id text collate "C" not null,
  priority bigint not null,
  rank bigint not null,
  lane_id text collate "C" not null,
  primary key (channel_id, priority, rank, lane_id)
);

-- What operators stopped; `id` is empty for everything.
create table chasqui.pause (scope text collate "C" not null, id text collate "C" not null, since bigint not null, primary key (scope, id));

-- What operators decided for all processes.
create table chasqui.control (name text collate "C" primary key, value text not null);

-- to_kind, to_lane: what a `promote` job becomes, and where, when it is due.
-- dead_at: when it died, while it is a dead letter. A column of its own, so that a change of state touches no index.
create table chasqui.job (
  lane_id text collate "C" not null,
  seq bigint not null,
  kind text not null,
  state text not null,
  attempts bigint not null default 0,
  crashes bigint not null default 0,
  suspect boolean not null default false,
  not_before bigint not null default 0,
  owner_epoch bigint not null default 0,
  message_id text collate "C",
  turn_id text collate "C",
  payload text,
  to_kind text,
  to_lane text collate "C",
  error text,
  reason text,
  retry_of text collate "C",
  progress_done bigint,
  progress_total bigint,
  created_at bigint not null,
  started_at bigint,
  ended_at bigint,
  dead_at bigint,
  primary key (lane_id, seq)
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
create index job_dead on chasqui.job (dead_at, lane_id, seq) where dead_at is not null;
create unique index job_retry on chasqui.job (retry_of) where retry_of is not null;

-- What jobs were added about: the lane of each, which is theirs alone.
create table chasqui.job_key (key text collate "C" primary key, lane_id text collate "C" not null, created_at bigint not null);

-- Attempts that did not end well. The one that did is the turn itself.
create table chasqui.attempt (
  id bigint generated always as identity primary key,
  lane_id text collate "C" not null,
  seq bigint not null,
  n bigint not null,
  started_at bigint,
  ended_at bigint not null,
  outcome text not null,
  error text
);
create index attempt_job on chasqui.attempt (lane_id, seq);
create index attempt_ended on chasqui.attempt (ended_at);

create table chasqui.message (
  id text collate "C" primary key,
  org_id text collate "C" not null,
  channel_id text collate "C" not null,
  conversation_id text collate "C" not null,
  direction text not null,
  external_id text collate "C",
  author text not null,
  text text not null,
  attachments text,
  sent_at bigint not null,
  received_at bigint not null,
  verified_at bigint not null,
  accepted_at bigint not null,
  verdict text not null,
  seq bigint,
  ending text,
  ending_reason text,
  ended_at bigint,
  withdrawn boolean not null default false
) with (fillfactor = 80);
create unique index message_external on chasqui.message (channel_id, external_id) where external_id is not null;
create index message_conversation on chasqui.message (conversation_id, id);

create table chasqui.turn (
  id text collate "C" primary key,
  lane_id text collate "C" not null,
  kind text not null,
  owner_epoch bigint not null,
  members bigint[] not null,
  responder text not null,
  model text,
  input_tokens bigint,
  output_tokens bigint,
  dead_reason text,
  error text,
  planned_at bigint not null,
  settled_at bigint
) with (fillfactor = 80);

create table chasqui.send (
  turn_id text collate "C" not null,
  part bigint not null,
  state text not null,
  key text collate "C" not null,
  text text not null,
  tries bigint not null default 0,
  ambiguous boolean not null default false,
  first_at bigint,
  started_at bigint,
  ended_at bigint,
  provider_id text,
  reason text,
  error text,
  primary key (turn_id, part)
) with (fillfactor = 60);

create table chasqui.operation (
  id text collate "C" primary key,
  kind text not null,
  state text not null,
  total bigint not null,
  done bigint not null default 0,
  failed bigint not null default 0,
  params text not null,
  cursor text not null default 'null',
  error text,
  stumbles bigint not null default 0,
  lease_owner text,
  lease_until bigint not null default 0,
  epoch bigint not null default 0,
  created_at bigint not null,
  updated_at bigint not null
);
-- One of a kind at a time.
create unique index operation_open on chasqui.operation (kind) where state = 'running';

-- When something that is said at most once in a while was said last in a conversation, by topic.
create table chasqui.notice (
  conversation_id text collate "C" not null,
  topic text collate "C" not null,
  said_at bigint not null,
  primary key (conversation_id, topic)
);

-- Breakers that some process opened: until when, and until when somebody tries whether they may close. What they guard is theirs to say.
create table chasqui.breaker (
  name text collate "C" primary key,
  until bigint not null,
  opened bigint not null,
  probe_until bigint not null default 0
);

-- How far catch-up has come, by channel.
create table chasqui.cursor (channel_id text collate "C" primary key, at bigint not null);

-- How many jobs ended, by outcome, since the beginning: the sum over the slots. Slots, so that two transactions seldom wait for one row.
create table chasqui.tally (name text not null, slot integer not null, value bigint not null, primary key (name, slot)) with (fillfactor = 20);

-- The clock that decides: the database's, in UTC milliseconds.
create function chasqui.clock() returns bigint language sql volatile as $$
  select trunc(extract(epoch from clock_timestamp()) * 1000)::bigint
$$;

-- No stored instant may lie further ahead than this many ms: a clock set back must not stop a lane.
create function chasqui.max_park() returns bigint language sql immutable as $$ select 3600000::bigint $$;
