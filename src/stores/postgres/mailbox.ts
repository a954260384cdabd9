import type { ShareRequest } from '../../domain/fair-share.ts';
import { instantPrefix, jobId, type ConversationId, type LaneId, type MessageId } from '../../domain/ids.ts';
import type { OpenJob, Outcome } from '../../domain/job.ts';
import type { Claimed, Lease, OpenLane } from '../../domain/lane.ts';
import type { TurnMessage } from '../../domain/turn.ts';
import type { Verdict } from '../../domain/verdict.ts';
import type { Appended, Arrival, Begun, ClaimRequest, Mailbox } from '../../ports/mailbox.ts';
import { batch, single, type Command, type EncodedCall } from './command.ts';

type Job = Parameters<Mailbox['addJob']>[0];
type Completion = Parameters<Mailbox['complete']>[1];

/** A whole number of ms: what columns of instants take. */
export const whole = (ms: number): number => Math.round(ms);
export const fenced = (lease: Lease): EncodedCall => ({ lane: lease.laneId, epoch: lease.epoch });

/** How far the clocks of two processes may be apart, ms: ids are made by one of them, and compared with another's. */
const CLOCK_SKEW_MS = 60_000;

function encodeArrival(arrival: Arrival): EncodedCall {
  const { message } = arrival;
  return {
    org_id: arrival.orgId, channel_id: arrival.channelId, conversation: message.conversation, conversation_id: arrival.conversationId,
    message_id: arrival.messageId, external_id: message.externalId, author: message.author, body: message.text,
    attachments: message.attachments.length > 0 ? JSON.stringify(message.attachments) : null, sent_at: whole(message.sentAt),
    received_at: whole(arrival.receivedAt), verified_at: whole(arrival.verifiedAt), locale: message.locale, refused: arrival.refused,
    defer_ms: whole(arrival.deferMs), debounce_ms: whole(arrival.debounceMs), window_ms: whole(arrival.duplicateWindowMs), doubt: arrival.doubt,
    work: arrival.work ?? 'turn', max_open: arrival.maxOpen ?? 0, topic: arrival.notice?.topic ?? null,
    since: arrival.notice ? whole(arrival.notice.since) : null, said: arrival.notice?.text ?? null,
    recent_id: `msg_${instantPrefix(arrival.receivedAt - arrival.duplicateWindowMs - CLOCK_SKEW_MS)}`,
  };
}

type AppendedRow = [verdict: Verdict, conversationId: ConversationId, messageId: MessageId, wake: boolean];

function decodeAppended([verdict, conversationId, messageId, wake]: AppendedRow): Appended {
  return { verdict, conversationId, messageId, laneId: conversationId as string as LaneId, wake };
}

/** A delayed job for a conversation waits in the lane given, as the `promote` job that will append it. */
function encodeJob(job: Job): EncodedCall {
  const wait = whole(job.inMs ?? 0);
  const conversation = job.conversationId;
  const promote = conversation !== undefined && wait > 0;
  return {
    lane_id: conversation !== undefined && !promote ? conversation : job.laneId, org_id: job.orgId, kind: promote ? 'promote' : job.kind,
    payload: JSON.stringify(job.payload ?? null), priority: job.priority ?? 0, wait_ms: wait, to_kind: promote ? job.kind : null,
    to_lane: promote ? conversation : null, key: job.key ?? null, reuse_key: job.reuseKey ?? false,
  };
}

type JobRow = [
  seq: number, kind: string, state: string, attempts: number, crashes: number, suspect: boolean, readyInMs: number, ageMs: number, ownerEpoch: number,
  messageId: string | null, turnId: string | null,
];

function decodeJob(row: JobRow): OpenJob {
  const [seq, kind, state, attempts, crashes, suspect, readyInMs, ageMs, ownerEpoch, messageId, turnId] = row;
  return { seq, kind, state, attempts, crashes, suspect, readyInMs, ageMs, ownerEpoch, messageId, turnId } as OpenJob;
}

type OpenRow = Omit<OpenLane, 'jobs'> & { jobs: JobRow[] | null };

const decodeOpen = (row: OpenRow): OpenLane => ({ ...row, jobs: (row.jobs ?? []).map(decodeJob) });

interface ClaimRow {
  claimed: { lease: Lease; open: OpenRow; stalled: number[] | null }[];
  nextInMs: number | null;
}

function decodeClaim({ claimed, nextInMs }: ClaimRow): { claimed: Claimed[]; nextInMs: number | null } {
  return { claimed: claimed.map(({ lease, open, stalled }) => ({ lease, open: decodeOpen(open), stalled: stalled ?? [] })), nextInMs };
}

interface BegunRow {
  exhausted: Begun['exhausted'] | null;
  messages: (Omit<TurnMessage, 'attachments'> & { attachments: string | null })[] | null;
  history: Begun['history'] | null;
  payload: string | null;
}

