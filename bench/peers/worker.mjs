/** The worker beside it. What it does with a message takes no time: only taking it and ending it is measured. */
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';

const { redisUrl, concurrency } = JSON.parse(process.argv[2]);
let done = 0;
const worker = new Worker('messages', async () => void (done += 1), { connection: new Redis(redisUrl, { maxRetriesPerRequest: null }), concurrency });

process.on('message', ({ kind }) => {
  if (kind === 'tell') process.send({ kind: 'told', done });
});
await worker.waitUntilReady();
process.send({ kind: 'working' });
