import type { Disturbance, DisturbanceKind } from './happenings.ts';
import type { Evidence } from './oracle.ts';

/** What happened so long before, ms, may still be felt: a lease that a dead worker left behind, an outage that a call has not noticed yet. */
const FELT_MS = 2000;

/** How long it took to get over a disturbance, ms from its end. */
export interface Recovery {
  kind: DisturbanceKind;
  /** To the next answer to something that waited already; null when nothing did. */
  progress: number | null;
  /** Until all that had been acknowledged by then was answered; null when nothing waited. */
  all: number | null;
}

interface Waited {
  saidAt: number;
  ackAt: number;
  answeredAt: number;
}

/** From the end of the last disturbance until everything that had been said by then was answered, ms; null when nothing waited. */
export function drainedIn(disturbances: readonly Disturbance[], evidence: Evidence): number | null {
  const overAt = Math.max(...disturbances.map((each) => each.overAt));
  const moments = waits(evidence).filter(({ saidAt, answeredAt }) => saidAt < overAt && answeredAt >= overAt);
  return moments.length === 0 ? null : Math.max(...moments.map(({ answeredAt }) => answeredAt)) - overAt;
}

/** Texts that were answered at all, with when; but for conversations that people took over: what waits there waits for them. */
function waits({ said, shown, taken }: Evidence): Waited[] {
  const own = said.filter(({ conversation }) => !taken.some((each) => each.conversation === conversation));
  return own.flatMap(({ tag, messages }) => {
    const first = shown.find((each) => each.kind === 'answer' && each.tags.includes(tag));
    const acks = messages.flatMap(({ ackAt }) => ackAt ?? []);
    return first ? [{ saidAt: messages[0]?.at ?? Infinity, ackAt: Math.min(Infinity, ...acks), answeredAt: first.at }] : [];
  });
}

/**
 * The times of those disturbances that were gone through alone: where another one was felt before work went on, the time would say nothing about
 * either.
 */
export function recoveriesOf(disturbances: readonly Disturbance[], evidence: Evidence): Recovery[] {
  const all = waits(evidence);
  return disturbances.flatMap((disturbance): Recovery[] => {
    const { kind, overAt } = disturbance;
    const isAlone = (until: number): boolean => !disturbances.some((other) => other !== disturbance && other.startAt < until && other.overAt > overAt - FELT_MS);
    const time = (moments: number[], pick: (...of: number[]) => number): number | null => {
      if (moments.length === 0) return null;
      const at = pick(...moments);
      return isAlone(at) ? at - overAt : null;
    };
    const next = time(all.filter(({ saidAt, answeredAt }) => saidAt < overAt && answeredAt >= overAt).map(({ answeredAt }) => answeredAt), Math.min);
    const last = time(all.filter(({ ackAt, answeredAt }) => ackAt < overAt && answeredAt >= overAt).map(({ answeredAt }) => answeredAt), Math.max);
    return next === null && last === null ? [] : [{ kind, progress: next, all: last }];
  });
}
