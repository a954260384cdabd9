import { describe, expect, it } from 'vitest';
import { StoreFailed } from '../../src/domain/errors.ts';
import { PURGE_CONFIRMATION } from '../../src/operate/index.ts';
import { letter } from './fake-store.ts';
import { operateOver } from './support.ts';

const unknown = 'job_cnv_zzz_1';

describe('dead letters', () => {
  it('lists newest first, in the shape that deployments know', async () => {
    const { operate } = operateOver({ letters: [letter('cnv_1', 1), letter('cnv_1', 2, { originalJobId: letter('cnv_1', 1).jobId })] });
    const page = await operate.deadLetters.list({}, { limit: 10 });
    expect(page.count).toBe(2);
    expect(page.jobs[0]).toEqual({
      jobId: 'job_cnv_1_2',
      originalJobId: 'job_cnv_1_1',
      originalJob: { kind: 'turn', messageId: 'msg_1' },
      orgId: 'org_a',
      channelId: 'chn_a',
      conversationId: 'cnv_1',
      failedAt: 1_002,
      reason: 'attempts_exhausted',
      error: 'boom',
      attempts: 3,
      data: { text: 'hi' },
    });
    expect(page.jobs[1]?.originalJobId).toBe('job_cnv_1_1');
  });

  it('pages and filters', async () => {
    const { operate } = operateOver({ letters: [letter('cnv_1', 1), letter('cnv_1', 2), letter('cnv_2', 3, { reason: 'crashed' })] });
    const first = await operate.deadLetters.list({ reason: 'attempts_exhausted' }, { limit: 1 });
    expect(first.jobs.map((job) => job.jobId)).toEqual(['job_cnv_1_2']);
    const second = await operate.deadLetters.list({ reason: 'attempts_exhausted' }, { limit: 1, cursor: first.nextCursor ?? '' });
    expect(second.jobs.map((job) => job.jobId)).toEqual(['job_cnv_1_1']);
    expect(second.nextCursor).toBeNull();
  });

  it('is above the threshold only when there are more letters than it', async () => {
    const two = operateOver({ letters: [letter('cnv_1', 1), letter('cnv_1', 2)] });
    expect(await two.operate.deadLetters.stats()).toEqual({
      available: true,
      name: 'chasqui-dlq',
      counts: { waiting: 2, total: 2 },
      alertThreshold: 2,
      isAboveThreshold: false,
      oldestAt: 1_001,
      byReason: { attempts_exhausted: 2 },
    });
    const three = operateOver({ letters: [letter('cnv_1', 1), letter('cnv_1', 2), letter('cnv_1', 3)] });
    expect((await three.operate.deadLetters.stats()).isAboveThreshold).toBe(true);
  });

  it('retries once, and wakes the lane', async () => {
    const { operate, woken } = operateOver({ letters: [letter('cnv_1', 1)] });
    expect(await operate.deadLetters.retry('job_cnv_1_1')).toEqual({ kind: 'retried', retriedAs: 'job_cnv_1_1000' });
    expect(woken).toEqual(['cnv_1']);
    expect(await operate.deadLetters.retry('job_cnv_1_1')).toEqual({ kind: 'already' });
    expect(woken).toEqual(['cnv_1']);
  });

  it('knows no job under a name that is none, and does not ask the store', async () => {
    const { operate, dead } = operateOver();
    expect(await operate.deadLetters.retry("1' or 1=1")).toEqual({ kind: 'unknown' });
    expect(await operate.deadLetters.discard('../etc')).toBe(false);
    expect(dead.calls).toEqual([]);
    expect(await operate.deadLetters.retry(unknown)).toEqual({ kind: 'unknown' });
  });

  it('purges only after the exact confirmation, and in rounds', async () => {
    const letters = Array.from({ length: 1201 }, (_, n) => letter('cnv_1', n + 1));
    const { operate, dead } = operateOver({ letters });
    for (const wrong of [undefined, null, true, '', 'delete_all_dlq_jobs', `${PURGE_CONFIRMATION} `, [PURGE_CONFIRMATION]]) {
      expect(await operate.deadLetters.purge(wrong)).toEqual({ kind: 'unconfirmed' });
    }
    expect(dead.letters.size).toBe(1201);
    expect(await operate.deadLetters.purge('DELETE_ALL_DLQ_JOBS')).toMatchObject({ kind: 'purged', purged: 1201, finished: true });
    expect(dead.letters.size).toBe(0);
  });
});