function decodeBegun(row: BegunRow): Begun {
  const messages = (row.messages ?? []).map((message) => ({ ...message, attachments: message.attachments ? JSON.parse(message.attachments) : [] }));
  return { exhausted: row.exhausted ?? [], messages, history: row.history ?? [], payload: row.payload ? JSON.parse(row.payload) : null };
}

/** What ending a job writes. */
function endOf(end: Completion): EncodedCall {
  const { outcome } = end;
  switch (outcome.kind) {
    case 'retry':
      return { state: 'retryable', error: outcome.error, retry_ms: whole(end.retryInMs ?? outcome.inMs ?? 0) };
    case 'dead':
      return { state: 'dead', ending: end.ending ?? 'dead', reason: outcome.reason, error: outcome.error };
    case 'cancelled':
    case 'completed':
      return { state: outcome.kind, ending: end.ending ?? 'answered', reason: end.reason ?? reasonOf(outcome) };
  }
}

const reasonOf = (outcome: Extract<Outcome, { kind: 'cancelled' | 'completed' }>): string => (outcome.kind === 'cancelled' ? outcome.reason : 'reply');

export interface MailboxDeps {
  /** Names one claim of this process and no other, so that it can be undone when its answer is lost. */
  claimant(owner: string): string;
  /** The latest instant seen on the store's clock; null before the first. */
  highest(): number | null;
}

function encodeShare({ now, cap, orgs }: ShareRequest): EncodedCall {
  const capped = cap > 0 || orgs.some((share) => share.cap > 0);
  return { now, cap, capped, orgs: Object.fromEntries(orgs.map((share) => [share.orgId, [share.start, share.weight, share.cap]])) };
}

function claimCommand(deps: MailboxDeps): Command {
  return batch<Mailbox['claim'], ClaimRow>({
    name: 'claim',
    encode: (request: ClaimRequest) => ({
      owner: deps.claimant(request.owner), most: request.limit, lease_ms: whole(request.leaseMs), lanes: request.only ?? null, highest: deps.highest(),
      ...encodeShare(request.share),
    }),
    decode: decodeClaim,
    key: null,
    undo: { name: 'give_back', values: (call) => [call.owner] },
  });
}

/** A place for `append … leased`: a lane that was idle could be taken in the same call and handed over in memory. */
export function mailboxCommands(deps: MailboxDeps): Record<keyof Mailbox, Command> {
  return {
    append: batch<Mailbox['append'], AppendedRow>({
      name: 'append', encode: encodeArrival, decode: decodeAppended, repeatable: true,
      key: (call) => `${call.channel_id as string}\n${call.external_id as string}`,
    }),
    amend: single<Mailbox['amend']>({
      name: 'amend',
      encode: ({ change, ...at }) => ({
        org_id: at.orgId, channel_id: at.channelId, conversation_id: at.conversationId, message_id: at.messageId, conversation: at.conversation,
        external_id: at.externalId, change: change.kind, body: change.kind === 'edit' ? change.text : null,
      }),
      repeatable: true,
    }),
    addJob: batch<Mailbox['addJob'], [laneId: LaneId, seq: number, isNew: boolean]>({
      name: 'add_job', encode: encodeJob, key: null, decode: ([laneId, seq, isNew]) => ({ jobId: jobId(laneId, seq), laneId, isNew }),
    }),
    claim: claimCommand(deps),
    open: batch<Mailbox['open'], OpenRow>({ name: 'open', encode: fenced, decode: decodeOpen, repeatable: true }),
    begin: batch<Mailbox['begin'], BegunRow>({
      name: 'begin',
      encode: (lease, { seqs, maxAttempts, maxCrashes, history }) => ({ ...fenced(lease), seqs, max_attempts: maxAttempts, max_crashes: maxCrashes, history: Math.max(0, history) }),
      decode: decodeBegun,
    }),
    renew: batch<Mailbox['renew']>({ name: 'renew', encode: fenced, repeatable: true }),
    fail: batch<Mailbox['fail']>({ name: 'fail', encode: (lease, { seqs, error, retryInMs }) => ({ ...fenced(lease), seqs, error, retry_ms: whole(retryInMs) }) }),
    handBack: batch<Mailbox['handBack']>({ name: 'hand_back', encode: (lease, seqs) => ({ ...fenced(lease), seqs }) }),
    complete: batch<Mailbox['complete']>({ name: 'complete', encode: (lease, end) => ({ ...fenced(lease), seqs: end.seqs, ...endOf(end) }) }),
    promote: single<Mailbox['promote']>({ name: 'promote', encode: (lease, seq) => ({ ...fenced(lease), org_id: lease.orgId, seq }) }),
    release: batch<Mailbox['release']>({
      name: 'release', encode: (lease, how) => ({ ...fenced(lease), ...('drained' in how ? { drained: how.drained } : { park_ms: whole(how.parkMs) }) }),
    }),
  };
}
