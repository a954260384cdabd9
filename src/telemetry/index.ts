import type { Telemetry } from '../ports/telemetry.ts';
import { createLog } from './log.ts';
import type { LogOptions } from './log.ts';
import { createMetrics } from './metrics.ts';
import type { Metrics } from './metrics.ts';

export { createEvents } from './events.ts';
export type { ProcessEvents } from './events.ts';
export { createLog } from './log.ts';
export type { LogOptions } from './log.ts';
export { createMachine } from './machine.ts';
export { METRICS } from './metric-table.ts';
export { createMetrics } from './metrics.ts';
export type { Metrics, MetricsOptions } from './metrics.ts';

/** The log and the metrics of a process. */
export interface ProcessTelemetry extends Telemetry {
  meter: Metrics;
  /** The least severe lines that are logged from now on. Children of the log keep the level that they were made with. */
  setLevel(level: LogOptions['level']): void;
}

/** A mistake in counting is logged once per message, and breaks nothing. */
export function createTelemetry(options: LogOptions): ProcessTelemetry {
  const log = createLog(options);
  const told = new Set<string>();
  const onMistake = (error: Error): void => {
    if (told.has(error.message)) return;
    told.add(error.message);
    log.error({ err: error }, 'a metric was used that is not declared');
  };
  const setLevel = (level: LogOptions['level']): void => {
    log.level = level;
  };
  return { log, setLevel, meter: createMetrics({ onMistake, process: true }) };
}
