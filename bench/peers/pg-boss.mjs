/** pg-boss with its batches: no order. A batch counts as ended when its handler is through, a moment before it is. */
import { PgBoss } from 'pg-boss';
import { answer, inPieces, plan, runRounds } from './rounds.mjs';

const boss = new PgBoss({ connectionString: plan.databaseUrl, schedule: false, supervise: false });
boss.on('error', (error) => {
  throw error;
});
await boss.start();
await boss.createQueue('jobs');

const figures = await runRounds(plan, {
  layOut: (jobs) => inPieces(jobs, 500, (piece) => boss.insert('jobs', piece.map((data) => ({ data })))),
  async work({ started, ended }) {
    const options = { batchSize: 100, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 };
    const id = await boss.work('jobs', options, async (jobs) => {
      for (const _ of jobs) started();
      ended(jobs.length);
    });
    return () => boss.offWork('jobs', { id, wait: true });
  },
});
answer(figures);
setTimeout(() => process.exit(), 100);
