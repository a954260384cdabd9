import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import type { LaneId, NewId, OrgId } from '../../src/domain/ids.ts';
import { createIds } from '../../src/domain/ids.ts';
import type { Claimed } from '../../src/domain/lane.ts';
import type { ShareRules } from '../../src/domain/fair-share.ts';
import type { Drained, DrivableEngine } from '../../src/ports/engine.ts';
import type { Store } from '../../src/ports/store.ts';
import type { Log, Telemetry } from '../../src/ports/telemetry.ts';
import { createLocalEngine } from '../../src/engines/local/index.ts';
import { openSqliteStore } from '../../src/stores/sqlite/index.ts';

export const ORG = 'org_a' as OrgId;
export const OTHER = 'org_b' as OrgId;

/** One job done. */
export interface Done {
  laneId: LaneId;
  seq: number;
  at: number;
}

export interface LocalOptions {
  owner?: string;
  concurrency?: number;
  leaseMs?: number;
  cap?: number;
}

/** Keeps what was logged and counted. */
export function notingTelemetry(): Telemetry & { lines: string[]; details: string[]; gauges: Map<string, number> } {
  const lines: string[] = [];
  const details: string[] = [];
  const gauges = new Map<string, number>();
  const note = (fields: object, message: string): void => {
    lines.push(message);
    details.push(inspect(fields, { depth: 9, showHidden: true }));
  };
  const log: Log = { debug: note, info: note, warn: note, error: note, child: () => log };
  const meter = { count: () => {}, observe: () => {}, gauge: (name: string, labels: Record<string, string>, value: number) => void gauges.set(`${name}{${Object.values(labels).join()}}`, value) };
  return { log, meter, lines, details, gauges };
}

/**
 * A store with lanes full of jobs that do nothing, and an account of who did what when. It sees what no engine may ever do: two at once in a lane, a job
 * twice, jobs out of order.
 */
export class Workyard {
  readonly store: Store;
  readonly telemetry = notingTelemetry();
  readonly newId: NewId = createIds(systemClock, Math.random);
  readonly done: Done[] = [];
  /** Violations seen. */
  readonly wrong: string[] = [];
  /** Called in the middle of each job; a number makes the job wait for so long before it is tried again, ms. */
  work: (job: Done, signal: AbortSignal) => Promise<number | void> = async () => {};
  mostAtOnce = 0;
  #atOnce = new Map<LaneId, number>();
  readonly #close: () => Promise<void>;

  constructor(store: Store, close: () => Promise<void>) {
    this.store = store;
    this.#close = close;
  }

  static async open(): Promise<Workyard> {
    const dataDir = await mkdtemp(join(tmpdir(), 'chasqui-engine-'));
    const store = await openSqliteStore({ dataDir, clock: systemClock, thread: false });
    return new Workyard(store, async () => {
      await store.close();
      await rm(dataDir, { recursive: true, force: true });
    });
  }

  close(): Promise<void> {
    return this.#close();
  }

  lane(name: string): LaneId {
    return `lane_${name}` as LaneId;
  }

  /** Adds a job to a lane, without waking anybody. */
  async add(laneId: LaneId, over: { orgId?: OrgId; inMs?: number } = {}): Promise<LaneId> {
    await this.store.mailbox.addJob({ orgId: ORG, kind: 'nothing', payload: null, laneId, ...over });
    return laneId;
  }

  local(options: LocalOptions = {}): DrivableEngine {
    const { owner = 'w1', concurrency = 3, leaseMs = 15_000, cap = 0 } = options;
    const shares = (): ShareRules => ({ cap, orgs: new Map() });
    return createLocalEngine({ mailbox: this.store.mailbox, clock: systemClock, telemetry: this.telemetry }, { owner, concurrency, maxPerClaim: 100, leaseMs, shares });
  }

  readonly drain = async (claimed: Claimed, signal: AbortSignal): Promise<Drained> => {
    const { mailbox } = this.store;
    const { laneId } = claimed.lease;
    this.#enter(laneId);
    try {
      for (let { open } = claimed; ; open = await mailbox.open(claimed.lease)) {
        const head = open.jobs[0];
        if (!head && (await mailbox.release(claimed.lease, { drained: open.seen })) === 'released') return { nextInMs: null };
        if (!head) continue;
        const waitMs = signal.aborted ? 0 : head.readyInMs > 0 ? head.readyInMs : await this.#run(claimed, head.seq, signal);
        if (waitMs === null) continue;
        await mailbox.release(claimed.lease, { parkMs: waitMs });
        return { nextInMs: waitMs };
      }
    } finally {
      this.#leave(laneId);
    }
  };

  /** Null: done. */
  async #run({ lease }: Claimed, seq: number, signal: AbortSignal): Promise<number | null> {
    const { mailbox } = this.store;
    const job = { laneId: lease.laneId, seq, at: performance.now() };
    await mailbox.begin(lease, { seqs: [seq], maxAttempts: 100, maxCrashes: 3, history: 0 });
    const retryInMs = await this.work(job, signal);
    if (signal.aborted) {
      await mailbox.handBack(lease, [seq]);
      return 0;
    }
    if (typeof retryInMs === 'number') {
      await mailbox.fail(lease, { seqs: [seq], error: 'not yet', retryInMs });
      return retryInMs;
    }
    await mailbox.complete(lease, { seqs: [seq], outcome: { kind: 'completed' } });
    this.#account(job);
    return null;
  }

  #account(job: Done): void {
    const before = this.done.filter(({ laneId }) => laneId === job.laneId).at(-1)?.seq ?? 0;
    if (job.seq !== before + 1) this.wrong.push(`${job.laneId}: ${job.seq} after ${before}`);
    this.done.push(job);
  }

  #enter(laneId: LaneId): void {
    const count = (this.#atOnce.get(laneId) ?? 0) + 1;
    if (count > 1) this.wrong.push(`${laneId}: ${count} at once`);
    this.#atOnce.set(laneId, count);
    this.mostAtOnce = Math.max(this.mostAtOnce, [...this.#atOnce.values()].reduce((a, b) => a + b, 0));
  }

  #leave(laneId: LaneId): void {
    this.#atOnce.set(laneId, (this.#atOnce.get(laneId) ?? 1) - 1);
  }

  /** Resolves when so many jobs are done in all, and nothing was wrong on the way. */
  async finished(count: number, timeoutMs = 10_000): Promise<void> {
    await expect.poll(() => this.done.length, { timeout: timeoutMs, interval: 5 }).toBe(count);
    expect(this.wrong).toEqual([]);
  }
}
