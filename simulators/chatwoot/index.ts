import type { Draw } from '../chance.ts';
import { realSimClock, stoppableClock } from '../clock.ts';
import type { SimClock } from '../clock.ts';
import { startHttpServer } from '../http-server.ts';
import type { HttpServer, ListenOptions } from '../http-server.ts';
import { createDeliveries } from './deliveries.ts';
import type { WebhookSettings } from './deliveries.ts';
import { createFaults } from './faults.ts';
import type { ChatwootFaults, FaultOptions } from './faults.ts';
import { createLedger } from './ledger.ts';
import type { DeliveryRecord, Ledger } from './ledger.ts';
import { DEFAULT_LIMITS, NO_LIMITS } from './limits.ts';
import type { Limits } from './limits.ts';
import { createOpenWork } from './open-work.ts';
import { flipOpen } from './platform.ts';
import type { Platform } from './platform.ts';
import { createRestApi } from './rest-api.ts';
import type { RestDeps } from './rest-api.ts';
import { handleSimRoute } from './sim-routes.ts';
import { createUsers } from './users.ts';
import type { Users } from './users.ts';
import { webhookBody } from './webhook-payloads.ts';
import { createWorld } from './world.ts';
import type { MessageType, Status, World } from './world.ts';

export interface ChatwootOptions extends ListenOptions {
  /** Where the agent bot listens. Can be set later; until then nothing is delivered. */
  webhookUrl?: string | null;
  webhookSecret?: string;
  /** False: no webhook is even built; for benches. Default true. */
  webhooks?: boolean;
  webhook?: Partial<WebhookSettings>;
  /** Default: as Chatwoot ships. `off`: none. */
  limits?: 'off' | Partial<Limits>;
  faults?: FaultOptions;
  /** The account setting of that name. Default false: a failing bot loses the conversation. */
  keepPendingOnBotFailure?: boolean;
  botAccess?: RestDeps['botAccess'];
  accountId?: number;
  clock?: SimClock;
  /** For delivery ids and shuffling. Default Math.random. */
  random?: Draw;
}

/** What the contact and the team see of a conversation. */
export interface ConversationView {
  id: number;
  status: Status;
  /** Agent's id, or `bot`. */
  assignee: number | 'bot' | null;
  messages: { id: number; type: MessageType; private: boolean; sender: string | null; content: string; at: number }[];
}

/** A Chatwoot installation with one account, one inbox and one agent bot. */
export interface ChatwootSim extends Users {
  readonly url: string;
  readonly port: number;
  readonly accountId: number;
  readonly webhookSecret: string;
  /** `bot`: the agent bot's; writes only. `user`: of a user with the role agent. */
  readonly tokens: { bot: string; user: string };
  readonly ledger: Ledger;
  readonly faults: ChatwootFaults;
  /** CHATWOOT_* for Chasqui: the bot's token to write, and CHATWOOT_READ_TOKEN, a user's, for what bots may not list. */
  env(): Record<string, string>;
  setWebhookUrl(url: string | null): void;
  /** Null when there is none. */
  conversation(id: number): ConversationView | null;
  /** Resolves when no delivery, retry, delayed request or late landing is under way. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

const TOKENS = { bot: 'sim-agent-bot-token', user: 'sim-user-token' };
const DEFAULT_WEBHOOK: WebhookSettings = {
  timeoutMs: 5000,
  retryDelayMs: 3000,
  attempts: 3,
  workers: 2,
  shuffle: false,
};

/** Starts a simulated Chatwoot on 127.0.0.1. */
export async function startChatwoot(options: ChatwootOptions = {}): Promise<ChatwootSim> {
  const timers = stoppableClock(options.clock ?? realSimClock);
  const work = createOpenWork();
  const faults = createFaults(options.faults ?? {});
  const secret = options.webhookSecret ?? 'sim-webhook-secret';
  let url = options.webhooks === false ? null : (options.webhookUrl ?? null);
  const closing = new AbortController();
  const wiring = { timers, faults, work, secret, url: () => url, closing: closing.signal };
  const platform = createPlatform(options, wiring);
  const botAccess = options.botAccess ?? 'current';
  const api = createRestApi({ platform, faults, work, limits: limitsOf(options), tokens: TOKENS, botAccess });
  const server = await startHttpServer((request, response) => {
    return request.url?.startsWith('/sim/') ? handleSimRoute(sim, request, response) : api(request, response);
  }, options);
  const sim: ChatwootSim = {
    ...facts(server, platform, secret),
    ...createUsers(platform),
    faults,
    setWebhookUrl: (next) => (url = options.webhooks === false ? null : next),
    conversation: (id) => viewOf(platform.world, id),
    settled: () => work.idle(),
    close() {
      timers.stop();
      closing.abort();
      url = null;
      return server.close();
    },
  };
  return sim;
}

interface Wiring {
  timers: SimClock;
  faults: ChatwootFaults;
  work: ReturnType<typeof createOpenWork>;
  secret: string;
  closing: AbortSignal;
  url: () => string | null;
}

function createPlatform(options: ChatwootOptions, wiring: Wiring): Platform {
  const { timers, url } = wiring;
  const ledger = createLedger();
  const world = createWorld(options.accountId ?? 1);
  const settings = { ...DEFAULT_WEBHOOK, ...options.webhook };
  const onFailure = (record: DeliveryRecord): void => {
    const conversation = world.conversations.get(record.conversation);
    const about = record.event === 'message_created' || record.event === 'message_updated';
    if (!about || conversation?.status !== 'pending' || options.keepPendingOnBotFailure) return;
    flipOpen(platform, conversation);
  };
  const draw = options.random ?? Math.random;
  const deliveries = createDeliveries({ ...wiring, clock: timers, ledger, settings, draw, onFailure });
  const platform: Platform = {
    world,
    ledger,
    clock: timers,
    emit(event) {
      if (url() === null) return;
      const message = 'message' in event ? event.message : null;
      const conversation = 'message' in event ? event.message.conversation : event.conversation;
      const about = { conversation: conversation.id, message: message?.id ?? null };
      deliveries.enqueue({ event: event.name, body: webhookBody(world, event), ...about });
    },
  };
  return platform;
}

function limitsOf({ limits }: ChatwootOptions): Limits {
  return limits === 'off' ? NO_LIMITS : { ...DEFAULT_LIMITS, ...limits };
}

function facts(
  server: HttpServer,
  { world, ledger }: Platform,
  webhookSecret: string,
): Pick<ChatwootSim, 'url' | 'port' | 'accountId' | 'webhookSecret' | 'tokens' | 'ledger' | 'env'> {
  const { accountId } = world;
  return {
    url: server.url,
    port: server.port,
    accountId,
    webhookSecret,
    tokens: TOKENS,
    ledger,
    env: () => ({
      CHATWOOT_BASE_URL: server.url,
      CHATWOOT_ACCOUNT_ID: String(accountId),
      CHATWOOT_API_TOKEN: TOKENS.bot,
      CHATWOOT_READ_TOKEN: TOKENS.user,
      CHATWOOT_WEBHOOK_SECRET: webhookSecret,
    }),
  };
}

function viewOf(world: World, id: number): ConversationView | null {
  const conversation = world.conversations.get(id);
  if (!conversation) return null;
  return {
    id,
    status: conversation.status,
    assignee: conversation.assigneeBot ? 'bot' : (conversation.assignee?.id ?? null),
    messages: conversation.messages.map(({ id: messageId, type, private: isPrivate, sender, content, at }) => ({
      id: messageId,
      type,
      private: isPrivate,
      sender: sender?.type ?? null,
      content,
      at,
    })),
  };
}
