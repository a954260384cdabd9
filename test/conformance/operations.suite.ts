import { describe, expect } from 'vitest';
import { LeaseLost } from '../../src/domain/errors.ts';
import type { OperationId } from '../../src/domain/ids.ts';
import type { TakenOperation } from '../../src/ports/operations.ts';
import { on } from './scene.ts';
import type { Harness, Scene } from './scene.ts';

const LEASE = 5_000;
const started = async (s: Scene, kind = 'k', params?: unknown): Promise<OperationId> => {
  s.advance(1);
  const { operation } = await s.store.operations.start({ id: s.id('op'), kind, total: 3, params });
  return operation.id;
};
const take = (s: Scene, owner = 'w1', kinds = ['k', 'l']): Promise<TakenOperation | null> => s.store.operations.take({ owner, kinds, leaseMs: LEASE });
const taken = async (s: Scene, owner?: string): Promise<TakenOperation> => {
  const operation = await take(s, owner);
  expect(operation).not.toBe(null);
  return operation as TakenOperation;
};
const state = async (s: Scene, id: OperationId): Promise<string | undefined> => (await s.store.operations.get(id))?.state;

/** What long operations promise of every store. */
export function operationsSuite(harness: Harness): void {
  running(harness);
  deciding(harness);
}

function running(harness: Harness): void {
  const test = on(harness);

  describe('operations', () => {
    test('tell their progress, and go on from the cursor', async (s) => {
      const id = s.id('op');
      expect(await s.store.operations.get(id)).toBe(null);
      const createdAt = s.clock.now();
      const view = { id, kind: 'k', state: 'running', total: 3, done: 0, failed: 0, error: null, createdAt, updatedAt: createdAt };
      expect(await s.store.operations.start({ id, kind: 'k', total: 3, params: { a: 1 } })).toEqual({ operation: view, isNew: true });
      const { lease, ...rest } = await taken(s);
      expect(rest).toEqual({ kind: 'k', params: { a: 1 }, cursor: null, done: 0, failed: 0, stumbles: 0, createdAt });
      s.advance(10);
      expect(await s.store.operations.advance(lease, { cursor: { at: 2 }, done: 2, failed: 1, leaseMs: LEASE })).toBe('go');
      expect(await s.store.operations.get(id)).toEqual({ ...view, done: 2, failed: 1, updatedAt: createdAt + 10 });
      await s.store.operations.giveBack(lease);
      expect(await taken(s, 'w2')).toMatchObject({ cursor: { at: 2 }, done: 2, failed: 1 });
      expect(await state(s, id)).toBe('running');
    });

    test('are done by one process at a time; another one takes over when it falls silent, and fences it off', async (s) => {
      const id = await started(s);
      const { lease } = await taken(s);
      expect(await take(s, 'w2')).toBe(null);
      s.advance(LEASE - 1);
      await s.store.operations.renew(lease, LEASE);
      s.advance(LEASE - 1);
      expect(await take(s, 'w2')).toBe(null);
      s.advance(1);
      expect(await state(s, id)).toBe('interrupted');
      const second = await taken(s, 'w2');
      expect(await state(s, id)).toBe('running');
      const late = { cursor: 9, done: 9, failed: 0, leaseMs: LEASE };
      await expect(s.store.operations.advance(lease, late)).rejects.toBeInstanceOf(LeaseLost);
      await expect(s.store.operations.renew(lease, LEASE)).rejects.toBeInstanceOf(LeaseLost);
      await expect(s.store.operations.complete(lease)).rejects.toBeInstanceOf(LeaseLost);
      await expect(s.store.operations.stumble(lease, { error: 'x', retryInMs: null })).rejects.toBeInstanceOf(LeaseLost);
      await expect(s.store.operations.giveBack(lease)).rejects.toBeInstanceOf(LeaseLost);
      await s.store.operations.complete(second.lease);
      expect(await s.store.operations.get(id)).toMatchObject({ state: 'completed', done: 0 });
      expect(await take(s)).toBe(null);
    });

    test('only kinds that the process can do', async (s) => {
      await started(s, 'k');
      expect(await take(s, 'w1', ['other'])).toBe(null);
      expect((await take(s, 'w1', ['other', 'k']))?.kind).toBe('k');
    });

    test('one of a kind is open at a time; racing starters get the same', async (s) => {
      const [a, b] = await Promise.all([0, 1].map(() => s.store.operations.start({ id: s.id('op'), kind: 'k', total: 1 })));
      expect(a?.operation.id).toBe(b?.operation.id);
      expect([a?.isNew, b?.isNew].sort()).toEqual([false, true]);
      const other = await started(s, 'l');
      expect(other).not.toBe(a?.operation.id);
      await s.store.operations.complete((await taken(s)).lease);
      const again = await s.store.operations.start({ id: s.id('op'), kind: 'k', total: 1 });
      expect(again.isNew).toBe(true);
      expect((await s.store.operations.list(10)).map((each) => each.id)).toEqual([again.operation.id, other, a?.operation.id]);
      expect(await s.store.operations.list(1)).toHaveLength(1);
    });

    test('racing takers: one gets it', async (s) => {
      await started(s);
      const got = await Promise.all([take(s, 'a'), take(s, 'b'), take(s, 'c')]);
      expect(got.filter((each) => each !== null)).toHaveLength(1);
    });

    test('a step that failed is tried again after its pause, until it is given up', async (s) => {
      const id = await started(s);
      const first = await taken(s);
      await s.store.operations.stumble(first.lease, { error: 'store_timeout', retryInMs: 2_000 });
      expect(await s.store.operations.get(id)).toMatchObject({ state: 'running', error: 'store_timeout' });
      expect(await take(s)).toBe(null);
      s.advance(2_000);
      const second = await taken(s);
      expect(second.stumbles).toBe(1);
      await s.store.operations.advance(second.lease, { cursor: 1, done: 1, failed: 0, leaseMs: LEASE });
      expect((await s.store.operations.get(id))?.error).toBe(null);
      await s.store.operations.stumble(second.lease, { error: 'store_failed', retryInMs: null });
      expect(await s.store.operations.get(id)).toMatchObject({ state: 'failed', error: 'store_failed' });
      s.advance(LEASE);
      expect(await take(s)).toBe(null);
    });
  });
}

