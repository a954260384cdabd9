import { z } from 'zod';
import { choice, flag, millis, numberList, optionalAddress, optionalText, optionalWhole, text, whole } from './field.ts';

/** How a conversation is talked to. An org may set these for its channels, and a channel for itself. */
export const TALK = {
  GOVERNOR_RATE_LIMIT_ENABLED: flag(true, 'Answer a conversation only so many messages a minute; what comes beyond is stored, and the contact told.'),
  GOVERNOR_MAX_MESSAGES_PER_MINUTE: whole({ min: 1, max: 10_000, fallback: 10 }, { about: 'Messages of one conversation in any 60 s that are answered.' }),
  GOVERNOR_DEDUPE_ENABLED: flag(true, 'Suppress the same text from the same sender within the window.'),
  GOVERNOR_DEDUPE_WINDOW_MS: millis({ min: 1, fallback: 5_000 }, 'How long the same text from the same sender counts as a repetition.'),
  GOVERNOR_BOT_LOOP: choice(
    ['silence', 'handoff', 'answer'],
    'silence',
    'When the other side seems to be a program and both only answer each other: stay silent for a while (`silence`), leave the conversation to people (`handoff`), or go on (`answer`).',
  ),
  GOVERNOR_SERVICE_HOURS_ENABLED: flag(false, 'Keep the service hours of the config file (`serviceHours`).'),
  BURST_DEBOUNCE_MS: millis({ min: 0, max: 60_000, fallback: 700 }, 'How long to wait for the rest of a burst before answering.'),
  BURST_MAX_WAIT_MS: millis({ min: 0, max: 300_000, fallback: 4_000 }, 'The longest that a burst that goes on is waited for.'),
  BURST_STRATEGY: choice(['coalesce', 'queue'], 'coalesce', 'Answer the messages of a burst as one (`coalesce`) or one by one (`queue`).'),
  CHATWOOT_ON_OPEN: choice(
    ['take_back', 'handoff'],
    'take_back',
    'A conversation that Chatwoot opened because the bot failed, with no human reply and no assignee: answer it after all (`take_back`) or leave it to people (`handoff`).',
  ),
};

const PROCESS = {
  NODE_ENV: text('development', { about: '`production` makes the server reachable from outside and refuses administration without a token.' }),
  APP_MODE: choice(['all', 'api', 'worker'], 'all', 'What this process does: everything, only the HTTP surface, or only the work. `api` and `worker` apart need `DATABASE_URL`.'),
  PORT: whole({ min: 0, max: 65_535, fallback: 8_787 }, { about: 'Port of the HTTP server; 0 takes any free one.' }),
  WORKER_PORT: optionalWhole({ min: 0, max: 65_535 }, { about: 'Port on which a worker (`APP_MODE=worker`) serves its probes and metrics, and nothing else. Without it a worker serves nothing.' }),
  HOST: text('127.0.0.1', { about: 'Address to listen on.', defaultText: '127.0.0.1 (0.0.0.0 when `NODE_ENV=production`)' }),
  DATA_DIR: text('.chasqui', { about: 'Folder of the SQLite file.' }),
  DATABASE_URL: optionalText({ about: 'PostgreSQL (14 or newer) instead of SQLite, as `postgres://user:password@host:5432/database`.', secret: true }),
  DATABASE_CONNECTIONS: whole({ min: 1, max: 100, fallback: 4 }, { about: 'Connections to PostgreSQL at the most, besides the one that listens.' }),
  DATABASE_POOLED: flag(false, '`true` when `DATABASE_URL` leads to a pooler in transaction mode: then nothing is listened to, and work is found by asking.'),
  ADMIN_TOKEN: optionalText({ about: 'Bearer token of `/admin` and `/v1`. Without it they answer on loopback only, and not at all in production.', secret: true }),
  LOG_LEVEL: choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'info', 'The least severe lines that are logged.'),
  SHUTDOWN_TIMEOUT_MS: millis({ min: 1, max: 600_000, fallback: 10_000 }, 'The longest that a stop may take, all phases together.'),
  DRAIN_DELAY_MS: millis({ min: 0, max: 600_000, fallback: 0 }, 'How long to keep serving after `/readyz` says 503 (5000 on Kubernetes).'),
  USE_ASYNC_WEBHOOK: flag(true, '`false`: answer inside the webhook request (still stored first), as a rollback.'),
};

