/**
 * One life of a Chasqui process under chaos: the real composition root on real ports, with failpoints around its parts. The runner gives
 * the settings by environment and the faults in `CHAOS_LIFE`; a line `heal` on stdin ends the faults.
 */
import { createInterface } from 'node:readline';
import { buildApp } from '../../src/app/index.ts';
import type { Parts } from '../../src/app/index.ts';
import { resolveConfig } from '../../src/config/index.ts';
import { Failpoints, block, tell } from './failpoints.ts';
import { faultyParts } from './faulty-parts.ts';
import type { Failpoint } from './plan.ts';
import { plantedParts } from './planted.ts';
import type { PlantedBug } from './planted.ts';

/** What one life is told. */
export interface Life {
  failpoints: Failpoint[];
  planted: PlantedBug | null;
  catchUp: boolean;
  /** How long open circuit breakers rest; null: as by default. No setting scales it down. */
  rests: { firstMs: number; lastMs: number } | null;
}

/** Long replies leave in several parts. */
const PART_LENGTH = 600;

/** How often it is looked at what there is to tell, ms. */
const TELL_MS = 250;

const env = process.env;
const life = JSON.parse(env.CHAOS_LIFE ?? '{}') as Life;
const points = new Failpoints(life.failpoints);

function partsOf(): Parts {
  const faulty = faultyParts(points);
  const planted = life.planted ? plantedParts(life.planted) : {};
  const channel: Parts['channel'] = (real) => {
    const asked = life.catchUp ? real : { ...real, active: undefined, examine: undefined };
    const bad = planted.channel?.(asked) ?? asked;
    return faulty.channel(bad);
  };
  return {
    ...(life.rests && { rests: life.rests }),
    channel,
    store: (real) => planted.store?.(faulty.store(real)) ?? faulty.store(real),
    responder: (real) => planted.responder?.(faulty.responder(real)) ?? faulty.responder(real),
  };
}

const file = {
  name: 'chaos',
  value: {
    orgs: [
      {
        id: 'chaos',
        channels: [
          {
            kind: 'chatwoot',
            id: 'chatwoot',
            baseUrl: env.SIM_BASE_URL,
            accountId: env.SIM_ACCOUNT_ID,
            apiToken: env.SIM_API_TOKEN,
            readToken: env.SIM_READ_TOKEN,
            webhookSecret: env.SIM_WEBHOOK_SECRET,
            maxPartLength: PART_LENGTH,
          },
        ],
      },
    ],
  },
};

const app = await buildApp(resolveConfig({ env, file }), partsOf());
process.once('SIGTERM', () => {
  void app.stop().then((result) => process.exit(result === 'clean' ? 0 : 3));
});
const runner = createInterface({ input: process.stdin });
runner.on('line', (line) => {
  const [word, ms = '0'] = line.split(' ');
  if (word === 'heal') points.heal();
  if (word !== 'block') return;
  tell(`fault block outside ${ms}`);
  block(Number(ms));
});
// Nobody is left to stop it.
runner.on('close', () => process.kill(process.pid, 'SIGKILL'));

/** Counters and gauges that the runner wants, by what they are told as. */
const WATCHED = { rescued: /^rescued_wakeups_total(?:\{.*\})? (\d+)/m, degraded: /^(?:breaker_open|degraded_mode)\{name="redis(?:_engine)?"\} (1)/m };
const last = new Map<string, string>();

/** Told as it changes, because whoever is killed cannot be asked. */
async function tellMetrics(): Promise<void> {
  const text = await app.metrics.text();
  for (const [name, pattern] of Object.entries(WATCHED)) {
    const [, value = '0'] = pattern.exec(text) ?? [];
    if (value !== (last.get(name) ?? '0')) tell(`${name} ${value}`);
    last.set(name, value);
  }
}
setInterval(() => void tellMetrics(), TELL_MS).unref();
tell(`ready ${await app.start()}`);
