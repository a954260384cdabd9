import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Meter } from '../ports/telemetry.ts';
import { METRICS } from './metric-table.ts';
import type { MetricRow } from './metric-table.ts';

/** What happened, counted and rendered. */
export interface Metrics extends Meter {
  /** Prometheus text format 0.0.4. */
  text(): Promise<string>;
  /** The same as objects: name, help, type, values. */
  json(): Promise<object>;
  /** Of {@link Metrics.text}. */
  readonly contentType: string;
}

export interface MetricsOptions {
  /** What to do about a name or label that is not declared: a mistake in the code, which must not break a turn. Throws by default. */
  onMistake?: (error: Error) => void;
  /** Adds memory, event-loop lag and garbage collection of this process. */
  process?: boolean;
}

type Instrument = Counter | Gauge | Histogram;

function instrument(name: string, row: MetricRow, registry: Registry): Instrument {
  const options = { name, help: row.help, labelNames: [...row.labels], registers: [registry] };
  switch (row.type) {
    case 'counter':
      return new Counter(options);
    case 'gauge':
      return new Gauge(options);
    case 'histogram':
      return new Histogram({ ...options, buckets: [...row.buckets] });
  }
}

function rethrow(error: Error): void {
  throw error;
}

/**
 * The metrics of one process, in a registry of their own.
 *
 * @throws whatever `onMistake` throws, by default for a metric or label that the table does not declare.
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const { onMistake = rethrow } = options;
  const registry = new Registry();
  const instruments = new Map(Object.entries(METRICS).map(([name, row]) => [name, instrument(name, row, registry)]));
  if (options.process) collectDefaultMetrics({ register: registry });

  function use<T extends Instrument>(name: string, type: new (...args: never[]) => T, act: (found: T) => void): void {
    try {
      const found = instruments.get(name);
      if (!(found instanceof type)) throw new TypeError(`no ${type.name.toLowerCase()} is called ${name}`);
      act(found);
    } catch (error) {
      onMistake(error as Error);
    }
  }

  return {
    count: (name, labels = {}, by = 1) => use(name, Counter, (found) => found.inc(labels, by)),
    observe: (name, labels, value) => use(name, Histogram, (found) => found.observe(labels, value)),
    gauge: (name, labels, value) => use(name, Gauge, (found) => found.set(labels, value)),
    text: () => registry.metrics(),
    json: async () => ({ metrics: await registry.getMetricsAsJSON() }),
    contentType: registry.contentType,
  };
}
