/** One Chasqui with a handler for the jobs of a table queue, as a process of its own, so that it can be killed. */
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { buildApp, resolveConfig } from '../../src/index.ts';

const { TEST_DATABASE_URL: url = '', TEST_STAGE: stage = 'both', TEST_MODE: mode = 'all' } = process.env;
const pool = new pg.Pool({ connectionString: url, max: 5 });

/** An effect that bears repetition: a second attempt of the same job finds that it was done. */
async function count(job: { id: string; payload: unknown }): Promise<void> {
  const { row } = job.payload as { row: number };
  await pool.query(`insert into start (row, who) values ($1, 'chasqui')`, [row]);
  await wait(5);
  await pool.query(`insert into effect (row, who, job) values ($1, 'chasqui', $2) on conflict (job) do nothing`, [row, job.id]);
}

const file = {
  name: 'chasqui.config.ts',
  value: {
    jobs: { count },
    legacyQueue: { url, types: { count: { kind: 'count', stage } } },
    orgs: [{ id: 'a', channels: [{ id: 'c', kind: 'chatwoot', baseUrl: 'http://127.0.0.1:9', accountId: 1, apiToken: 'x', webhookSecret: 'x' }] }],
  },
};
const env = {
  DATABASE_URL: url, APP_MODE: mode, PORT: '0', LOG_LEVEL: 'error', LOCAL_QUEUE_CONCURRENCY: '8', LANE_LEASE_MS: '1500', STORE_TIMEOUT_MS: '1400', SWEEP_INTERVAL_MS: '200',
  CATCH_UP_INTERVAL_MS: '86400000',
};
const app = await buildApp(resolveConfig({ file, env }));
const address = await app.start();
process.once('SIGTERM', () => void app.stop().then(() => pool.end()).then(() => process.exit(0)));
process.stdout.write(`listening ${address}\n`);
