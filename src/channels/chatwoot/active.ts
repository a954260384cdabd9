import type { Telemetry } from '../../ports/telemetry.ts';
import type { ChatwootSettings } from './options.ts';
import { isElsewhere } from './parse.ts';
import { listConversations } from './read.ts';
import type { Rest } from './rest.ts';

/** 25 conversations each. Beyond it the oldest activity is left out, and the log says so. */
const MAX_PAGES = 200;

export interface ActiveDeps {
  rest: Rest;
  settings: Pick<ChatwootSettings, 'inboxIds'>;
  telemetry: Telemetry;
}

/**
 * Conversations that may hold missed messages: pending or open, with activity at or after `since` (UTC ms; Chatwoot tells whole seconds,
 * so the whole second counts). Pending ones come first: a conversation that falls open meanwhile is still met among the open ones. Throws
 * ChatwootUnclear.
 */
export async function* activeConversations(deps: ActiveDeps, since: number, signal: AbortSignal): AsyncIterable<string> {
  const seen = new Set<number>();
  for (const status of ['pending', 'open']) {
    for await (const { id, inbox_id } of recent(deps, { status, since }, signal)) {
      if (seen.has(id) || isElsewhere(deps.settings, inbox_id)) continue;
      seen.add(id);
      yield String(id);
    }
  }
}

async function* recent(deps: ActiveDeps, of: { status: string; since: number }, signal: AbortSignal) {
  const from = Math.floor(of.since / 1000) * 1000;
  for (let page = 1; page <= MAX_PAGES; page++) {
    const listed = await listConversations(deps.rest, { status: of.status, page }, signal);
    const fresh = listed.filter((conversation) => (conversation.last_activity_at ?? Infinity) >= from);
    yield* fresh;
    if (fresh.length === 0) return;
  }
  deps.telemetry.log.warn({ status: of.status, pages: MAX_PAGES }, 'Catch-up left out conversations: too many were active');
}
