import { z } from 'zod';
import { ConfigError } from '../../domain/errors.ts';
import type { ChannelId, OrgId } from '../../domain/ids.ts';

const secret = z.string().min(1, 'must not be empty').nullable().default(null);
const ms = (least: number, most: number) => z.int().min(least).max(most);

function isPlainAddress(text: string): boolean {
  const url = URL.parse(text);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false;
  return !url.username && !url.password && !url.search && !url.hash;
}

/** What a Chatwoot channel can be told; durations in ms. Unknown keys are refused. */
export const chatwootOptionsSchema = z.strictObject({
  /** Address of the installation. Redirects are never followed: give the final one. */
  baseUrl: z
    .string()
    .refine(isPlainAddress, 'must be an http(s) address without credentials, query or fragment, such as "https://app.chatwoot.com"')
    .transform((url) => url.replace(/\/+$/, '')),
  /** The number in the dashboard's address: /app/accounts/{accountId}. Events of other accounts are ignored. */
  accountId: z
    .union([z.int().positive(), z.string().regex(/^[1-9][0-9]{0,14}$/)], { error: 'must be the number of the account' })
    .transform(String),
  /** Access token of the agent bot: sends, types, sets the status. */
  apiToken: z.string().min(1, 'must not be empty'),
  /**
   * Access token of a person, for reading only; best an agent who is a member of the bot's inboxes and no other, since people are shown
   * the conversations of their own inboxes. Chatwoot lets no agent bot list messages or conversations: without this token an ambiguous
   * send can seldom be resolved, and nothing missed can be caught up.
   */
  readToken: secret,
  /** The bot's webhook secret (not its access token). Null: unsigned webhooks, which then need `pathSecret`. */
  webhookSecret: secret,
  /** Last segment of the webhook's address, for installations that do not sign (agent bots before 4.13). */
  pathSecret: secret,
  /**
   * Inboxes the bot is connected to. Null: every inbox of the account. Name them when people work in other inboxes of the account, or
   * catch-up would take unanswered conversations of theirs for its own.
   */
  inboxIds: z.array(z.int().positive()).min(1).nullable().default(null),
  /** How far a webhook's timestamp may be from our clock, both ways. */
  toleranceMs: ms(1000, 86_400_000).default(300_000),
  /** How long a request may take until its socket is reset. */
  requestMs: ms(50, 120_000).default(5000),
  /** The longest Chatwoot may still take to show what a reset request asked for. */
  landingMs: ms(0, 600_000).default(3000),
  /** What becomes of a conversation that fell open without a person: answered by the bot after all, or left to people. */
  onOpen: z.enum(['take_back', 'handoff']).default('take_back'),
  /**
   * Longest message, UTF-16 units. Chatwoot takes 150,000, but hands the text to WhatsApp and Telegram, which refuse more than 4,096;
   * for Instagram set 1000, for Messenger 2000.
   */
  maxPartLength: z.int().min(50).max(20_000).default(4000),
});

export type ChatwootSettings = z.output<typeof chatwootOptionsSchema>;
export type ChatwootOptions = z.input<typeof chatwootOptionsSchema> & { id: ChannelId; orgId: OrgId };

/** Checks the options and fills in defaults. Throws ConfigError with every wrong key; values are never in it. */
export function readOptions(options: ChatwootOptions): ChatwootSettings {
  const { id, orgId: _, ...rest } = options;
  const result = chatwootOptionsSchema.safeParse(rest);
  if (result.success) return result.data;
  const wrong = result.error.issues.map((issue) => `${issue.path.join('.') || 'options'}: ${issue.message}`);
  throw new ConfigError(`channel ${id}: ${wrong.join('; ')}`);
}
