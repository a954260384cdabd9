import { vi } from 'vitest';
import type { Clock } from '../../src/domain/clock.ts';
import { AppError } from '../../src/domain/errors.ts';
import { createIds } from '../../src/domain/ids.ts';
import { createOperate } from '../../src/operate/index.ts';
import type { OperateDeps } from '../../src/operate/index.ts';
import type { DeadLetter } from '../../src/ports/dead-letters.ts';
import type { Engine, EngineStats } from '../../src/ports/engine.ts';
import type { MessageRecord } from '../../src/ports/reports.ts';
import type { Log, Telemetry } from '../../src/ports/telemetry.ts';
import { createMemoryStore } from '../model/memory-store.ts';
import { fakeDeadLetters, fakeReports } from './fake-store.ts';

/** Time stands still, and whoever sleeps waits until `wakeAll`. */
export function stillClock() {
  const sleepers = new Set<() => void>();
  const clock: Clock & { at: number; wakeAll(): void } = {
    at: 1_000_000,
    now: () => clock.at,
    monotonic: () => clock.at,
    sleep: (_ms, signal) =>
      new Promise((resolve, reject) => {
        sleepers.add(resolve);
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      }),
    wakeAll: () => {
      for (const wake of sleepers) wake();
      sleepers.clear();
    },
  };
  return clock;
}

export function fakeTelemetry() {
  const logged: { level: string; message: string; fields: object }[] = [];
  const counted: { name: string; labels: Record<string, string> }[] = [];
  const write = (level: string) => (fields: object, message: string) => void logged.push({ level, message, fields });
  const log: Log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error'), child: () => log };
  const meter: Telemetry['meter'] = {
    count: (name, labels = {}) => void counted.push({ name, labels }),
    observe: (name, labels) => void counted.push({ name, labels }),
    gauge: () => undefined,
  };
  return { log, meter, logged, counted };
}

export function fakeEngine(change: Partial<EngineStats> = {}): Engine {
  const stats: EngineStats = { mode: 'local', active: 2, concurrency: 3, succeeded: 197, failed: 3, ...change };
  return {
    wake: vi.fn(),
    start: () => undefined,
    scale: (concurrency) => void (stats.concurrency = concurrency),
    sweep: vi.fn(async () => 0),
    stats: () => ({ ...stats }),
    stop: async () => undefined,
  };
}

interface Given {
  letters?: DeadLetter[];
  records?: MessageRecord[];
  engine?: Engine | null;
  more?: Partial<OperateDeps>;
}

const governorView = () => ({
  config: { serviceHoursEnabled: false, rateLimitEnabled: true, dedupeEnabled: true, maxRequestsPerMinute: 10, dedupeWindowMs: 5_000 },
  verdicts: { accepted: 7, duplicate: 2 },
});

/** The real operators' room over fake ports. */
export function operateOver({ letters = [], records = [], engine = fakeEngine(), more = {} }: Given = {}) {
  const dead = fakeDeadLetters(letters);
  const clock = stillClock();
  const newId = createIds(clock, () => 0.5);
  const { operations, jobs, mailbox, controls, lanes } = createMemoryStore({ clock, newId });
  const telemetry = fakeTelemetry();
  const woken: string[] = [];
  const deps: OperateDeps = {
    store: { deadLetters: dead.port, operations, jobs, mailbox, reports: fakeReports(records), controls, lanes },
    engine,
    clock,
    newId,
    wake: (lane) => void woken.push(lane),
    telemetry,
    watch: null,
    legacy: { queue: null, types: () => ({}), orgId: () => 'org_a' as never, open: () => { throw new AppError('import_refused', 'no legacyQueue is configured'); } },
    governor: { view: governorView, limiter: null },
    limits: { take: async () => ({ allowed: true }) },
    isKnown: (target) => target.scope === 'all' || (target.scope === 'org' ? target.orgId === 'org_a' : target.channelId === 'chn_a'),
    ...more,
  };
  const operate = createOperate(deps, { dlqName: 'chasqui-dlq', alertThreshold: 2, scaling: { min: 1, max: 10, maxWaitMs: 5_000, perWorker: 3 } });
  return { operate, deps, dead, operations, mailbox, controls, clock, telemetry, woken };
}
