/** graphile-worker with its local queue and completions in batches, as its documentation advises for throughput: no order. */
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import pg from 'pg';
import { answer, inPieces, plan, runRounds } from './rounds.mjs';

const pgPool = new pg.Pool({ connectionString: plan.databaseUrl, max: 10 });
pgPool.on('error', (error) => {
  throw error;
});
const utils = await makeWorkerUtils({ pgPool });
await utils.migrate();
const logger = new Logger(() => (level, message) => void (level === 'error' && process.stderr.write(`${message}\n`)));
const preset = { worker: { logger, localQueue: { size: 500 }, completeJobBatchDelay: 0, concurrentJobs: plan.concurrency, maxPoolSize: 10 } };

const figures = await runRounds(plan, {
  layOut: (jobs) => inPieces(jobs, 500, (piece) => utils.addJobs(piece.map((payload) => ({ identifier: 'noop', payload })))),
  async work({ started, ended }) {
    const runner = await run({ pgPool, preset, parsedCronItems: [], noHandleSignals: true, taskList: { noop: async () => started() } });
    runner.events.on('job:complete', () => ended());
    return () => runner.stop();
  },
});
answer(figures);
setTimeout(() => process.exit(), 100);
