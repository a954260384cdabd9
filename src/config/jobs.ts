import { z } from 'zod';
import { ConfigError } from '../domain/errors.ts';
import type { OrgId } from '../domain/ids.ts';
import { SPEAKING } from '../domain/lane.ts';
import type { LegacyStage } from '../domain/legacy-job.ts';
import type { JobHandler } from '../ports/job-handler.ts';
import type { OrgConfig } from './accounts.ts';
import { secretSchema } from './orgs.ts';
import type { SecretReader } from './secrets.ts';

/** A table queue of the user's own, and who executes which of its types (docs/legacy-queue.md). */
export interface LegacyQueueConfig {
  url: string;
  table: string;
  /** Whose jobs they are. */
  orgId: OrgId;
  /** Names that are not the default ones. Null: there is no such column. */
  columns: Partial<Record<'id' | 'type' | 'payload' | 'status', string>> & Partial<Record<'runAt' | 'attempts' | 'finishedAt', string | null>>;
  statuses: Partial<Record<'pending' | 'reserved' | 'claimed' | 'dead' | 'completed' | 'moving' | 'moved', string>>;
  /** By type of the rows: the kind that its handler is registered under, and how far it has moved. */
  types: Readonly<Record<string, { kind: string; stage: LegacyStage }>>;
}

const OWN_KINDS: ReadonlySet<string> = new Set([...SPEAKING, 'promote']);

const kind = z
  .string()
  .regex(/^[a-z][a-z0-9_.-]{0,63}$/i, 'must be a name of up to 64 letters, digits, "_", "-" and "."')
  .refine((name) => !OWN_KINDS.has(name), 'is a kind that Chasqui runs itself: choose another name');
const handler = z.custom<JobHandler>((value) => typeof value === 'function', 'must be a function (job, signal) => ...');

export const jobsSchema = z.record(kind, handler, {
  error: (issue) => (issue.code === 'invalid_key' ? issue.issues[0]?.message : 'must be an object of handlers by kind'),
});

const column = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/i, 'must be a plain name of a column');
const missing = column.nullable();
const status = z.string().min(1, 'must not be empty');
const STAGES = ['shadow', 'both', 'chasqui'] as const satisfies readonly LegacyStage[];

export const legacyQueueSchema = z.strictObject({
  url: secretSchema,
  table: z.string().regex(/^[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?$/i, 'must be the name of a table, with or without its schema').default('integration_job'),
  org: z.string().optional(),
  columns: z.strictObject({ id: column, type: column, payload: column, status: column, runAt: missing, attempts: missing, finishedAt: missing }).partial().default({}),
  statuses: z.strictObject({ pending: status, reserved: status, claimed: status, dead: status, completed: status, moving: status, moved: status }).partial().default({}),
  types: z.record(z.string(), z.strictObject({ kind, stage: z.enum(STAGES, { error: `must be one of: ${STAGES.join(', ')}` }).default('shadow') })),
});

export type Jobs = Readonly<Record<string, JobHandler>>;

function orgOf(asked: string | undefined, orgs: readonly OrgConfig[], fileName: string): OrgId {
  const org = asked === undefined ? orgs[0] : orgs.find(({ id }) => id === asked || id === `org_${asked}`);
  if (org) return org.id;
  throw new ConfigError(`legacyQueue.org (from ${fileName}) is ${asked}, which is no org of this configuration: ${orgs.map(({ id }) => id).join(', ')}.`);
}

/** @throws ConfigError for an org that is not there, a secret that cannot be read, or a type that moves to a kind without a handler. */
export function resolveLegacyQueue(
  entry: z.output<typeof legacyQueueSchema> | undefined,
  known: { jobs: Jobs; orgs: readonly OrgConfig[]; secretOf: SecretReader; fileName: string },
): LegacyQueueConfig | null {
  if (!entry) return null;
  const { url, org, ...rest } = entry;
  for (const [type, { kind: to, stage }] of Object.entries(rest.types)) {
    if (stage === 'shadow' || Object.hasOwn(known.jobs, to)) continue;
    throw new ConfigError(`legacyQueue.types.${type} (from ${known.fileName}) moves to the kind ${to}, which jobs has no handler for. Add jobs.${to}, or keep the type in the stage shadow.`);
  }
  return { ...rest, url: known.secretOf(url, ['legacyQueue', 'url']), orgId: orgOf(org, known.orgs, known.fileName) };
}
