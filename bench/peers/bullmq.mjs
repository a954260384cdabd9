/** BullMQ by itself: no order, no database. */
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { answer, inPieces, plan, runRounds } from './rounds.mjs';

const connect = () => new Redis(plan.redisUrl, { maxRetriesPerRequest: null });
const queue = new Queue('jobs', { connection: connect(), defaultJobOptions: { removeOnComplete: true } });

const figures = await runRounds(plan, {
  layOut: (jobs) => inPieces(jobs, 500, (piece) => queue.addBulk(piece.map((data) => ({ name: 'noop', data })))),
  async work({ started, ended }) {
    const worker = new Worker('jobs', async () => started(), { connection: connect(), concurrency: plan.concurrency, autorun: false });
    await worker.waitUntilReady();
    worker.on('completed', () => ended());
    const running = worker.run();
    return async () => {
      await worker.close();
      await running;
    };
  },
});
answer(figures);
setTimeout(() => process.exit(), 100);
