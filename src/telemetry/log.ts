import { pino } from 'pino';
import type { DestinationStream, Level } from 'pino';
import type { Log } from '../ports/telemetry.ts';

/** Fields that hold secrets or what people wrote. They are replaced wherever they appear in the first two levels of a line. */
const PRIVATE = [
  'apiKey', 'apiToken', 'adminToken', 'token', 'secret', 'webhookSecret', 'pathSecret', 'readToken', 'password', 'authorization', 'cookie',
  'text', 'body', 'content', 'payload', 'history',
];
const PRIVATE_PATHS = [...PRIVATE.flatMap((name) => [name, `*.${name}`]), '*.headers', 'headers["api_access_token"]'];

export interface LogOptions {
  level: Level | 'silent';
  /** Standard output by default. */
  destination?: DestinationStream;
}

/** A log whose level can be set. */
export interface LevelledLog extends Log {
  level: string;
}

/** One JSON object per line: level, time (ISO), fields, message. */
export function createLog(options: LogOptions): LevelledLog {
  const settings = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: PRIVATE_PATHS, censor: '[redacted]' },
  };
  return options.destination ? pino(settings, options.destination) : pino(settings);
}