function deciding(harness: Harness): void {
  const test = on(harness);

  describe('operations.cancel and resume', () => {
    test('a cancelled one keeps what its last step came to, and goes on from there when resumed', async (s) => {
      const id = await started(s);
      const { lease } = await taken(s);
      expect(await s.store.operations.cancel(id)).toBe(true);
      expect(await s.store.operations.cancel(id)).toBe(false);
      expect(await s.store.operations.advance(lease, { cursor: 1, done: 1, failed: 0, leaseMs: LEASE })).toBe('stop');
      await s.store.operations.giveBack(lease);
      expect(await s.store.operations.get(id)).toMatchObject({ state: 'cancelled', done: 1 });
      expect(await take(s)).toBe(null);
      expect(await s.store.operations.resume(id)).toBe('resumed');
      expect(await s.store.operations.resume(id)).toBe('open');
      expect(await taken(s)).toMatchObject({ cursor: 1, done: 1 });
    });

    test('resuming: failed ones too, completed and unknown ones not, and not beside another of the kind', async (s) => {
      const id = await started(s);
      await s.store.operations.stumble((await taken(s)).lease, { error: 'x', retryInMs: null });
      const second = await started(s);
      expect(await s.store.operations.resume(id)).toBe('busy');
      await s.store.operations.complete((await taken(s)).lease);
      expect(await s.store.operations.resume(second)).toBe('completed');
      expect(await s.store.operations.cancel(second)).toBe(false);
      expect(await s.store.operations.resume(id)).toBe('resumed');
      expect(await s.store.operations.get(id)).toMatchObject({ state: 'running', error: null });
      expect((await taken(s)).stumbles).toBe(0);
      expect(await s.store.operations.resume('op_none' as OperationId)).toBe('unknown');
      expect(await s.store.operations.cancel('op_none' as OperationId)).toBe(false);
    });
  });
}
