import { judge } from './oracle.ts';
import type { Evidence, Taken, Violation } from './oracle.ts';
import type { Plan } from './plan.ts';
import { drainedIn, recoveriesOf } from './recovery.ts';
import type { Recovery } from './recovery.ts';
import { shown } from './replies.ts';
import type { Stage } from './stage.ts';

/** What a schedule came to. */
export interface Outcome {
  plan: Plan;
  violations: Violation[];
  sent: number;
  acknowledged: number;
  answered: number;
  /** Faults by kind: of processes and servers (`kill plan:before`), of Chatwoot, its webhooks, the model. */
  faults: Record<string, number>;
  recoveries: Recovery[];
  /** From the end of the last disturbance until all that was said by then was answered, ms; null when nothing waited. */
  drained: number | null;
  /** Processes started in all. */
  processes: number;
  /** Wake-ups that sweepers found lost, by their metrics. */
  rescued: number;
  ms: number;
  /** The longest that the runner itself got no time, ms. */
  stillMs: number;
  log: string;
}

/** The first moment at which Chasqui had acknowledged the takeover's own webhooks. */
function knownAt({ chatwoot }: Stage, { conversation, at, message }: Stage['taken'][number]): number | null {
  const about = chatwoot.ledger.deliveries.filter((each) =>
    message === null ? each.conversation === conversation && each.message === null && each.at >= at && each.at <= at + 5 : each.message === message && each.event === 'message_created',
  );
  const ends = about.map(({ attempts }) => attempts.find(({ status }) => status !== null && status >= 200 && status < 300)?.endedAt ?? Infinity);
  const last = message === null ? Math.max(...ends) : Math.min(...ends);
  return Number.isFinite(last) ? last : null;
}

/** What the simulators saw so far. */
export function evidenceOf(stage: Stage, dead: string[]): Evidence {
  const { ledger } = stage.chatwoot;
  const byId = new Map(ledger.contactMessages.map((message) => [message.id, message]));
  const taken = stage.taken.map((each): Taken => ({ conversation: each.conversation, at: each.at, knownAt: knownAt(stage, each), backAt: each.backAt }));
  return {
    said: stage.said.map(({ said, ids }) => ({ ...said, messages: ids.flatMap((id) => byId.get(id) ?? []) })),
    shown: ledger.botMessages.map(shown),
    taken,
    dead,
    catchUp: stage.plan.catchUp,
  };
}

function faultsOf({ chatwoot, openai, happenings }: Stage): Record<string, number> {
  const counts: Record<string, number> = {};
  const add = (kind: string, by: number): void => void (counts[kind] = (counts[kind] ?? 0) + by);
  for (const fault of happenings.faults) add(fault, 1);
  for (const [kind, count] of Object.entries(chatwoot.faults.rest.counts)) add(`rest ${kind}`, count);
  for (const [kind, count] of Object.entries(chatwoot.faults.webhook.counts)) add(`webhook ${kind}`, count);
  for (const [kind, count] of Object.entries({ ...openai.faults.counts })) add(`model ${kind}`, count);
  for (const [kind, count] of Object.entries(openai.taggedCounts)) add(`model ${kind}`, count);
  return counts;
}

export function outcomeOf(stage: Stage, { dead, ms, stillMs }: { dead: string[] } & Pick<Outcome, 'ms' | 'stillMs'>): Outcome {
  const { plan, fleet, happenings } = stage;
  const evidence = evidenceOf(stage, dead);
  const surprises = happenings.surprises.map((detail): Violation => ({ kind: 'process', detail }));
  const messages = evidence.said.flatMap(({ messages: copies }) => copies);
  return {
    plan,
    violations: [...judge(evidence), ...stage.extra, ...surprises],
    sent: messages.length,
    acknowledged: messages.filter(({ ackAt }) => ackAt !== null).length,
    answered: evidence.said.filter(({ tag }) => evidence.shown.some((each) => each.kind === 'answer' && each.tags.includes(tag))).length,
    faults: faultsOf(stage),
    recoveries: recoveriesOf(happenings.disturbances, evidence),
    drained: drainedIn(happenings.disturbances, evidence),
    processes: fleet.processes,
    rescued: fleet.rescued,
    ms,
    stillMs,
    log: fleet.log,
  };
}
