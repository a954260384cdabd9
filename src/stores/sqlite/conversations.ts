import type { Conversation } from '../../domain/conversation.ts';
import type { LaneId } from '../../domain/ids.ts';
import type { Conversations } from '../../ports/conversations.ts';
import type { Commands } from '../commands.ts';
import { conversationOf, readConversation, type Context } from './context.ts';

type Change = Parameters<Conversations['setOwner']>[0];
type Row = Parameters<typeof conversationOf>[0];

function find(ctx: Context, channelId: string, externalId: string): Conversation | null {
  const row = ctx.q.one<Row>('conversationByExternal', channelId, externalId);
  return row ? conversationOf(row) : null;
}

function create(ctx: Context, change: Change): Conversation {
  ctx.q.run('insertConversation', change.conversationId, change.orgId, change.channelId, change.externalId, null, 0, ctx.now());
  return readConversation(ctx, change.conversationId) as Conversation;
}

function setOwner(ctx: Context, change: Change): { changed: boolean; laneId: LaneId } {
  const conversation = find(ctx, change.channelId, change.externalId) ?? create(ctx, change);
  const laneId = conversation.id as string as LaneId;
  if (change.at < conversation.ownerSince) return { changed: false, laneId };
  if (change.owner === conversation.owner) {
    // Nothing changes, but an older change that comes late must not undo what is known of this instant.
    ctx.q.run('confirmOwner', conversation.id, change.at);
    return { changed: false, laneId };
  }
  ctx.q.run('changeOwner', conversation.id, change.owner, change.at);
  ctx.q.run('readyUnlessHeld', laneId, ctx.now());
  return { changed: true, laneId };
}

export function conversationCommands(ctx: Context): Commands<Conversations> {
  return {
    get: (id) => readConversation(ctx, id),
    find: (channelId, externalId) => find(ctx, channelId, externalId),
    setOwner: (change) => setOwner(ctx, change),
    clearDoubt: (id) => void ctx.q.run('clearDoubt', id),
    known: (channelId, externalIds) =>
      ctx.q.all<{ external_id: string }>('knownMessages', channelId, JSON.stringify(externalIds)).map((row) => row.external_id),
    cursor: (channelId) => ctx.q.one<{ at: number }>('readCursor', channelId)?.at ?? null,
    setCursor: (channelId, at) => void ctx.q.run('writeCursor', channelId, at),
  };
}
