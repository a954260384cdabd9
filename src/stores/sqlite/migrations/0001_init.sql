-- The truth: conversations and who owns them, the lanes and their jobs, messages, stored replies and the send ledger.
-- Instants are UTC milliseconds. Ids sort by the time they were made, so new rows go to the right end of every index.

create table conversation (
  id text primary key,
  org_id text not null,
  channel_id text not null,
  external_id text not null,
  owner text not null default 'bot',
  owner_epoch integer not null default 0,
  owner_since integer not null default 0,
  locale text,
  doubt integer not null default 0,
  created_at integer not null
) without rowid;
create unique index conversation_external on conversation (channel_id, external_id);

-- ready_at: 0 = may be claimed now; -1 = may run, but its channel was paused when a claim met it, see `aside`; otherwise not before then.
-- A claimed lane's is its lease_until.
create table lane (
  id text primary key,
  org_id text not null,
  priority integer not null default 0,
  rank integer not null default 0,
  last_seq integer not null default 0,
  done_seq integer not null default 0,
  ready_at integer not null default 0,
  lease_owner text,
  lease_until integer not null default 0,
  lease_ms integer not null default 0,
  epoch integer not null default 0
) without rowid;
create index lane_ready on lane (org_id, priority, rank) where last_seq > done_seq and ready_at = 0;
create index lane_waiting on lane (ready_at) where last_seq > done_seq and ready_at > 0;
create index lane_leased on lane (org_id) where lease_owner is not null;

-- Lanes at -1, each as it was met. A row may be left of a lane that its holder took back since.
create table aside (
  channel_id text not null,
  priority integer not null,
  rank integer not null,
  lane_id text not null,
  primary key (channel_id, priority, rank, lane_id)
) without rowid;

-- What operators stopped; `id` is empty for everything.
create table pause (scope text not null, id text not null, since integer not null, primary key (scope, id)) without rowid;

-- What operators decided for all processes.
create table control (name text primary key, value text not null) without rowid;

create table job (
  lane_id text not null,
  seq integer not null,
  kind text not null,
  state text not null,
  attempts integer not null default 0,
  crashes integer not null default 0,
  suspect integer not null default 0,
  not_before integer not null default 0,
  owner_epoch integer not null default 0,
  message_id text,
  turn_id text,
  payload text,
  error text,
  reason text,
  retry_of text,
  progress_done integer,
  progress_total integer,
  created_at integer not null,
  started_at integer,
  ended_at integer,
  primary key (lane_id, seq)
) without rowid;
create index job_dead on job (ended_at, lane_id, seq) where state = 'dead';
create unique index job_retry on job (retry_of) where retry_of is not null;

-- What jobs were added about: the lane of each, which is theirs alone.
create table job_key (key text primary key, lane_id text not null, created_at integer not null) without rowid;

-- Attempts that did not end well. The one that did is the turn itself.
create table attempt (
  lane_id text not null,
  seq integer not null,
  n integer not null,
  started_at integer,
  ended_at integer not null,
  outcome text not null,
  error text
);
create index attempt_job on attempt (lane_id, seq);

create table message (
  id text not null,
  org_id text not null,
  channel_id text not null,
  conversation_id text not null,
  direction text not null,
  external_id text,
  author text not null,
  text text not null,
  attachments text,
  sent_at integer not null,
  received_at integer not null,
  verified_at integer not null,
  accepted_at integer not null,
  verdict text not null,
  seq integer,
  ending text,
  ending_reason text,
  ended_at integer,
  withdrawn integer not null default 0
);
create unique index message_id on message (id);
create unique index message_external on message (channel_id, external_id) where external_id is not null;
create index message_conversation on message (conversation_id, id);

create table turn (
  id text primary key,
  lane_id text not null,
  kind text not null,
  owner_epoch integer not null,
  members text not null,
  responder text not null,
  model text,
  input_tokens integer,
  output_tokens integer,
  dead_reason text,
  error text,
  planned_at integer not null,
  settled_at integer
) without rowid;

create table send (
  turn_id text not null,
  part integer not null,
  state text not null,
  key text not null,
  text text not null,
  tries integer not null default 0,
  ambiguous integer not null default 0,
  first_at integer,
  started_at integer,
  ended_at integer,
  provider_id text,
  reason text,
  error text,
  primary key (turn_id, part)
) without rowid;

create table operation (
  id text primary key,
  kind text not null,
  state text not null,
  total integer not null,
  done integer not null default 0,
  failed integer not null default 0,
  params text not null,
  cursor text not null default 'null',
  error text,
  stumbles integer not null default 0,
  lease_owner text,
  lease_until integer not null default 0,
  epoch integer not null default 0,
  created_at integer not null,
  updated_at integer not null
) without rowid;
-- One of a kind at a time.
create unique index operation_open on operation (kind) where state = 'running';

-- When something that is said at most once in a while was said last in a conversation, by topic.
create table notice (
  conversation_id text not null,
  topic text not null,
  said_at integer not null,
  primary key (conversation_id, topic)
) without rowid;

-- Breakers that are open: until when, and until when somebody tries whether they may close.
create table breaker (name text primary key, until integer not null, opened integer not null, probe_until integer not null default 0) without rowid;

-- How far catch-up has come, by channel.
create table cursor (channel_id text primary key, at integer not null) without rowid;

-- How many jobs ended, by outcome, since the beginning.
create table tally (name text primary key, value integer not null) without rowid;