const REDIS = {
  REDIS_URL: optionalText({ about: 'Redis (6.2 or newer) through which processes wake each other, as `redis://:password@host:6379`; `rediss://` with TLS. Without it the store does that.', secret: true }),
  REDIS_HOST: optionalText({ about: 'Host of Redis, instead of `REDIS_URL`.' }),
  REDIS_PORT: whole({ min: 1, max: 65_535, fallback: 6_379 }, { about: 'Port of Redis, with `REDIS_HOST`.' }),
  REDIS_PASSWORD: optionalText({ about: 'Password of Redis, with `REDIS_HOST`.', secret: true }),
  REDIS_KEY_PREFIX: text('chasqui', { about: 'Before every key in Redis. Deployments that share a Redis need different ones.' }),
  REDIS_TIMEOUT_MS: millis({ min: 50, max: 30_000, fallback: 1_000 }, 'How long Redis may take to answer. When it takes longer twice, the store is used instead until it answers in time.'),
  WORKER_CONCURRENCY: whole({ min: 1, max: 1_000, fallback: 3 }, { about: 'Turns at once in each process while Redis wakes it.' }),
};

const TURNS = {
  HISTORY_MAX_MESSAGES: whole({ min: 0, max: 200, fallback: 20 }, { about: 'Older messages of the conversation that the responder gets, at most.' }),
  WORKER_TYPING_ENABLED: flag(true, 'Show the typing indicator while a turn runs.'),
  WORKER_TYPING_INTERVAL_MS: millis({ min: 500, max: 60_000, fallback: 3_000 }, 'How often the typing indicator is renewed.'),
};

const QUEUE = {
  LOCAL_QUEUE_CONCURRENCY: whole({ min: 1, max: 1_000, fallback: 3 }, { about: 'Turns at once.' }),
  LOCAL_QUEUE_TIMEOUT_MS: millis({ min: 100, fallback: 60_000 }, 'Hard end of one attempt.'),
  WORKER_PROCESSING_TIMEOUT_MS: millis({ min: 50, fallback: 45_000 }, 'Deadline of the responder inside an attempt.'),
  LOCAL_QUEUE_MAX_SIZE: whole({ min: 1, max: 100_000, fallback: 100 }, { about: 'Lanes fetched ahead. Bounds memory; never refuses a webhook.' }),
  QUEUE_NAME: text('chasqui-messages', { about: 'Name of the queue, as shown.' }),
  DLQ_NAME: text('chasqui-dlq', { about: 'Name of the dead letters, as shown.' }),
  QUEUE_MAX_RETRIES: whole({ min: 1, max: 100, fallback: 3 }, { about: 'Attempts in all, before the dead letters.' }),
  QUEUE_RETRY_DELAY_MS: millis({ min: 1, max: 3_600_000, fallback: 1_000 }, 'Attempt n + 1 waits this × 1, 2, 5, 10 (10 from then on), or what the platform asks for if longer.'),
  QUEUE_MAX_CRASHES: whole({ min: 1, max: 100, fallback: 3 }, { about: 'Process deaths in one job before it counts as poison; separate from attempts.' }),
  ORG_MAX_CONCURRENCY: whole({ min: 0, max: 1_000, fallback: 0 }, { about: 'Turns at once per org; 0 means no cap.' }),
  LANE_LEASE_MS: millis({ min: 50, max: 600_000, fallback: 15_000 }, 'How long a worker that fell silent keeps its conversation. Renewed while it works.'),
  ACCEPT_MAX_WAITING: whole({ min: 1, max: 1_000_000, fallback: 2_000 }, { about: 'Accepts that may wait for the disk before webhooks get 429.' }),
  STORE_TIMEOUT_MS: millis({ min: 50, max: 60_000, fallback: 4_000 }, 'How long a webhook waits for the disk before it gets 500.'),
  SWEEP_INTERVAL_MS: millis({ min: 10, max: 600_000, fallback: 2_000 }, 'How often lost wake-ups and dead leases are looked for.'),
  CATCH_UP_INTERVAL_MS: millis({ min: 100, fallback: 60_000 }, 'How often platforms are asked for messages that never arrived.'),
};

