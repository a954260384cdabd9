/** A structured log. Fields never hold secrets or message bodies. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

/** What happened, counted. Names are Prometheus metric names. */
export interface Meter {
  count(name: string, labels?: Record<string, string>, by?: number): void;
  observe(name: string, labels: Record<string, string>, value: number): void;
  gauge(name: string, labels: Record<string, string>, value: number): void;
}

export interface Telemetry {
  log: Log;
  meter: Meter;
}
