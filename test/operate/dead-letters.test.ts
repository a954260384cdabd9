import { describe, expect, it } from 'vitest';
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
    expect(await operate.deadLetters.purge('DELETE_ALL_DLQ_JOBS')).toEqual({ kind: 'purged', purged: 1201 });
    expect(dead.letters.size).toBe(0);
  });
});

describe('retry all', () => {
  it("keeps each conversation's order and tells its progress", async () => {
    const letters = [letter('cnv_b', 2), letter('cnv_a', 10), letter('cnv_a', 9), letter('cnv_b', 1)];
    const { operate, dead, woken } = operateOver({ letters });
    const { operationId, total } = await operate.deadLetters.retryAll();
    expect(total).toBe(4);
    await expect.poll(async () => (await operate.operation(operationId))?.state).toBe('completed');
    expect(await operate.operation(operationId)).toMatchObject({ kind: 'dlq_retry_all', total: 4, done: 4, failed: 0 });
    const orderOf = (lane: string) => dead.calls.filter((call) => call.includes(lane));
    expect(orderOf('cnv_a')).toEqual(['retry job_cnv_a_9', 'retry job_cnv_a_10']);
    expect(orderOf('cnv_b')).toEqual(['retry job_cnv_b_1', 'retry job_cnv_b_2']);
    expect(woken.toSorted()).toEqual(['cnv_a', 'cnv_a', 'cnv_b', 'cnv_b']);
  });

  it('starts no second operation while one runs, and a new one afterwards', async () => {
    const { operate, operations, dead } = operateOver({ letters: Array.from({ length: 250 }, (_, n) => letter('cnv_a', n + 1)) });
    const [one, two] = await Promise.all([operate.deadLetters.retryAll(), operate.deadLetters.retryAll()]);
    expect(two.operationId).toBe(one.operationId);
    await expect.poll(async () => (await operate.operation(one.operationId))?.state).toBe('completed');
    expect(dead.calls).toHaveLength(250);
    await expect.poll(async () => (await operate.deadLetters.retryAll()).operationId).not.toBe(one.operationId);
    expect(operations.all.size).toBe(2);
  });

  it('counts what could not be retried, and goes on', async () => {
    const { operate, dead } = operateOver({ letters: [letter('cnv_a', 1), letter('cnv_b', 1)] });
    dead.fates.set(letter('cnv_a', 1).jobId, { kind: 'human_owns' });
    const { operationId } = await operate.deadLetters.retryAll();
    await expect.poll(async () => (await operate.operation(operationId))?.state).toBe('completed');
    expect(await operate.operation(operationId)).toMatchObject({ done: 1, failed: 1 });
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
    await expect.poll(async () => (await operate.operation(operationId))?.state).toBe('completed');
    expect(dead.calls).toEqual(['retry job_cnv_a_1']);
  });

  it('ends as failed when the store fails, and says so in the log', async () => {
    const { operate, dead, telemetry } = operateOver({ letters: [letter('cnv_a', 1)] });
    dead.port.retry = () => Promise.reject(new Error('disk full'));
    const { operationId } = await operate.deadLetters.retryAll();
    await expect.poll(async () => (await operate.operation(operationId))?.state).toBe('failed');
    expect(telemetry.logged.some((line) => line.level === 'error')).toBe(true);
  });

  it('stops after its chunk when the process stops', async () => {
    const { operate, dead } = operateOver({ letters: Array.from({ length: 1000 }, (_, n) => letter('cnv_a', n + 1)) });
    const { operationId } = await operate.deadLetters.retryAll();
    await operate.stop();
    expect((await operate.operation(operationId))?.state).toBe('failed');
    expect(dead.calls.length).toBeLessThan(1000);
  });
});
