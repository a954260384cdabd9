import type { Status } from './world.ts';

/** One POST of a webhook. Instants are UTC ms of the simulator's clock. */
export interface Attempt {
  delivery: string;
  at: number;
  endedAt: number;
  /** Null when no answer came. */
  status: number | null;
  error: string | null;
  /** What the fault plan did to this delivery. */
  fault: string | null;
}

export interface ContactMessage {
  id: number;
  conversation: number;
  text: string;
  at: number;
  /** POSTs of its `message_created`, duplicates included, in the order they ended. */
  attempts: Attempt[];
  /** When the first 2xx came. */
  ackAt: number | null;
}

/** Shown to the contact, and sent through the REST API. */
export interface BotMessage {
  id: number;
  conversation: number;
  content: string;
  contentAttributes: Record<string, unknown>;
  /** Whose token posted it. */
  sender: 'agent_bot' | 'user';
  at: number;
}

/** Typed by a person in the dashboard. */
export interface AgentMessage {
  id: number;
  conversation: number;
  content: string;
  private: boolean;
  agent: number;
  at: number;
}

/** A person, or the bot on its own account, made the conversation a person's. */
export interface Takeover {
  conversation: number;
  kind: 'agent_reply' | 'assigned' | 'opened_by_agent' | 'bot_handoff';
  /** The agent's id; null for the bot. */
  by: number | null;
  at: number;
}

export interface StatusChange {
  conversation: number;
  from: Status;
  to: Status;
  /** `bot_failure` is the open-flip after a webhook that was not taken. */
  why: 'bot_failure' | 'customer_message' | 'agent' | 'api_bot' | 'api_user' | 'assignment';
  at: number;
}

export interface MessageChange {
  message: number;
  conversation: number;
  change: 'edited' | 'deleted';
  content: string;
  at: number;
}

export interface DeliveryRecord {
  delivery: string;
  event: string;
  conversation: number;
  message: number | null;
  at: number;
  fault: string | null;
  attempts: Attempt[];
  end: 'pending' | 'acked' | 'failed' | 'dropped';
}

/**
 * What happened, as plain data: the oracle of chaos tests. Entries are only ever appended, in the order in which the
 * contact would see them; an entry's own `attempts`, `ackAt` and `end` fill in as its webhooks go out.
 */
export interface Ledger {
  contactMessages: ContactMessage[];
  botMessages: BotMessage[];
  agentMessages: AgentMessage[];
  /** Private notes posted through the REST API. */
  botNotes: BotMessage[];
  takeovers: Takeover[];
  statuses: StatusChange[];
  changes: MessageChange[];
  typing: { conversation: number; on: boolean; at: number }[];
  deliveries: DeliveryRecord[];
}

export function createLedger(): Ledger {
  return {
    contactMessages: [],
    botMessages: [],
    agentMessages: [],
    botNotes: [],
    takeovers: [],
    statuses: [],
    changes: [],
    typing: [],
    deliveries: [],
  };
}
