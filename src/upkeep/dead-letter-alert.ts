import type { DeadLetters } from '../ports/dead-letters.ts';
import type { Service } from '../ports/service.ts';
import type { Telemetry } from '../ports/telemetry.ts';

/** Says aloud, at every check, that more jobs are dead than an operator wants. */
export function createDeadLetterAlert(
  deps: { deadLetters: Pick<DeadLetters, 'stats'>; telemetry: Telemetry },
  settings: { intervalMs: number; threshold: number },
): Service {
  return {
    name: 'dead-letter-alert',
    get intervalMs() {
      return settings.intervalMs;
    },
    runOnce: async () => {
      const { total, byReason } = await deps.deadLetters.stats();
      for (const [reason, count] of Object.entries(byReason)) deps.telemetry.meter.gauge('dead_letters', { reason }, count);
      if (total <= settings.threshold) return;
      deps.telemetry.log.error({ dlqCount: total, threshold: settings.threshold }, 'DLQ ALERT: Dead Letter Queue has exceeded threshold');
    },
  };
}