const SCALING = {
  AUTOSCALE_MAX_CONCURRENCY: whole(
    { min: 0, max: 1_000, fallback: 0 },
    { about: 'Turns at once that a process goes up to by itself, while work waits and it has room. 0: always as many as the setting of its engine says, which is the least otherwise.' },
  ),
  AUTOSCALE_MAX_WAIT_MS: millis({ min: 50, max: 600_000, fallback: 1_000 }, 'How long work may wait before more turns run at once.'),
  SCALING_MIN_WORKERS: whole({ min: 1, max: 1_000, fallback: 1 }, { about: 'The desired number of workers is never less.' }),
  SCALING_MAX_WORKERS: whole({ min: 1, max: 1_000, fallback: 10 }, { about: 'The desired number of workers is never more.' }),
  SCALING_MAX_WAIT_MS: millis({ min: 100, max: 3_600_000, fallback: 5_000 }, 'How long work may wait before more workers are desired.'),
};

const DEAD_LETTERS = {
  DLQ_ALERT_THRESHOLD: whole({ min: 1, max: 1_000_000, fallback: 10 }, { about: 'Dead letters from which the alert is logged.' }),
  DLQ_CHECK_INTERVAL_MS: millis({ min: 10, fallback: 300_000 }, 'How often the dead letters are counted for the alert.'),
};

const RETENTION = {
  RETENTION_BODIES_DAYS: whole({ min: 1, max: 3_650, fallback: 30 }, { about: 'Days that texts of ended messages are kept.', unit: 'days' }),
  RETENTION_IDENTITIES_DAYS: whole(
    { min: 8, max: 3_650, fallback: 90 },
    { about: 'Days that identities of messages are kept, to recognise a late redelivery. Platforms redeliver for up to a week.', unit: 'days' },
  ),
  RETENTION_DEAD_LETTERS_DAYS: whole({ min: 1, max: 3_650, fallback: 90 }, { about: 'Days that dead letters are kept.', unit: 'days' }),
};

const SENDING = {
  SEND_MAX_TRIES: whole({ min: 1, max: 20, fallback: 4 }, { about: 'Tries to send one part of a reply.' }),
  SEND_PATIENCE_MS: millis(
    { min: 0, max: 86_400_000, fallback: 600_000 },
    'How long a reply waits for a platform that refuses it for now or cannot be reached, however many tries that takes.',
  ),
  SEND_REQUEST_MS: millis({ min: 50, max: 60_000, fallback: 5_000 }, 'How long one request to a platform may take.'),
  SEND_LANDING_MS: millis({ min: 0, max: 60_000, fallback: 3_000 }, 'The longest that a platform may still take to show what a broken request asked for.'),
};

const MODEL = {
  OPENAI_API_KEY: optionalText({ about: 'Key of an OpenAI-compatible endpoint.', secret: true }),
  OPENAI_BASE_URL: optionalAddress('Address of an OpenAI-compatible endpoint, up to and including `/v1`.'),
  OPENAI_MODEL: optionalText({ about: 'Name of the model. Together with a key or an address it makes the model answer instead of the offline script.' }),
  MODEL_FIRST_CHUNK_MS: millis({ min: 50, max: 600_000, fallback: 15_000 }, 'How long the model may take to begin.'),
  MODEL_IDLE_MS: millis({ min: 50, max: 600_000, fallback: 10_000 }, 'How long the model may pause within an answer.'),
  MODEL_MAX_BYTES: whole({ min: 1_024, max: 16_777_216, fallback: 262_144 }, { about: 'The longest answer that is read.', unit: 'bytes' }),
};

