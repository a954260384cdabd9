import type { Clock } from '../domain/clock.ts';
import type { MessageId } from '../domain/ids.ts';
import type { Reports } from '../ports/reports.ts';

/** Lets a request wait until its messages have ended. */
export interface Endings {
  /** Some turn ended: whoever waits looks again. */
  turnEnded(): void;
  /** Resolves when all of them have an ending; rejects with the signal's reason. */
  wait(ids: readonly MessageId[], signal: AbortSignal): Promise<void>;
}

/** Endings that no turn announces (a message that died before its turn) are found this late, ms. */
const LOOK_AGAIN_MS = 250;

export function createEndings({ reports, clock }: { reports: Pick<Reports, 'message'>; clock: Clock }): Endings {
  let next = Promise.withResolvers<void>();

  async function open(ids: readonly MessageId[]): Promise<MessageId[]> {
    const records = await Promise.all(ids.map((id) => reports.message(id)));
    return ids.filter((_, index) => records[index]?.ending === null);
  }

  async function news(signal: AbortSignal, announced: Promise<void>): Promise<void> {
    const over = new AbortController();
    const late = clock.sleep(LOOK_AGAIN_MS, AbortSignal.any([signal, over.signal]));
    try {
      await Promise.race([announced, late]);
    } finally {
      over.abort();
      late.catch(() => undefined);
    }
  }

  return {
    turnEnded() {
      next.resolve();
      next = Promise.withResolvers<void>();
    },
    async wait(ids, signal) {
      let rest = ids;
      for (;;) {
        signal.throwIfAborted();
        // Taken before looking, so that an ending in between is not missed.
        const announced = next.promise;
        rest = await open(rest);
        if (rest.length === 0) return;
        await news(signal, announced);
      }
    },
  };
}
