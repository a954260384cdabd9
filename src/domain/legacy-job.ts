import type { OrgId } from './ids.ts';
import type { NewJob } from './job.ts';

/** How far a type of jobs has moved from a table queue of the user's own to Chasqui. */
export type LegacyStage =
  /** The old workers do the work. Chasqui only looks on. */
  | 'shadow'
  /** Chasqui takes a few at a time beside the old workers; each row goes to whoever claims it first. */
  | 'both'
  /** Chasqui takes every row that is due. */
  | 'chasqui';

/** The payload of a job that came from a row, while the row follows what becomes of it. */
export interface LegacyPayload {
  /** Which table, and which row. */
  $legacy: { source: string; id: string };
  payload: unknown;
}

export const legacyPayload = (source: string, id: string, payload: unknown): LegacyPayload => ({ $legacy: { source, id }, payload });

/** Null for the payload of any other job. */
export function legacyOf(payload: unknown): LegacyPayload | null {
  if (typeof payload !== 'object' || payload === null || !('$legacy' in payload)) return null;
  const { $legacy } = payload as Partial<LegacyPayload>;
  return typeof $legacy?.source === 'string' && typeof $legacy.id === 'string' ? (payload as LegacyPayload) : null;
}

/** The beginning of all keys of a table's jobs. */
export const legacyPrefix = (source: string): string => `legacy:${source}:`;
/** The key of a row's job. */
export const legacyKey = (source: string, id: string): string => legacyPrefix(source) + id;

/** Where a row's job goes. */
export interface LegacyDestination {
  source: string;
  orgId: OrgId;
  kind: string;
}

/** The job of a row that follows what becomes of it. A row that was given back and taken again gets another one. */
export function followedJob(row: { id: string; payload: unknown; dueInMs: number }, { source, orgId, kind }: LegacyDestination): NewJob & { orgId: OrgId } {
  return { kind, orgId, payload: legacyPayload(source, row.id, row.payload), inMs: row.dueInMs, key: legacyKey(source, row.id), reuseKey: true };
}

/** The job of a row that is Chasqui's for good: once ever. */
export function movedJob(row: { id: string; payload: unknown; dueInMs: number }, { source, orgId, kind }: LegacyDestination): NewJob & { orgId: OrgId } {
  return { kind, orgId, payload: row.payload, inMs: row.dueInMs, key: `moved:${source}:${row.id}` };
}
