import { createLocalEngine } from '../engines/local/index.ts';
import type { Link, RedisAddress, SessionSettings } from '../engines/bullmq/index.ts';
import type { Settings } from '../config/index.ts';
import { systemRandom } from '../domain/clock.ts';
import type { LaneId } from '../domain/ids.ts';
import type { EngineMode } from '../ports/controls.ts';
import type { DrivableEngine, Engine } from '../ports/engine.ts';
import type { EngineWatch } from '../ports/engine-watch.ts';
import type { Service } from '../ports/service.ts';
import { createFollowEngineMode } from '../upkeep/follow-engine-mode.ts';
import type { House } from './house.ts';
import { takesWork } from './mode.ts';
import { shareRules } from './shares.ts';

/** What decides when and where lanes run, and how this process takes part in that. */
export interface Engines {
  /** Null in a process that takes no work. */
  readonly engine: Engine | null;
  /** Null without Redis. */
  readonly redis: RedisPart | null;
  /** A lane got work. In a process that takes none this tells the others, if there is a way. */
  wake(laneId: LaneId, inMs?: number): void;
  /** The store says that a lane got work, in whichever process. */
  hear(laneId: LaneId): void;
  /** Takes over what the live configuration says now. */
  adopt(): void;
  /** Names of what is done by other means than configured. */
  degraded(): string[];
}

/** What has to be begun and ended where Redis is configured. */
export interface RedisPart {
  readonly link: Link;
  /** What operators see of it. */
  readonly watch: EngineWatch;
  /** Follows the mode that operators decide on. */
  readonly follow: Service;
  /** Gives wake-ups in hand back; wake-ups can still be added. */
  leave(deadlineMs: number): Promise<void>;
}

/** How often the mode is looked up, ms. */
const FOLLOW_MS = 2_000;

/** Null: Redis is not configured. */
export function redisAddress(settings: Settings): RedisAddress | null {
  const { redisUrl, redisHost, redisPort, redisPassword } = settings;
  if (redisUrl !== undefined) return { url: redisUrl };
  if (redisHost === undefined) return null;
  return { host: redisHost, port: redisPort, ...(redisPassword !== undefined && { password: redisPassword }) };
}

function buildLocal({ config, live, store, clock, telemetry }: House, owner: string): DrivableEngine {
  const { localQueueConcurrency, localQueueMaxSize, laneLeaseMs } = config.settings;
  return createLocalEngine(
    { mailbox: store.mailbox, clock, telemetry },
    { owner, concurrency: localQueueConcurrency, maxPerClaim: localQueueMaxSize, leaseMs: laneLeaseMs, shares: () => shareRules(live.config) },
  );
}

/** The engines of this process. Nothing runs before the link and the engine are started. */
export async function buildEngines(house: House): Promise<Engines> {
  const owner = `${process.pid}-${house.newId('op')}`;
  const local = takesWork(house.mode) ? buildLocal(house, owner) : null;
  const address = redisAddress(house.config.settings);
  if (address) return withRedis(house, local, { address, owner });
  return {
    engine: local,
    redis: null,
    wake: (laneId, inMs) => local?.wake(laneId, inMs),
    hear: (laneId) => local?.wake(laneId),
    adopt: () => local?.scale(house.live.settings.localQueueConcurrency),
    degraded: () => [],
  };
}

/** Both halves need each other: the link tells of the process what only the engine knows. */
interface Told {
  mode: EngineMode;
  rescued: number;
}

async function withRedis(house: House, local: DrivableEngine | null, { address, owner }: Pick<SessionSettings, 'address' | 'owner'>): Promise<Engines> {
  const { Link } = await import('../engines/bullmq/index.ts');
  const { clock, telemetry, config, breakers, mode: role } = house;
  const { redisKeyPrefix: prefix, queueName, redisTimeoutMs: timeoutMs } = config.settings;
  let told: () => Told = () => ({ mode: DEFAULT_MODE, rescued: 0 });
  const link = new Link({ clock, random: systemRandom, telemetry, note: () => ({ role, ...told() }) }, { address, owner, prefix, queueName, timeoutMs });
  breakers.add(() => [{ name: 'redis', state: link.breaker }]);
  const { part, tell } = local ? await workingThrough(house, link, local) : await wakingThrough(house, link);
  told = tell;
  return part;
}

interface Half {
  part: Engines;
  tell: () => Told;
}

async function workingThrough(house: House, link: Link, local: DrivableEngine): Promise<Half> {
  const { createBullmqEngine } = await import('../engines/bullmq/index.ts');
  const { clock, telemetry, store, live } = house;
  const concurrency = () => ({ bullmq: live.settings.workerConcurrency, local: live.settings.localQueueConcurrency });
  const engine = createBullmqEngine({ local, lanes: store.lanes, link, clock, telemetry }, { mode: DEFAULT_MODE, concurrency: concurrency() });
  const part: Engines = {
    engine,
    redis: redisPart(house, link, { mode: () => engine.mode, steer: (mode) => engine.steer(mode), leave: (ms) => engine.leave(ms) }),
    wake: (laneId, inMs) => engine.wake(laneId, inMs),
    hear: (laneId) => engine.hear(laneId),
    adopt: () => engine.resize(concurrency()),
    degraded: () => degradedOf(link, engine.mode !== 'local' && engine.stats().mode === 'local'),
  };
  return { part, tell: () => ({ mode: engine.mode, rescued: engine.rescued }) };
}

/** `isFallback`: the store does what Redis was to do. */
function degradedOf(link: Link, isFallback: boolean): string[] {
  const isVolatile = (link.durability?.warnings.length ?? 0) > 0;
  return [...(isFallback ? ['redis_engine'] : []), ...(isVolatile ? ['redis_durability'] : [])];
}

/** In a process without work a wake-up that does not get through is left to the store's own hints, and to the sweepers of those that work. */
async function wakingThrough(house: House, link: Link): Promise<Half> {
  const { WakeQueue } = await import('../engines/bullmq/index.ts');
  const wakes = new WakeQueue({ link, clock: house.clock, telemetry: house.telemetry, lost: () => {} });
  let mode: EngineMode = DEFAULT_MODE;
  const part: Engines = {
    engine: null,
    redis: redisPart(house, link, { mode: () => mode, steer: async (next) => void (mode = next), leave: async () => {} }),
    wake: (laneId, inMs = 0) => void (mode !== 'local' && wakes.add({ laneId, inMs, replaces: inMs <= 0 })),
    hear: () => {},
    adopt: () => {},
    degraded: () => degradedOf(link, mode !== 'local' && !link.session),
  };
  return { part, tell: () => ({ mode, rescued: 0 }) };
}

/** Where Redis is configured it is used, until operators decide otherwise. */
const DEFAULT_MODE: EngineMode = 'bullmq';

interface Steering {
  mode(): EngineMode;
  steer(mode: EngineMode): Promise<void>;
  leave(deadlineMs: number): Promise<void>;
}

function redisPart({ store }: House, link: Link, { mode, steer, leave }: Steering): RedisPart {
  const follow = createFollowEngineMode({ controls: store.controls, steer }, { intervalMs: FOLLOW_MS, fallback: DEFAULT_MODE });
  const watch: EngineWatch = {
    mode,
    follow: async () => steer((await store.controls.engineMode()) ?? DEFAULT_MODE),
    wakeups: async () => (await link.session?.counts()) ?? null,
    processes: () => link.processes(),
    warnings: () => link.durability?.warnings ?? [],
  };
  return { link, follow, watch, leave };
}
