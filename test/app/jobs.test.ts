import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/app/index.ts';
import type { App } from '../../src/app/index.ts';
import { resolveConfig } from '../../src/config/index.ts';
import type { ConfigFile } from '../../src/config/index.ts';
import { systemClock } from '../../src/domain/clock.ts';
import { AppError } from '../../src/domain/errors.ts';
import type { JobEvent } from '../../src/ports/events.ts';
import { openSqliteStore } from '../../src/stores/sqlite/index.ts';

/** Bounds what hangs. */
const SOON = { timeout: 15_000 };

let dataDir = '';
const open: App[] = [];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'chasqui-jobs-'));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.stop()));
  rmSync(dataDir, { recursive: true, force: true });
});

/** A Chasqui with these handlers, and what it tells of its jobs. */
async function start(jobs: ConfigFile['jobs'], value: ConfigFile = {}) {
  const env = { DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'silent', BURST_DEBOUNCE_MS: '0', QUEUE_RETRY_DELAY_MS: '1', CATCH_UP_INTERVAL_MS: '86400000', SWEEP_INTERVAL_MS: '50' };
  const app = await buildApp(resolveConfig({ env, file: { name: 'chasqui.config.ts', value: { jobs, ...value } } }));
  open.push(app);
  const events: JobEvent[] = [];
  app.events.subscribe((event) => events.push(event));
  const address = await app.start();
  await app.working();
  const seen = (id: string) => events.filter((event) => event.jobId === id).map(({ type }) => type);
  return { app, address, events, seen };
}

