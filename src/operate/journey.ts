import type { MessageRecord } from '../ports/reports.ts';

export type StepName = 'received' | 'verified' | 'verdict' | 'waited' | 'attempt' | 'responded' | 'send' | 'ended';

/** One thing that happened to a message. */
export interface JourneyStep {
  step: StepName;
  /** UTC ms; null when it has not happened yet. */
  at: number | null;
  /** Why, as a stable word: the verdict, the outcome of an attempt, the state of a send, the reason of the ending. */
  reason?: string;
  detail?: Record<string, string | number | boolean | null>;
}

/** Milliseconds; null while unknown. */
export interface JourneyDurations {
  /** First byte of the webhook to durable. */
  acceptMs: number | null;
  /** Durable to the first attempt. */
  waitMs: number | null;
  /** Start of the attempt that answered to the stored reply. */
  respondMs: number | null;
  /** Stored reply to the last part's end. */
  sendMs: number | null;
  /** First byte of the webhook to the ending. */
  totalMs: number | null;
}

/** What became of one message and why, in the order of the pipeline. */
export interface Journey {
  id: string;
  orgId: string;
  channelId: string;
  conversationId: string;
  externalId: string | null;
  /** When the platform says it was sent, UTC ms. */
  sentAt: number;
  /** Null while it is on its way. */
  ending: { kind: string; reason: string | null; at: number | null } | null;
  job: { id: string; state: string; attempts: number } | null;
  durations: JourneyDurations;
  steps: JourneyStep[];
}

const between = (from: number | null | undefined, to: number | null | undefined): number | null =>
  from == null || to == null ? null : Math.max(0, to - from);

function firstStart(record: MessageRecord): number | null {
  const starts = [...record.attempts.map((attempt) => attempt.startedAt), record.job?.startedAt ?? null].filter((at) => at !== null);
  return starts.length > 0 ? Math.min(...starts) : null;
}

function arrival(record: MessageRecord): JourneyStep[] {
  return [
    { step: 'received', at: record.receivedAt },
    { step: 'verified', at: record.verifiedAt },
    { step: 'verdict', at: record.acceptedAt, reason: record.verdict },
  ];
}

function waiting(record: MessageRecord): JourneyStep[] {
  if (!record.job) return [];
  const started = firstStart(record);
  const waitMs = between(record.acceptedAt, started);
  return [{ step: 'waited', at: started, reason: started === null ? record.job.state : 'started', detail: { waitMs } }];
}

/** The attempt that is running or ended well: the store only keeps a row for those that did not. */
function lastAttempt(record: MessageRecord): JourneyStep[] {
  const { job, turn } = record;
  if (!job || job.startedAt === null) return [];
  const answered = turn ? turn.kind === 'answer' : job.state === 'completed';
  if (!answered && job.state !== 'running') return [];
  const endedAt = answered ? (turn?.plannedAt ?? job.endedAt) : null;
  return [
    {
      step: 'attempt',
      at: job.startedAt,
      reason: answered ? 'succeeded' : 'running',
      detail: { n: job.attempts, durationMs: between(job.startedAt, endedAt) },
    },
  ];
}

function attempts(record: MessageRecord): JourneyStep[] {
  const failed = record.attempts.map((attempt): JourneyStep => {
    const durationMs = between(attempt.startedAt, attempt.endedAt);
    return { step: 'attempt', at: attempt.startedAt ?? attempt.endedAt, reason: attempt.outcome, detail: { n: attempt.n, durationMs, error: attempt.error } };
  });
  return [...failed, ...lastAttempt(record), ...nextAttempt(record)];
}

/** Between two attempts. */
function nextAttempt({ job, turn }: MessageRecord): JourneyStep[] {
  return job?.state === 'retryable' && !turn ? [{ step: 'waited', at: null, reason: 'retryable', detail: { waitMs: null } }] : [];
}

function response({ turn }: MessageRecord): JourneyStep[] {
  if (!turn) return [];
  const { responder, model, usage, members } = turn;
  return [
    {
      step: 'responded',
      at: turn.plannedAt,
      reason: turn.kind,
      detail: { responder, model, inputTokens: usage?.inputTokens ?? null, outputTokens: usage?.outputTokens ?? null, messages: members },
    },
  ];
}

function sends(record: MessageRecord): JourneyStep[] {
  return record.sends.map(({ part, state, tries, ambiguous, providerId, error, startedAt, endedAt }) => ({
    step: 'send',
    at: endedAt ?? startedAt,
    reason: state,
    detail: { part, tries, ambiguous, durationMs: between(startedAt, endedAt), providerId, error },
  }));
}

function ending(record: MessageRecord): JourneyStep[] {
  if (!record.ending) return [];
  const detail = { ending: record.ending, ...(record.job?.error && { error: record.job.error }) };
  return [{ step: 'ended', at: record.endedAt, reason: record.endingReason ?? record.ending, detail }];
}

function durations(record: MessageRecord): JourneyDurations {
  const ends = record.sends.map((send) => send.endedAt);
  const lastEnd = ends.length > 0 && ends.every((at) => at !== null) ? Math.max(...ends) : null;
  const planned = record.turn?.plannedAt ?? null;
  return {
    acceptMs: between(record.receivedAt, record.acceptedAt),
    waitMs: between(record.acceptedAt, firstStart(record)),
    respondMs: between(record.job?.startedAt, planned),
    sendMs: between(planned, lastEnd),
    totalMs: between(record.receivedAt, record.endedAt),
  };
}

/** Tells a message's record as a list of steps. Pure; times are the store's. */
export function journeyOf(record: MessageRecord): Journey {
  return {
    id: record.id,
    orgId: record.orgId,
    channelId: record.channelId,
    conversationId: record.conversationId,
    externalId: record.externalId,
    sentAt: record.sentAt,
    ending: record.ending ? { kind: record.ending, reason: record.endingReason, at: record.endedAt } : null,
    job: record.job ? { id: record.job.id, state: record.job.state, attempts: record.job.attempts } : null,
    durations: durations(record),
    steps: [...arrival(record), ...waiting(record), ...attempts(record), ...response(record), ...sends(record), ...ending(record)],
  };
}