describe('retry all', () => {
  it("keeps each conversation's order and tells its progress", async () => {
    const letters = [letter('cnv_b', 2), letter('cnv_a', 10), letter('cnv_a', 9), letter('cnv_b', 1)];
    const { operate, dead, woken } = operateOver({ letters });
    const { operationId, total } = await operate.deadLetters.retryAll();
    expect(total).toBe(4);
    await expect.poll(async () => (await operate.operations.get(operationId))?.state).toBe('completed');
    expect(await operate.operations.get(operationId)).toMatchObject({ kind: 'dlq_retry_all', total: 4, done: 4, failed: 0 });
    const orderOf = (lane: string) => dead.calls.filter((call) => call.includes(lane));
    expect(orderOf('cnv_a')).toEqual(['retry job_cnv_a_9', 'retry job_cnv_a_10']);
    expect(orderOf('cnv_b')).toEqual(['retry job_cnv_b_1', 'retry job_cnv_b_2']);
    expect(woken.toSorted()).toEqual(['cnv_a', 'cnv_a', 'cnv_b', 'cnv_b']);
  });

  it('starts no second operation while one runs, and a new one afterwards', async () => {
    const { operate, operations, dead } = operateOver({ letters: Array.from({ length: 250 }, (_, n) => letter('cnv_a', n + 1)) });
    const [one, two] = await Promise.all([operate.deadLetters.retryAll(), operate.deadLetters.retryAll()]);
    expect(two.operationId).toBe(one.operationId);
    await expect.poll(async () => (await operate.operations.get(one.operationId))?.state).toBe('completed');
    expect(dead.calls).toHaveLength(250);
    await expect.poll(async () => (await operate.deadLetters.retryAll()).operationId).not.toBe(one.operationId);
    expect(await operations.list(9)).toHaveLength(2);
  });

  it('counts what could not be retried, and goes on', async () => {
    const { operate, dead } = operateOver({ letters: [letter('cnv_a', 1), letter('cnv_b', 1)] });
    dead.fates.set(letter('cnv_a', 1).jobId, { kind: 'human_owns' });
    const { operationId } = await operate.deadLetters.retryAll();
    await expect.poll(async () => (await operate.operations.get(operationId))?.state).toBe('completed');
    expect(await operate.operations.get(operationId)).toMatchObject({ done: 1, failed: 1 });
  });

  it('does not retry again what dies again meanwhile', async () => {
    const { operate, dead } = operateOver({ letters: [letter('cnv_a', 1)] });
    const retry = dead.port.retry;
    dead.port.retry = async (id) => {
      const result = await retry(id);
      dead.letters.set(letter('cnv_a', 50).jobId, letter('cnv_a', 50));
      return result;
    };
    const { operationId } = await operate.deadLetters.retryAll();
    await expect.poll(async () => (await operate.operations.get(operationId))?.state).toBe('completed');
    expect(dead.calls).toEqual(['retry job_cnv_a_1']);
  });

  it('tries a step again when the store fails, from where it was, and gives up in the end', async () => {
    const { operate, dead, telemetry, clock, operations } = operateOver({ letters: Array.from({ length: 150 }, (_, n) => letter('cnv_a', n + 1)) });
    const retry = dead.port.retry;
    dead.port.retry = (id) => (dead.calls.length >= 100 ? Promise.reject(new StoreFailed('retry', new Error('disk full'))) : retry(id));
    const { operationId } = await operate.deadLetters.retryAll();
    const view = () => operate.operations.get(operationId);
    await expect.poll(view).toMatchObject({ state: 'running', done: 100, error: 'the store could not run retry: disk full' });
    operate.begin();
    // The looks of a process that waits a second between two of them.
    for (let round = 0; round < 100 && (await view())?.state === 'running'; round++) {
      clock.at += 10_000;
      clock.wakeAll();
      await new Promise((resolve) => void setImmediate(resolve));
    }
    expect(await view()).toMatchObject({ state: 'failed', done: 100 });
    expect(telemetry.logged.filter((line) => line.level === 'error')).toHaveLength(8);
    dead.port.retry = retry;
    expect((await operate.operations.resume(operationId)).kind).toBe('resumed');
    await expect.poll(view).toMatchObject({ state: 'completed', done: 150, error: null });
    expect(dead.calls).toHaveLength(150);
    expect(await operations.list(9)).toHaveLength(1);
    await operate.stop();
  });

  it('is given back in the middle when the process stops, and another process ends it', async () => {
    const first = operateOver({ letters: Array.from({ length: 1000 }, (_, n) => letter('cnv_a', n + 1)) });
    const { operationId } = await first.operate.deadLetters.retryAll();
    await first.operate.stop();
    const left = await first.operate.operations.get(operationId);
    expect(left).toMatchObject({ state: 'running' });
    expect(left?.done).toBeLessThan(1000);
    const second = operateOver({ more: { store: first.deps.store } });
    second.operate.begin();
    await expect.poll(() => first.operate.operations.get(operationId)).toMatchObject({ state: 'completed', done: 1000, failed: 0 });
    expect(first.dead.calls).toHaveLength(1000);
    await second.operate.stop();
  });

  it('stops after the step in hand when cancelled, and goes on from there', async () => {
    const { operate, dead } = operateOver({ letters: Array.from({ length: 350 }, (_, n) => letter('cnv_a', n + 1)) });
    const { operationId } = await operate.deadLetters.retryAll();
    await expect.poll(() => dead.calls.length).toBeGreaterThan(0);
    expect((await operate.operations.cancel(operationId)).kind).toBe('cancelled');
    expect((await operate.operations.cancel(operationId)).kind).toBe('ended');
    await operate.stop();
    const { done, state } = (await operate.operations.get(operationId)) ?? {};
    expect(state).toBe('cancelled');
    expect(done).toBe(dead.calls.length);
    expect(done).toBeLessThan(350);
  });
});
