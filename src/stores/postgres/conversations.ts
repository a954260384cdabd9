import type { Conversation } from '../../domain/conversation.ts';
import type { Conversations } from '../../ports/conversations.ts';
import { single, statement, type Command } from './command.ts';

const first = <Row>({ rows }: { rows: Row[] }): Row | null => rows[0] ?? null;

export const conversationCommands: Record<keyof Conversations, Command> = {
  get: statement<Conversations['get'], Conversation>({ name: 'conversation', values: (_at, id) => [id], decode: first }),
  find: statement<Conversations['find'], Conversation>({ name: 'conversationByExternal', values: (_at, channelId, externalId) => [channelId, externalId], decode: first }),
  setOwner: single<Conversations['setOwner']>({
    name: 'set_owner',
    encode: ({ orgId, channelId, conversationId, externalId, owner, at }) => ({
      org_id: orgId, channel_id: channelId, conversation_id: conversationId, external_id: externalId, owner, at: Math.round(at),
    }),
  }),
  clearDoubt: statement<Conversations['clearDoubt']>({ name: 'clearDoubt', values: (_at, id) => [id] }),
  known: statement<Conversations['known'], { external_id: string }>({
    name: 'knownMessages', values: (_at, channelId, externalIds) => [channelId, externalIds], decode: ({ rows }) => rows.map((row) => row.external_id),
  }),
  cursor: statement<Conversations['cursor'], { at: number }>({ name: 'readCursor', values: (_at, channelId) => [channelId], decode: (result) => first(result)?.at ?? null }),
  setCursor: statement<Conversations['setCursor']>({ name: 'writeCursor', values: (_at, channelId, at) => [channelId, Math.round(at)] }),
};
