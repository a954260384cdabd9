import { uuidFrom } from '../chance.ts';
import type { Draw } from '../chance.ts';
import type { SimClock } from '../clock.ts';
import type { ChatwootFaults, WebhookFault } from './faults.ts';
import type { ContactMessage, DeliveryRecord, Ledger } from './ledger.ts';
import type { OpenWork } from './open-work.ts';
import { signWebhook } from './signature.ts';
import { postWebhook } from './webhook-post.ts';

export interface WebhookSettings {
  /** Default 5000, as Chatwoot's WEBHOOK_TIMEOUT. */
  timeoutMs: number;
  /** Default 3000. */
  retryDelayMs: number;
  /** In all; default 3. */
  attempts: number;
  /** Deliveries at the same time; default 2. With more than one, order is not guaranteed. */
  workers: number;
  /** Workers take any waiting delivery instead of the oldest. Default false. */
  shuffle: boolean;
}

/** A webhook as built at the moment of its event. */
export interface Outgoing {
  event: string;
  body: string;
  conversation: number;
  message: number | null;
}

export interface DeliveryDeps {
  clock: SimClock;
  ledger: Ledger;
  faults: ChatwootFaults;
  work: OpenWork;
  settings: WebhookSettings;
  secret: string;
  draw: Draw;
  /** Aborts when the simulator closes. */
  closing: AbortSignal;
  /** Where to POST; null while no bot is connected. */
  url(): string | null;
  /** A delivery ended without a 2xx, after its retries. */
  onFailure(record: DeliveryRecord): void;
}

export interface Deliveries {
  enqueue(outgoing: Outgoing): void;
}

interface Job {
  record: DeliveryRecord;
  body: string;
  forged: 'bad_signature' | 'stale_timestamp' | null;
  attempt: number;
  done: () => void;
}

/** The agent bot's webhook queue: two workers, retries on 429 and 500 only. */
export function createDeliveries(deps: DeliveryDeps): Deliveries {
  const waiting: Job[] = [];
  const held: Job[] = [];
  let working = 0;

  const pump = (): void => {
    while (working < deps.settings.workers && waiting.length > 0) {
      working += 1;
      void attempt(takeNext(deps, waiting), () => {
        working -= 1;
        pump();
      });
    }
  };
  const push = (...jobs: Job[]): void => {
    waiting.push(...jobs, ...held.splice(0));
    pump();
  };
  const attempt = async (job: Job, next: () => void): Promise<void> => {
    const status = await postOnce(deps, job);
    next();
    conclude(deps, job, { status, retry: () => deps.clock.after(deps.settings.retryDelayMs, () => push(job)) });
  };
  const hold = (job: Job, ms: number): void => {
    held.push(job);
    deps.clock.after(ms, () => {
      if (held.includes(job)) push(...held.splice(held.indexOf(job), 1));
    });
  };
  return {
    enqueue(outgoing) {
      if (deps.url() === null) return;
      const fault = deps.faults.webhook.next(outgoing.event, outgoing.message ?? outgoing.conversation);
      const job = createJob(deps, outgoing, fault);
      if (fault === null) return push(job);
      launch(fault, job, {
        push,
        hold,
        again: () => createJob(deps, outgoing, fault),
        now: (each) => void attempt(each, () => {}),
        later: (ms) => deps.clock.after(ms, () => push(job)),
      });
    },
  };
}

interface Launcher {
  push(...jobs: Job[]): void;
  hold(job: Job, ms: number): void;
  /** The same event as a delivery of its own. */
  again(): Job;
  now(job: Job): void;
  later(ms: number): void;
}

function launch(fault: WebhookFault, job: Job, how: Launcher): void {
  switch (fault.kind) {
    case 'drop':
      job.record.end = 'dropped';
      return job.done();
    case 'duplicate':
      return how.push(job, how.again());
    case 'double': {
      const twin = how.again();
      twin.record.delivery = job.record.delivery;
      how.now(job);
      return how.now(twin);
    }
    case 'delay':
      return how.later(fault.ms);
    case 'reorder':
      return how.hold(job, fault.ms);
    case 'bad_signature':
    case 'stale_timestamp':
      return how.push({ ...job, forged: fault.kind });
  }
}

function createJob(deps: DeliveryDeps, outgoing: Outgoing, fault: WebhookFault | null): Job {
  const { event, conversation, message, body } = outgoing;
  const record: DeliveryRecord = {
    delivery: uuidFrom(deps.draw),
    event,
    conversation,
    message,
    at: deps.clock.now(),
    fault: fault?.kind ?? null,
    attempts: [],
    end: 'pending',
  };
  deps.ledger.deliveries.push(record);
  return { record, body, forged: null, attempt: 0, done: deps.work.begin() };
}

function takeNext(deps: DeliveryDeps, waiting: Job[]): Job {
  const at = deps.settings.shuffle ? Math.floor(deps.draw() * waiting.length) : 0;
  const [job] = waiting.splice(at, 1);
  if (!job) throw new Error('no delivery is waiting');
  return job;
}

async function postOnce(deps: DeliveryDeps, job: Job): Promise<number | null> {
  const { clock, ledger, settings } = deps;
  const url = deps.url();
  const { record } = job;
  const at = clock.now();
  job.attempt += 1;
  const { timeoutMs } = settings;
  const result = url
    ? await postWebhook(clock, { url, body: job.body, headers: headersOf(deps, job), timeoutMs, signal: deps.closing })
    : { status: null, error: 'no webhook url' };
  const endedAt = clock.now();
  const attempt = { delivery: record.delivery, at, endedAt, ...result, fault: record.fault };
  record.attempts.push(attempt);
  const contactMessage = record.event === 'message_created' ? entryOf(ledger, record.message) : undefined;
  contactMessage?.attempts.push(attempt);
  if (contactMessage && isTaken(result.status)) contactMessage.ackAt ??= endedAt;
  return result.status;
}

/** Entries are in the order of their ids. */
function entryOf(ledger: Ledger, message: number | null): ContactMessage | undefined {
  if (message === null) return undefined;
  let low = 0;
  let high = ledger.contactMessages.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ledger.contactMessages[middle]?.id ?? Infinity) < message) low = middle + 1;
    else high = middle;
  }
  const entry = ledger.contactMessages[low];
  return entry?.id === message ? entry : undefined;
}

const STALE_BY_S = 600;

/** Timestamp and signature are made anew for every attempt; the delivery id is not. */
function headersOf({ clock, secret }: DeliveryDeps, job: Job): Record<string, string> {
  const nowS = Math.floor(clock.now() / 1000);
  const timestampS = job.forged === 'stale_timestamp' ? nowS - STALE_BY_S : nowS;
  const key = job.forged === 'bad_signature' ? `not ${secret}` : secret;
  return {
    'content-type': 'application/json',
    accept: 'application/json',
    'x-chatwoot-delivery': job.record.delivery,
    'x-chatwoot-timestamp': String(timestampS),
    'x-chatwoot-signature': signWebhook(key, timestampS, job.body),
  };
}

function isTaken(status: number | null): boolean {
  return status !== null && status >= 200 && status < 300;
}

function conclude(deps: DeliveryDeps, job: Job, end: { status: number | null; retry: () => void }): void {
  if (isTaken(end.status)) {
    job.record.end = 'acked';
    return job.done();
  }
  if ((end.status === 429 || end.status === 500) && job.attempt < deps.settings.attempts) return end.retry();
  job.record.end = 'failed';
  deps.onFailure(job.record);
  job.done();
}
