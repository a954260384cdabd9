/** The records of the simulated installation: one account, one inbox with one agent bot, many conversations. */

export const STATUSES = ['open', 'resolved', 'pending', 'snoozed'] as const;
export type Status = (typeof STATUSES)[number];

/** In the order of Chatwoot's numeric `message_type`. */
export const MESSAGE_TYPES = ['incoming', 'outgoing', 'activity', 'template'] as const;
export type MessageType = (typeof MESSAGE_TYPES)[number];

export interface Contact {
  type: 'contact';
  id: number;
  name: string;
}

export interface Agent {
  type: 'user';
  id: number;
  name: string;
  email: string;
}

export interface Bot {
  type: 'agent_bot';
  id: number;
  name: string;
}

export type Sender = Contact | Agent | Bot;

export interface Attachment {
  fileType: 'image' | 'audio' | 'video' | 'file';
  dataUrl: string;
  fileSize?: number;
}

export interface Message {
  /** Grows over the whole installation. */
  id: number;
  conversation: Conversation;
  type: MessageType;
  content: string;
  contentType: string;
  contentAttributes: Record<string, unknown>;
  private: boolean;
  sender: Sender | null;
  echoId: string | null;
  attachments: Attachment[];
  /** UTC ms. */
  at: number;
}

export interface Conversation {
  /** The display id, which paths and webhooks use. */
  id: number;
  contact: Contact;
  status: Status;
  assignee: Agent | null;
  assigneeBot: boolean;
  teamId: number | null;
  /** Oldest first. */
  messages: Message[];
  /** All instants UTC ms. */
  createdAt: number;
  updatedAt: number;
  lastActivityAt: number;
  waitingSince: number | null;
  firstReplyAt: number | null;
  snoozedUntil: number | null;
}

export interface World {
  accountId: number;
  inboxId: number;
  bot: Bot;
  /** People of the team; the first one acts when no other is named. */
  agents: Agent[];
  /** Owner of the user token: what an integration that needs more rights than a bot signs in as. */
  integration: Agent;
  conversations: Map<number, Conversation>;
  messages: Map<number, Message>;
  lastMessageId: number;
}

export function createWorld(accountId: number): World {
  return {
    accountId,
    inboxId: 1,
    bot: { type: 'agent_bot', id: 5, name: 'Chasqui' },
    agents: [
      { type: 'user', id: 1, name: 'Ana Quispe', email: 'ana@example.com' },
      { type: 'user', id: 2, name: 'Luis Mamani', email: 'luis@example.com' },
    ],
    integration: { type: 'user', id: 9, name: 'Integration', email: 'integration@example.com' },
    conversations: new Map(),
    messages: new Map(),
    lastMessageId: 0,
  };
}

/** The agent with this id. Throws a RangeError that names the known ones. */
export function agentOf(world: World, id: number): Agent {
  const known = [...world.agents, world.integration];
  const agent = known.find((each) => each.id === id);
  if (!agent) throw new RangeError(`no agent ${id}; known: ${known.map((each) => each.id).join(', ')}`);
  return agent;
}

/** The conversation with this display id. Throws a RangeError when there is none. */
export function conversationOf(world: World, id: number): Conversation {
  const conversation = world.conversations.get(id);
  if (!conversation) throw new RangeError(`no conversation ${id}; a contact's message creates it`);
  return conversation;
}

/** A new conversation of an inbox with an active bot: it starts `pending`. */
export function createConversation(world: World, id: number, at: number): Conversation {
  if (!Number.isSafeInteger(id) || id < 1) throw new RangeError(`conversation must be a positive integer, not ${id}`);
  const conversation: Conversation = {
    id,
    contact: { type: 'contact', id: 1000 + id, name: `Contact ${id}` },
    status: 'pending',
    assignee: null,
    assigneeBot: false,
    teamId: null,
    messages: [],
    createdAt: at,
    updatedAt: at,
    lastActivityAt: at,
    waitingSince: at,
    firstReplyAt: null,
    snoozedUntil: null,
  };
  world.conversations.set(id, conversation);
  return conversation;
}
