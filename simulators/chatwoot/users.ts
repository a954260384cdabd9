import { noting } from './notes.ts';
import { assignTo, changeMessage, changeStatus, createMessage, enterTakeover, openAs } from './platform.ts';
import type { Platform } from './platform.ts';
import { agentOf, conversationOf, createConversation } from './world.ts';
import type { Attachment, Message, Status } from './world.ts';

/** What contacts and agents do. Each returns at once; its webhooks go out on their own. */
export interface Users {
  /** A contact writes; a conversation that does not exist yet is created. Returns the message's id. */
  contactSends(conversation: number, text: string, extra?: { attachments?: Attachment[] }): number;
  /** An agent's public reply. The status stays, as it does with agent bots. Returns the message's id. */
  agentReplies(conversation: number, text: string, agent?: number): number;
  /** A private note. Returns the message's id. */
  agentNote(conversation: number, text: string, agent?: number): number;
  /** To an agent's id, to the bot, or to nobody. */
  assign(conversation: number, assignee: number | 'bot' | null): void;
  /** An agent sets the status in the dashboard; opening assigns the conversation to them. */
  setStatus(conversation: number, status: Status, agent?: number): void;
  resolve(conversation: number): void;
  editMessage(message: number, text: string): void;
  deleteMessage(message: number): void;
}

export function createUsers(platform: Platform): Users {
  const { world } = platform;
  const agentWrites = (conversation: number, text: string, as: { agent: number; private: boolean }): number =>
    createMessage(platform, conversationOf(world, conversation), {
      type: 'outgoing',
      content: text,
      sender: agentOf(world, as.agent),
      private: as.private,
    }).id;
  return {
    contactSends: (id, text, extra) => contactSends(platform, { id, text, attachments: extra?.attachments ?? [] }),
    agentReplies(id, text, agent = 1) {
      enterTakeover(platform, conversationOf(world, id), { kind: 'agent_reply', by: agent });
      return agentWrites(id, text, { agent, private: false });
    },
    agentNote: (id, text, agent = 1) => agentWrites(id, text, { agent, private: true }),
    assign(id, assignee) {
      const to = typeof assignee === 'number' ? agentOf(world, assignee) : assignee;
      const conversation = conversationOf(world, id);
      const by = agentOf(world, typeof assignee === 'number' ? assignee : 1);
      noting(platform, { conversation, by }, () => assignTo(platform, conversation, to));
    },
    setStatus: (id, status, agent = 1) => setStatus(platform, id, { status, agent }),
    resolve: (id) => setStatus(platform, id, { status: 'resolved', agent: 1 }),
    editMessage: (id, text) => changeMessage(platform, messageOf(platform, id), { content: text, as: 'edited' }),
    deleteMessage: (id) =>
      changeMessage(platform, messageOf(platform, id), {
        content: 'This message was deleted',
        contentAttributes: { deleted: true },
        as: 'deleted',
      }),
  };
}

function contactSends(platform: Platform, sent: { id: number; text: string; attachments: Attachment[] }): number {
  const { world, clock } = platform;
  const conversation = world.conversations.get(sent.id) ?? createConversation(world, sent.id, clock.now());
  const draft = { type: 'incoming', content: sent.text, sender: conversation.contact } as const;
  return createMessage(platform, conversation, { ...draft, attachments: sent.attachments }).id;
}

function setStatus(platform: Platform, id: number, wanted: { status: Status; agent: number }): void {
  const conversation = conversationOf(platform.world, id);
  const by = agentOf(platform.world, wanted.agent);
  noting(platform, { conversation, by }, () => {
    if (wanted.status === 'open') openAs(platform, conversation, by);
    else changeStatus(platform, conversation, { to: wanted.status, why: 'agent' });
  });
}

function messageOf(platform: Platform, id: number): Message {
  const message = platform.world.messages.get(id);
  if (!message) throw new RangeError(`no message ${id}`);
  return message;
}
