import type { Clock } from '../../domain/clock.ts';
import type { InboundMessage } from '../../domain/message.ts';
import type { CaughtUp } from '../../ports/channel.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import { settles, unsettled, written } from './evidence.ts';
import type { Written } from './evidence.ts';
import { isDeleted, isUnsupported, toInbound } from './inbound.ts';
import { judge } from './judge.ts';
import type { ChatwootSettings } from './options.ts';
import { hasHumanAssignee } from './payload.ts';
import type { RestMessage } from './payload.ts';
import { ChatwootUnclear, isForbidden, listConversations, readConversation, readMessages, setStatus } from './read.ts';
import type { ShownConversation } from './read.ts';
import type { Rest } from './rest.ts';

/** 20 messages each. */
const MAX_MESSAGE_PAGES = 10;
/** 25 conversations each; only where conversations may be listed but not read one by one. */
const MAX_LIST_PAGES = 8;

export interface ExamineDeps {
  rest: Rest;
  settings: Pick<ChatwootSettings, 'onOpen' | 'landingMs'>;
  clock: Clock;
  telemetry: Telemetry;
}

/**
 * Asks Chatwoot whose the conversation is and what may have been missed there. A conversation that fell open without a person is set
 * back to `pending` (with `onOpen: take_back`), just before this returns, unless a person was faster. Throws ChatwootUnclear.
 */
export async function examineConversation(deps: ExamineDeps, externalId: string, signal: AbortSignal): Promise<CaughtUp> {
  const conversation = await lookUp(deps.rest, externalId, signal);
  const past = await readPast(deps, conversation, signal);
  const finding = judge(conversation, past, deps.settings.onOpen);
  const lostAt = finding.takeBack ? await takeBack(deps, { externalId, past }, signal) : null;
  return {
    externalId,
    owner: lostAt === null ? finding.owner : 'human',
    ownerAt: lostAt ?? finding.at,
    messages: missed(conversation, past, deps.clock.now()),
  };
}

/**
 * Sets the conversation back to `pending`. A person may have taken it between our look and that, which would then pass for giving it back
 * to the bot; so we look once more, and open it again. Returns since when it is theirs, UTC ms, just after the change that we made;
 * null when nobody came.
 */
async function takeBack(deps: ExamineDeps, of: { externalId: string; past: Written[] }, signal: AbortSignal): Promise<number | null> {
  const { rest, telemetry } = deps;
  const { externalId, past } = of;
  const trouble = await failureOf(setStatus(rest, { externalId, status: 'pending' }, signal));
  // Without an answer it may have been done all the same, or be done in a moment.
  if (trouble) await deps.clock.sleep(deps.settings.landingMs, signal);
  const conversation = await lookUp(rest, externalId, signal);
  if (trouble && conversation.status !== 'pending') throw trouble;
  const newest = written(await pageOf(rest, { conversation }, signal));
  const seen = past.at(-1)?.message.id ?? 0;
  const isAnswered = newest.some(({ writer, message }) => writer.kind === 'human' && message.id > seen);
  if (!isAnswered && !hasHumanAssignee(conversation)) return null;
  const failure = await failureOf(setStatus(rest, { externalId, status: 'open' }, signal));
  if (failure) telemetry.log.warn({ err: failure, conversation: externalId }, 'A conversation that a person just took is still pending');
  // Without Chatwoot's own time of our change, ours: whole seconds would lie before it.
  return (conversation.updated_at ?? deps.clock.now()) + 1;
}

const failureOf = (promise: Promise<void>): Promise<unknown> => promise.then(() => null, (error: unknown) => error);

/** What a person or a rule resolved is dealt with. What a bot has nothing to say to is not worth catching up. */
function missed(conversation: ShownConversation, past: Written[], now: number): InboundMessage[] {
  if (conversation.status === 'resolved') return [];
  return unsettled(past, now).flatMap((message) => {
    const inbound = toInbound(message, conversation);
    return isDeleted(message) || isUnsupported(message, inbound) ? [] : [inbound];
  });
}

/** Before 2026-06 a bot's token may not read a conversation; some installations let it list them. */
async function lookUp(rest: Rest, externalId: string, signal: AbortSignal): Promise<ShownConversation> {
  try {
    return await readConversation(rest, externalId, signal);
  } catch (error) {
    if (!isForbidden(error)) throw error;
  }
  for (let page = 1; page <= MAX_LIST_PAGES; page++) {
    const listed = await listConversations(rest, { status: 'all', page }, signal);
    const found = listed.find((conversation) => String(conversation.id) === externalId);
    if (found) return found;
    if (listed.length === 0) break;
  }
  throw new ChatwootUnclear('channel_not_found', 'list_conversations: the conversation is not among the latest');
}

/** Back to where nothing older can be missing. Where messages may not be listed, the newest one that the conversation shows. */
async function readPast(deps: ExamineDeps, conversation: ShownConversation, signal: AbortSignal): Promise<Written[]> {
  const past: RestMessage[] = [];
  for (let page = 0; page < MAX_MESSAGE_PAGES; page++) {
    const oldest = past[0];
    const older = await pageOf(deps.rest, { conversation, ...(oldest ? { before: oldest.id } : {}) }, signal);
    past.unshift(...older);
    if (older.length === 0 || written(older).some((one) => settles(one, deps.clock.now()))) return written(past);
  }
  deps.telemetry.log.warn({ conversation: conversation.id, messages: past.length }, 'Catch-up read only the newest messages of a conversation');
  return written(past);
}

async function pageOf(rest: Rest, at: { conversation: ShownConversation; before?: number }, signal: AbortSignal): Promise<RestMessage[]> {
  const { conversation, before } = at;
  try {
    return await readMessages(rest, { conversation: String(conversation.id), ...(before === undefined ? {} : { before }) }, signal);
  } catch (error) {
    if (!isForbidden(error)) throw error;
    const shown = [...(conversation.messages ?? []), conversation.last_non_activity_message ?? []].flat();
    const unique = new Map(shown.map((message) => [message.id, message]));
    return [...unique.values()].filter(({ id }) => before === undefined || id < before).sort((a, b) => a.id - b.id);
  }
}
