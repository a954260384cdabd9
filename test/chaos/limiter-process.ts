/** One of several processes that share limits: asks all the time, and tells what it was answered, and when. */
import { createRateLimiter } from '../../src/app/rate-limiter.ts';

export interface AskPlan {
  redisUrl: string;
  /** Keys that all processes share, and what each allows in a minute. */
  keys: number;
  limit: number;
}

/** `back`: Redis answers again, as of now. `stop`: tell, and end. */
export type ToAsker = { kind: 'back' } | { kind: 'stop' };

export interface Asked {
  kind: 'asked';
  decisions: number;
  /** Of all decisions, ms. */
  p50: number;
  p999: number;
  max: number;
  /** How late timers were, which no limiter can help, ms. */
  lagP999: number;
  /** Decisions by who made them. */
  sources: Record<string, number>;
  /** The most that this process let through for one shared key. */
  mostAllowed: number;
  /** Allowed for each shared key. */
  allowed: number[];
  /** From `back` to the first decision of Redis; null: none. */
  returnedAfterMs: number | null;
}

const EVERY_MS = 5;
const AT_ONCE = 8;

function quantile(sorted: readonly number[], share: number): number {
  return Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(2));
}

async function ask({ redisUrl, keys, limit }: AskPlan): Promise<void> {
  const limiter = await createRateLimiter({ redisUrl, prefix: 'drill' });
  const latencies: number[] = [];
  const lags: number[] = [];
  const allowed = Array.from({ length: keys }, () => 0);
  const sources: Record<string, number> = {};
  let [n, backAt, returnedAfterMs] = [0, Number.NaN, null as number | null];

  async function decide(key: string, shared: number | null): Promise<void> {
    const startedAt = performance.now();
    const decision = await limiter.check({ org: 'o', rules: [{ name: 'conversation', key, limit, windowMs: 60_000 }] });
    const endedAt = performance.now();
    latencies.push(endedAt - startedAt);
    sources[decision.source] = (sources[decision.source] ?? 0) + 1;
    if (shared !== null && decision.allowed) allowed[shared] = (allowed[shared] ?? 0) + 1;
    if (decision.source === 'redis' && decision.allowed && startedAt >= backAt) returnedAfterMs ??= Math.round(endedAt - backAt);
  }

  // The first connection, and the first calls of code that was never run, are not what is drilled.
  for (let warm = 0; warm < 300; warm++) await limiter.check({ org: 'o', rules: [{ name: 'conversation', key: `warm ${process.pid} ${warm}`, limit, windowMs: 60_000 }] });
  process.send?.({ kind: 'asking' });
  let dueAt = performance.now() + EVERY_MS;
  const timer = setInterval(() => {
    lags.push(Math.max(0, performance.now() - dueAt));
    dueAt = performance.now() + EVERY_MS;
    for (let i = 0; i < AT_ONCE; i++) void decide(`shared ${n++ % keys}`, (n - 1) % keys);
    // A key of its own is under no limit: whoever decides on it is who decides now.
    void decide(`own ${process.pid} ${n}`, null);
  }, EVERY_MS);

  process.on('message', ({ kind }: ToAsker) => {
    if (kind === 'back') return void (backAt = performance.now());
    clearInterval(timer);
    const [sorted, lag] = [latencies.toSorted((a, b) => a - b), lags.toSorted((a, b) => a - b)];
    const figures = { p50: quantile(sorted, 0.5), p999: quantile(sorted, 0.999), max: quantile(sorted, 1), lagP999: quantile(lag, 0.999) };
    process.send?.({ kind: 'asked', decisions: latencies.length, ...figures, sources, mostAllowed: Math.max(...allowed), allowed, returnedAfterMs } satisfies Asked);
    void limiter.close().then(() => process.disconnect());
  });
}

await ask(JSON.parse(process.argv[2] ?? '') as AskPlan);
