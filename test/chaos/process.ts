/**
 * One life of a Chasqui process under chaos: the real composition root on real ports, with failpoints around its parts. The runner gives
 * the settings by environment and the faults in `CHAOS_LIFE`; a line `heal` on stdin ends the faults.
 */
import { createInterface } from 'node:readline';
import { buildApp } from '../../src/app/index.ts';
import type { Parts } from '../../src/app/index.ts';
import { resolveConfig } from '../../src/config/index.ts';
import { Failpoints, tell } from './failpoints.ts';
import { faultyParts } from './faulty-parts.ts';
import type { Failpoint } from './plan.ts';
import { plantedParts } from './planted.ts';
import type { PlantedBug } from './planted.ts';

/** What one life is told. */
export interface Life {
  failpoints: Failpoint[];
  planted: PlantedBug | null;
  catchUp: boolean;
}

/** Long replies leave in several parts. */
const PART_LENGTH = 600;

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
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'heal') points.heal();
});
tell(`ready ${await app.start()}`);
