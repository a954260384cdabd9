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
-- ready_at: null = nothing to do; 0 = may be claimed now; otherwise not before then. A claimed lane's is its lease_until.
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
create index lane_ready on chasqui.lane (priority, rank) where ready_at = 0;
create index lane_waiting on chasqui.lane (ready_at) where ready_at > 0;
create index lane_leased on chasqui.lane (org_id) where lease_until > 0;

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
  created_at bigint not null,
  started_at bigint,
  ended_at bigint,
  dead_at bigint,
  primary key (lane_id, seq)
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
create index job_dead on chasqui.job (dead_at, lane_id, seq) where dead_at is not null;
create unique index job_retry on chasqui.job (retry_of) where retry_of is not null;

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
  created_at bigint not null,
  updated_at bigint not null
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
