import { isTaken, type OpenLane } from '../domain/lane.ts';
import type { OpenJob } from '../domain/job.ts';
import type { TurnPolicy } from './deps.ts';

/** Messages answered as one at the most; the rest is the next turn. */
const MAX_MEMBERS = 50;

/** The jobs that will be one turn. */
export interface Gathered {
  seqs: number[];
  /** Attempts that the first of them has behind it. */
  attempts: number;
  /** Process deaths that the first of them has behind it. */
  crashes: number;
  /** Age of the oldest and the newest, ms. */
  oldestMs: number;
  newestMs: number;
  /** It may still grow: nothing of it was tried yet. */
  fresh: boolean;
}

/** Messages that wait for one opening were given their times by different processes' clocks: they are due together within this, ms. */
const SAME_OPENING_MS = 10_000;

const isDue = (job: OpenJob, head: OpenJob): boolean =>
  job.readyInMs === 0 || (head.state === 'scheduled' && job.state === 'scheduled' && job.readyInMs <= SAME_OPENING_MS);

/** A turn job that may join those before it. A suspect runs alone until the guilty message is known. */
function joins(job: OpenJob, head: OpenJob, open: OpenLane): boolean {
  return job.kind === 'turn' && job.turnId === null && isDue(job, head) && !job.suspect && !isTaken(job, open.conversation);
}

/** The ready turn jobs in a row from the head of the lane. */
export function gather(open: OpenLane, policy: Pick<TurnPolicy, 'strategy'>): Gathered {
  const [head, ...rest] = open.jobs as [OpenJob, ...OpenJob[]];
  const members = [head];
  const alone = policy.strategy === 'queue' || head.suspect;
  for (const job of alone ? [] : rest) {
    if (members.length >= MAX_MEMBERS || !joins(job, head, open)) break;
    members.push(job);
  }
  return {
    seqs: members.map((job) => job.seq),
    attempts: head.attempts,
    crashes: head.crashes,
    oldestMs: head.ageMs,
    newestMs: (members.at(-1) as OpenJob).ageMs,
    fresh: members.every((job) => job.attempts === 0 && !job.suspect),
  };
}

/** Milliseconds until the burst has ended: a pause after its newest message, or its longest wait. 0: it has. */
export function burstMs(gathered: Gathered, policy: Pick<TurnPolicy, 'strategy' | 'debounceMs' | 'debounceMaxMs'>): number {
  if (!gathered.fresh || policy.strategy === 'queue' || gathered.seqs.length >= MAX_MEMBERS) return 0;
  const pause = policy.debounceMs - gathered.newestMs;
  const cap = policy.debounceMaxMs - gathered.oldestMs;
  return Math.max(0, Math.min(pause, cap));
}
