import { z } from 'zod';
import type { Action } from '../domain/action.ts';
import type { Answer, Question } from '../ports/responder.ts';
import { address } from './field.ts';
import { hoursSchema } from './hours.ts';
import { talkSchema, withoutDefaults } from './settings.ts';

/** A secret: itself, or better the name of the environment variable or the path of the file that holds it. */
const secret = z.union(
  [
    z.string().min(1, 'must not be empty'),
    z.strictObject({ env: z.string().min(1, 'must name an environment variable') }),
    z.strictObject({ file: z.string().min(1, 'must be the path of a file') }),
  ],
  { error: "must be text, { env: 'NAME' } or { file: '/path' }" },
);

const required = (what: string) => z.string({ error: `is missing: ${what}` }).min(1, 'must not be empty');
const name = (what: string) => required(what).regex(/^[a-z0-9][a-z0-9_-]{0,47}$/i, 'may hold up to 48 letters, digits, "-" and "_"');
export const localeSchema = z.string().regex(/^[a-z]{2}$/, 'must be a two-letter language such as "es"');

/** Answers with a text, or with the whole answer. An empty text says nothing. */
export type RespondFunction = (question: Question, signal: AbortSignal) => Promise<string | Answer> | string | Answer;

const modelResponder = z.strictObject({
  kind: z.literal('model'),
  model: required('the name of the model'),
  baseUrl: address.optional(),
  apiKey: secret.optional(),
  /** Instructions that precede every conversation. */
  system: z.string().optional(),
});
const scriptResponder = z.strictObject({ kind: z.literal('script') });
const functionResponder = z.strictObject({
  kind: z.literal('function'),
  name: name('a name for the journey of messages').default('function'),
  respond: z.custom<RespondFunction>((value) => typeof value === 'function', 'must be a function (question, signal) => text'),
});

export const responderSchema = z.discriminatedUnion('kind', [modelResponder, scriptResponder, functionResponder], {
  error: 'must have a kind: model, script or function',
});

/** What orgs and channels inherit and may set for themselves. */
const inherited = { locale: localeSchema.optional(), responder: responderSchema.optional(), serviceHours: hoursSchema.optional(), ...withoutDefaults(talkSchema.shape) };
const channelBase = { id: name('an id that is unique among all channels'), ...inherited };

const chatwootChannel = z.strictObject({
  kind: z.literal('chatwoot'),
  ...channelBase,
  baseUrl: address,
  accountId: z.union([z.int().positive().transform(String), z.string().regex(/^[1-9][0-9]*$/)], { error: 'must be the number of the account' }),
  apiToken: secret,
  /** Signs the webhooks. Chatwoot before 4.13 does not sign those of agent bots. */
  webhookSecret: secret.optional(),
  /** The last segment of the webhook's address, for a Chatwoot that does not sign. */
  pathSecret: secret.optional(),
  /** Access token of a person, for reading only: agent bots may not list messages, which catch-up has to. */
  readToken: secret.optional(),
  /** Inboxes the bot is connected to; all of the account when left out. */
  inboxIds: z.array(z.int().positive()).min(1).optional(),
  /** How far a webhook's timestamp may be from our clock, ms. */
  toleranceMs: z.int().min(1_000).max(86_400_000).optional(),
  /** Longest message, UTF-16 units. */
  maxPartLength: z.int().min(50).max(20_000).optional(),
});
const playgroundChannel = z.strictObject({
  kind: z.literal('playground'),
  ...channelBase,
  /** Lets other machines use it too. Anybody who reaches the page can make the responder work. */
  public: z.boolean().default(false),
});

export const channelSchema = z.discriminatedUnion('kind', [chatwootChannel, playgroundChannel], {
  error: 'must have a kind: chatwoot or playground',
});

const perMinute = z.int('must be a whole number').min(1, 'must be at least 1').max(10_000, 'must be at most 10000');
/** How often in a minute each action may be done in an org; what is left out is as by default. */
const actionLimits = z.strictObject({ send_text: perMinute, send_template: perMinute, retry: perMinute, assign: perMinute } satisfies Record<Action, typeof perMinute>).partial();

export const orgSchema = z.strictObject({
  id: name('an id'),
  ...inherited,
  /** Turns that this org gets for each turn of an org of weight 1, while both have messages waiting. */
  weight: z.number({ error: 'must be a number' }).min(0.01, 'must be at least 0.01').max(100, 'must be at most 100').default(1),
  /** Turns at once, over all processes; 0 means no cap. `ORG_MAX_CONCURRENCY` when left out. */
  maxConcurrency: z.int('must be a whole number').min(0, 'must be at least 0').max(1_000, 'must be at most 1000').optional(),
  limits: actionLimits.default({}),
  channels: z.array(channelSchema, { error: 'must be a list of channels' }).min(1, 'must hold at least one channel'),
});

export type OrgEntry = z.output<typeof orgSchema>;
export type ChannelEntry = z.output<typeof channelSchema>;
export type ResponderEntry = z.output<typeof responderSchema>;
export type SecretEntry = z.output<typeof secret>;
export { secret as secretSchema };