const CHATWOOT = {
  CHATWOOT_BASE_URL: optionalAddress('Address of Chatwoot, for example `https://app.chatwoot.com`. Goes together with the account, the token and the secret.'),
  CHATWOOT_ACCOUNT_ID: optionalText({ about: 'Number of the account.' }),
  CHATWOOT_API_TOKEN: optionalText({ about: 'Access token of the agent bot.', secret: true }),
  CHATWOOT_WEBHOOK_SECRET: optionalText({ about: 'Secret of the agent bot, which signs its webhooks.', secret: true }),
  CHATWOOT_READ_TOKEN: optionalText({
    about: 'Access token of a person who may see the inboxes of the bot, used for reading only. Agent bots may not list messages: without it missed messages are not caught up.',
    secret: true,
  }),
  CHATWOOT_INBOX_IDS: numberList('Numbers of the inboxes that the bot is connected to, as in `1,4`. Name them when people work in other inboxes of the account.'),
};

/** The settings in the order and groups of the documentation. */
export const GROUPS = {
  Process: PROCESS,
  Redis: REDIS,
  Conversations: TALK,
  Turns: TURNS,
  'Queue and store': QUEUE,
  Scaling: SCALING,
  Sending: SENDING,
  'Dead letters': DEAD_LETTERS,
  Retention: RETENTION,
  Model: MODEL,
  Chatwoot: CHATWOOT,
};

const FIELDS = { ...PROCESS, ...REDIS, ...TALK, ...TURNS, ...QUEUE, ...SCALING, ...SENDING, ...DEAD_LETTERS, ...RETENTION, ...MODEL, ...CHATWOOT };

/** `LOCAL_QUEUE_MAX_SIZE` to `localQueueMaxSize`. */
type Camel<S extends string> = S extends `${infer Head}_${infer Rest}` ? `${Lowercase<Head>}${Capitalize<Camel<Rest>>}` : Lowercase<S>;
type FileKeys<Fields> = { [K in keyof Fields & string as Camel<K>]: Fields[K] };

/** The key of a setting in the config file. */
export function fileKey(name: string): string {
  return name.toLowerCase().replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function fileKeys<Fields extends Record<string, z.ZodType>>(fields: Fields): FileKeys<Fields> {
  return Object.fromEntries(Object.entries(fields).map(([name, schema]) => [fileKey(name), schema])) as FileKeys<Fields>;
}

export type SettingName = keyof typeof FIELDS;

/** Environment names of all settings, in order. */
export const SETTING_NAMES = Object.keys(FIELDS) as SettingName[];

export const settingsSchema = z.strictObject(fileKeys(FIELDS));
export const talkSchema = z.strictObject(fileKeys(TALK));

type Unset<S> = S extends z.ZodDefault<infer Inner extends z.ZodType> ? z.ZodOptional<Inner> : S;

/** The same fields, left out where they are not said: a layer above the defaults. */
export function withoutDefaults<Shape extends z.ZodRawShape>(shape: Shape): { [K in keyof Shape]: Unset<Shape[K]> } {
  const unset = (schema: unknown): unknown => (schema instanceof z.ZodDefault ? (schema.unwrap() as z.ZodType).optional() : schema);
  return Object.fromEntries(Object.entries(shape).map(([key, schema]) => [key, unset(schema)])) as { [K in keyof Shape]: Unset<Shape[K]> };
}

/** Every setting with its value. Durations are milliseconds. */
export type Settings = z.output<typeof settingsSchema>;
/** The settings that orgs and channels may set for themselves. */
export type TalkSettings = z.output<typeof talkSchema>;
export type SettingKey = keyof Settings;
