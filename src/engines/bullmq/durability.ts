import type { Redis } from 'ioredis';

/** What this Redis keeps when it fails, as far as it tells. Wake-ups are hints, so this decides about delays, not about messages. */
export interface Durability {
  version: string;
  /** Null: it does not say. */
  maxmemoryPolicy: string | null;
  aof: boolean | null;
  /** `always`, `everysec`, `no`; null without AOF, or when the service refuses to say. */
  appendfsync: string | null;
  /** What ought to be different, in sentences for the operator. Empty: nothing. */
  warnings: string[];
}

/** The oldest version that BullMQ recommends (https://docs.bullmq.io/guide/redis-tm-compatibility). */
const RECOMMENDED = [6, 2];

function fieldsOf(info: string): Map<string, string> {
  return new Map(info.split(/\r?\n/).flatMap((line) => (line.includes(':') ? [[line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]] : [])));
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < RECOMMENDED[0]! || (major === RECOMMENDED[0] && minor < RECOMMENDED[1]!);
}

function warningsFor({ version, maxmemoryPolicy, aof }: Omit<Durability, 'warnings'>): string[] {
  const warnings = [
    isOlder(version) && `Redis ${version} is older than 6.2, which BullMQ recommends.`,
    maxmemoryPolicy !== null && maxmemoryPolicy !== 'noeviction' &&
      `maxmemory-policy is ${maxmemoryPolicy}: when memory runs out, Redis throws wake-ups away. Set it to noeviction.`,
    aof === false && 'The append-only file is off: a restart of Redis loses the wake-ups, which the sweeper then has to find. Set appendonly yes.',
  ];
  return warnings.filter((line) => line !== false);
}

async function appendfsyncOf(redis: Redis): Promise<string | null> {
  try {
    const [, value] = (await redis.config('GET', 'appendfsync')) as string[];
    return value ?? null;
  } catch {
    // Managed services refuse CONFIG. Nothing depends on the answer.
    return null;
  }
}

/** Asks Redis what it would keep (https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/). */
export async function durabilityOf(redis: Redis): Promise<Durability> {
  const fields = fieldsOf(await redis.info());
  const aof = fields.has('aof_enabled') ? fields.get('aof_enabled') === '1' : null;
  const found = {
    version: fields.get('redis_version') ?? 'unknown',
    maxmemoryPolicy: fields.get('maxmemory_policy') ?? null,
    aof,
    appendfsync: aof ? await appendfsyncOf(redis) : null,
  };
  return { ...found, warnings: warningsFor(found) };
}
