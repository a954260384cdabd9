/** groupmq: one job of a conversation at a time, in order. */
import { Queue, Worker } from 'groupmq';
import { Redis } from 'ioredis';
import { answer, inPieces, plan, runRounds } from './rounds.mjs';

const redis = new Redis(plan.redisUrl, { maxRetriesPerRequest: null });
const queue = new Queue({ redis, namespace: 'jobs' });

const figures = await runRounds(plan, {
  layOut: (jobs) => inPieces(jobs, 500, (piece) => Promise.all(piece.map((data) => queue.add({ groupId: data.conversation, data, orderMs: data.seq })))),
  async work({ started, ended }) {
    const worker = new Worker({ queue, concurrency: plan.concurrency, handler: async () => started() });
    worker.on('completed', () => ended());
    void worker.run();
    return () => worker.close();
  },
});
answer(figures);
setTimeout(() => process.exit(), 100);