describe('jobs of kinds of your own', () => {
  it('run with their payload, tell how far they have come, and are seen under /v1/jobs', async () => {
    const gate = Promise.withResolvers<void>();
    const { app, address, events, seen } = await start({
      report: async (job) => {
        for (let i = 1; i <= 100; i++) job.progress(i, 100);
        await gate.promise;
        expect(job).toMatchObject({ kind: 'report', payload: { month: 11 }, attempt: 1 });
      },
    });
    const { jobId } = await app.addJob({ kind: 'report', payload: { month: 11 } });
    const record = async () => (await fetch(`${address}/v1/jobs/${jobId}`)).json();
    // The first word comes at once; what follows within the second waits for the end.
    await expect.poll(record, SOON).toMatchObject({ ok: true, id: jobId, kind: 'report', state: 'running', progress: { done: 1, total: 100 } });
    gate.resolve();
    await expect.poll(record, SOON).toMatchObject({ state: 'completed', progress: { done: 100, total: 100 } });
    expect(seen(jobId)).toEqual(['progress', 'progress', 'completed']);
    expect(events.at(-1)).toMatchObject({ type: 'completed', outcome: 'completed', kind: 'report', orgId: 'org_default' });
  });

  it('are tried again, and die in the end; what they threw is no event', async () => {
    const { app, events, seen } = await start({
      fails: (job) => {
        throw job.attempt === 1 ? new AppError('platform_down', 'the token is abc') : new Error('secret words');
      },
      gives_up: () => ({ kind: 'dead', reason: 'handler_rejected', error: 'secret words' }),
    });
    const { jobId } = await app.addJob({ kind: 'fails', payload: null });
    await expect.poll(() => seen(jobId), SOON).toEqual(['failed', 'failed', 'failed', 'dead']);
    expect(events.filter((event) => event.jobId === jobId)).toMatchObject([
      { attempt: 1, error: 'platform_down', retryInMs: 1 }, { attempt: 2, error: 'error' }, { attempt: 3 }, { reason: 'attempts_exhausted' },
    ]);
    const second = await app.addJob({ kind: 'gives_up', payload: null });
    await expect.poll(() => seen(second.jobId), SOON).toEqual(['dead']);
    expect(JSON.stringify(events)).not.toMatch(/secret|abc/);
    expect((await app.operate.deadLetters.stats()).byReason).toEqual({ attempts_exhausted: 1, handler_rejected: 1 });
  });

  it('of an unknown kind are refused; one that another process has added waits for a process that knows it', async () => {
    const { app, events } = await start({});
    const { laneId } = await app.store.mailbox.addJob({ kind: 'constructor', payload: 1, orgId: 'org_default' as never, laneId: 'lane_1' as never });
    app.engine?.wake(laneId);
    await expect.poll(() => app.store.lanes.counts(), SOON).toMatchObject({ parked: 1 });
    expect(events).toEqual([]);
    await expect(app.addJob({ kind: 'constructor', payload: 1 })).rejects.toThrow('kind constructor has no handler: add jobs.constructor');
  });

  it.each([
    ['something else', { ok: true }, { state: 'completed', attempts: 1 }],
    ['a wait that is no number', { kind: 'retry', inMs: NaN, error: 'later' }, { state: 'dead', attempts: 3, reason: 'attempts_exhausted' }],
    ['a death without a reason', { kind: 'dead' }, { state: 'dead', attempts: 1, reason: 'handler_rejected' }],
    ['an outcome that there is not', { kind: 'failed' }, { state: 'dead', attempts: 1, reason: 'handler_rejected', error: expect.stringContaining('kind failed') }],
  ])('whose handler returns %s come to an end', async (_, returned, end) => {
    let runs = 0;
    const { app } = await start({ odd: () => (runs++, returned as never) });
    const { jobId } = await app.addJob({ kind: 'odd', payload: null });
    await expect.poll(() => app.operate.job(jobId), SOON).toMatchObject(end);
    expect(runs).toBe(end.attempts);
  });

  it('tell of an attempt that was cut off with its worker', async () => {
    // A worker of an earlier life, which died in the middle.
    const store = await openSqliteStore({ dataDir, clock: systemClock, thread: false });
    const { jobId } = await store.mailbox.addJob({ kind: 'report', payload: 1, orgId: 'org_default' as never, laneId: 'lane_1' as never });
    const { claimed } = await store.mailbox.claim({ owner: 'x', limit: 1, leaseMs: 1_000, share: { now: 0, cap: 0, orgs: [] } });
    await store.mailbox.begin(claimed[0]!.lease, { seqs: [1], maxAttempts: 3, maxCrashes: 3, history: 0 });
    await store.close();
    const { seen } = await start({ report: () => undefined });
    await expect.poll(() => seen(jobId), SOON).toEqual(['stalled', 'completed']);
  });

  it('under a key are added once', async () => {
    let runs = 0;
    const { app } = await start({ once: () => void (runs += 1) });
    const all = await Promise.all(Array.from({ length: 5 }, () => app.addJob({ kind: 'once', payload: null, key: 'invoice 7' })));
    expect(new Set(all.map(({ jobId }) => jobId)).size).toBe(1);
    expect(all.filter(({ isNew }) => isNew)).toHaveLength(1);
    await expect.poll(() => runs, SOON).toBe(1);
    expect((await app.addJob({ kind: 'once', payload: null, key: 'invoice 7' })).isNew).toBe(false);
    await expect(app.addJob({ kind: 'once', payload: null, key: '' })).rejects.toThrow('key must have 1 to 300 characters');
  });

  it('turns tell their ends as well', async () => {
    const { address, events } = await start({});
    await fetch(`${address}/webhooks/playground`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ conversation: 'demo', text: 'hola', id: '1' }) });
    await expect.poll(() => events, SOON).toMatchObject([{ type: 'completed', outcome: 'answered', kind: 'turn' }]);
  });

  it.each([
    [{ jobs: { turn: () => undefined } }, /jobs\.turn .*is a kind that Chasqui runs itself/],
    [{ jobs: { report: 'text' } }, /jobs\.report .*must be a function \(job, signal\)/],
    [{ legacyQueue: { url: 'postgres://x/y', types: { welcome: { kind: 'greet', stage: 'both' } } } }, /legacyQueue\.types\.welcome .*moves to the kind greet, which jobs has no handler for/],
    [{ legacyQueue: { url: 'postgres://x/y', types: { welcome: { kind: 'greet', stage: 'half' } } } }, /must be one of: shadow, both, chasqui/],
    [{ legacyQueue: { url: { env: 'NOWHERE' }, types: {} } }, /NOWHERE, which is not set/],
    [{ legacyQueue: { url: 'postgres://x/y', org: 'b', types: {} } }, /legacyQueue\.org .*no org of this configuration: org_default/],
  ])('says what is wrong with %j', (value, message) => {
    expect(() => resolveConfig({ file: { name: 'chasqui.config.ts', value } })).toThrow(message);
  });
});
