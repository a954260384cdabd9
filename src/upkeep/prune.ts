import type { Clock } from '../domain/clock.ts';
import type { Reports } from '../ports/reports.ts';
import type { Service } from '../ports/service.ts';
import type { Telemetry } from '../ports/telemetry.ts';

export interface Retention {
  intervalMs: number;
  /** Texts and attachments are emptied after this, ms. */
  bodiesMs: number;
  /** Identities, endings and replies go after this, ms; a platform may redeliver for a week. */
  identitiesMs: number;
  /** Dead letters expire after this, ms. */
  deadLettersMs: number;
}

/** Rows of each kind in one transaction: acknowledgements wait behind it. */
const CHUNK = 200;

/** Between two chunks, ms. */
const PAUSE_MS = 20;

/** Removes what is older than its retention, in small steps. */
export function createPrune(deps: { reports: Pick<Reports, 'prune'>; clock: Clock; telemetry: Telemetry }, retention: Retention): Service {
  return {
    name: 'prune',
    get intervalMs() {
      return retention.intervalMs;
    },
    runOnce: async (signal) => {
      const now = deps.clock.now();
      const before = { bodies: now - retention.bodiesMs, identities: now - retention.identitiesMs, deadLetters: now - retention.deadLettersMs };
      let total = 0;
      for (let gone = await deps.reports.prune(before, CHUNK); gone > 0 && !signal.aborted; gone = await deps.reports.prune(before, CHUNK)) {
        total += gone;
        await deps.clock.sleep(PAUSE_MS, signal);
      }
      if (total > 0) deps.telemetry.log.info({ rows: total }, 'pruned what is older than its retention');
    },
  };
}
