import type { Config, LegacyQueueConfig } from '../config/index.ts';
import { AppError } from '../domain/errors.ts';
import type { LaneId, NewId, OrgId } from '../domain/ids.ts';
import type { LegacyGate } from '../operate/index.ts';
import type { JobHandler } from '../ports/job-handler.ts';
import type { LegacyQueue } from '../ports/legacy-queue.ts';
import type { Service } from '../ports/service.ts';
import type { Store } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { openLegacyTable } from '../stores/integration-job/index.ts';
import { createLegacyBridge } from '../upkeep/legacy-bridge.ts';
import { followingLegacy } from '../work/index.ts';
import type { LiveConfig } from './live-config.ts';

/** How often rows are looked for, ms. */
const INTERVAL_MS = 1_000;
const TABLE = 'integration_job';

interface LegacyDeps {
  live: LiveConfig;
  newId: NewId;
  telemetry: Telemetry;
}

/** The handlers of the user's own kinds of jobs, and the table queue that their jobs may come from. */
export interface Legacy {
  readonly gate: LegacyGate;
  handler(kind: string): JobHandler | undefined;
  /** Null: no table queue is configured. */
  bridge(at: { store: Pick<Store, 'mailbox' | 'jobs'>; wake(laneId: LaneId, inMs?: number): void }): Service | null;
  close(): Promise<void>;
}

function opener(config: LegacyQueueConfig | null): LegacyGate['open'] {
  return ({ from, table }) => {
    const url = from ?? config?.url;
    if (url === undefined) throw new AppError('import_refused', 'no legacyQueue is configured: set it, or say from which database');
    return openLegacyTable({ url, table: table ?? config?.table ?? TABLE, columns: config?.columns, statuses: config?.statuses });
  };
}

/** @throws ConfigError for an address or a name in `legacyQueue` that cannot be used. */
export function createLegacy(config: Config, { live, newId, telemetry }: LegacyDeps): Legacy {
  const { legacyQueue } = config;
  const open = opener(legacyQueue);
  const queue: LegacyQueue | null = legacyQueue && open({ from: null, table: null });
  const types = () => live.config.legacyQueue?.types ?? {};
  const orgId = (): OrgId => live.config.legacyQueue?.orgId ?? (live.config.orgs[0]?.id as OrgId);
  const queueOf = (source: string): LegacyQueue | null => (queue?.source === source ? queue : null);
  return {
    gate: { queue, types, orgId, open },
    handler: (kind) => {
      const { jobs } = live.config;
      const handler = Object.hasOwn(jobs, kind) ? jobs[kind] : undefined;
      return handler && followingLegacy(handler, queueOf, telemetry);
    },
    bridge: ({ store, wake }) => queue && createLegacyBridge({ queue, mailbox: store.mailbox, jobs: store.jobs, newId, telemetry, wake }, { intervalMs: INTERVAL_MS, orgId: orgId(), types }),
    close: async () => queue?.close(),
  };
}
