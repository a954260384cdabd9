/**
 * Rounds of jobs that do nothing, as every peer runs them: laid out first, then worked off. Counted from the first job's start until the last
 * is known to have ended; the first round warms up and does not count.
 */
export async function runRounds({ rounds, conversations, jobsEach }, { layOut, work }) {
  const total = conversations * jobsEach;
  const names = Array.from({ length: total }, (_, index) => ({ conversation: `c${index % conversations}`, seq: Math.floor(index / conversations) }));
  let measuredMs = 0;
  for (let round = 0; round <= rounds; round += 1) {
    const jobs = names.map(({ conversation, seq }) => ({ conversation: `${round}-${conversation}`, seq }));
    await layOut(jobs);
    const ms = await timed(total, work);
    if (round > 0) measuredMs += ms;
  }
  return { perSecond: (total * rounds * 1000) / measuredMs };
}

async function timed(total, work) {
  let first = 0;
  let started = 0;
  let ended = 0;
  const done = Promise.withResolvers();
  const stop = await work({
    started() {
      if (started === 0) first = performance.now();
      started += 1;
    },
    ended(count = 1) {
      ended += count;
      if (ended === total) done.resolve(performance.now());
      if (ended > total) done.reject(new Error(`${total} jobs were laid out, more ended`));
    },
  });
  const last = await done.promise;
  await stop();
  if (started !== total) throw new Error(`${total} jobs were laid out, ${started} ran`);
  return last - first;
}

/** `plan`, and the answer that the bench waits for. */
export const plan = JSON.parse(process.argv[2]);
export const answer = (figures) => process.send({ kind: 'done', figures }, () => process.disconnect());

/** In pieces that no library finds too large. */
export async function inPieces(items, size, task) {
  for (let from = 0; from < items.length; from += size) await task(items.slice(from, from + size));
}
