import type { Clock } from '../domain/clock.ts';
import type { Conversation } from '../domain/conversation.ts';
import type { ChannelId, ConversationId, NewId } from '../domain/ids.ts';
import type { Lease } from '../domain/lane.ts';
import type { Channel } from '../ports/channel.ts';
import type { Conversations } from '../ports/conversations.ts';
import type { Events } from '../ports/events.ts';
import type { JobHandler } from '../ports/job-handler.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { Gate } from '../ports/gate.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Mailbox } from '../ports/mailbox.ts';
import type { Responder } from '../ports/responder.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Landings, Patience } from './landings.ts';
import type { Quarantine } from './quarantine.ts';
import type { ReplyCounts } from './reply-counts.ts';

/** How one channel's conversations are answered. */
export interface TurnPolicy {
  channel: Channel;
  responder: Responder;
  /** What stands before the responder's calls; null: nothing. */
  askGate: Gate | null;
  /** What stands before the channel's sends. */
  sendGate: Gate;
  /** `coalesce`: what waits is one turn. `queue`: one message, one turn. */
  strategy: 'coalesce' | 'queue';
  /** A burst ends when nothing came for this long, ms… */
  debounceMs: number;
  /** …or this long after its first message, ms. */
  debounceMaxMs: number;
  /** Language when neither contact nor text tells. */
  locale: string;
  /** What is done when the other side seems to be a program: end the turn in silence, leave the conversation to people, or answer. */
  onLoop: 'silence' | 'handoff' | 'answer';
}

export interface WorkDeps {
  mailbox: Mailbox;
  ledger: Ledger;
  conversations: Pick<Conversations, 'clearDoubt' | 'setOwner'>;
  clock: Clock;
  newId: NewId;
  telemetry: Telemetry;
  /** Undefined: the channel is no longer configured. */
  policy(channelId: ChannelId): TurnPolicy | undefined;
  /** What runs jobs of a kind; undefined: nothing does. */
  handler(kind: string): JobHandler | undefined;
  jobs: Pick<Jobs, 'progress'>;
  events: Pick<Events, 'emit'>;
  /** Asks the platform who owns a conversation in doubt, and takes in what was missed. */
  examine(conversation: Conversation, signal: AbortSignal): Promise<void>;
  /** A turn of this conversation has ended; for whoever waits for it. */
  turnEnded(conversationId: ConversationId): void;
  /** A lane other than the one in hand got work. */
  wake: (laneId: Lease['laneId']) => void;
}

export interface WorkSettings {
  leaseMs: number;
  /** Attempts in all, before the dead letters. */
  maxAttempts: number;
  retryDelayMs: number;
  maxCrashes: number;
  /** Tries of one part of a reply… */
  maxTries: number;
  /** …which are not used up before this long after the first, as long as the platform certainly showed nothing, ms. */
  patienceMs: number;
  /** Hard end of one attempt, ms. */
  attemptMs: number;
  /** Deadline of the responder inside an attempt, ms. */
  respondMs: number;
  /** Messages of history the responder gets at the most. */
  history: number;
  typing: { enabled: boolean; intervalMs: number };
}

/** A lane in hand: the right to write, when it was got, and when to stop. */
export interface Hold {
  lease: Lease;
  /** Monotonic ms. Whoever held the lane before had asked for its fences before this. */
  claimedAt: number;
  /** Aborts when the process stops or the lease is lost. */
  signal: AbortSignal;
}

/** What all turns of a process share. */
export interface Work {
  deps: WorkDeps;
  settings: WorkSettings;
  quarantine: Quarantine;
  landings: Landings;
  patience: Patience;
  replies: ReplyCounts;
}

/** What a step leaves to do: look at the lane again, go on without these jobs, which have ended, or wait for so long. */
export type Step = { kind: 'again' } | { kind: 'ended'; seqs: number[] } | { kind: 'park'; ms: number };

export const AGAIN: Step = { kind: 'again' };
