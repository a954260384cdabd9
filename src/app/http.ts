import { explainConfig, readVersion } from '../config/index.ts';
import { createHttp } from '../http/index.ts';
import type { Configuration, Http, HttpSettings, Lifecycle as LifeView, PlaygroundFeed } from '../http/index.ts';
import type { Operate } from '../operate/index.ts';
import type { Intake } from '../ports/intake.ts';
import type { Engines } from './engines.ts';
import type { House } from './house.ts';
import type { Lifecycle } from './lifecycle.ts';
import { takesWebhooks } from './mode.ts';
import type { Reload } from './reload.ts';

/** What stands behind the HTTP surface. */
export interface Rooms {
  intake: Intake;
  operate: Operate;
  lifecycle: Lifecycle;
  reload: Reload;
  engines: Engines;
}

/** A worker serves its probes when it is told where. */
export const servesHttp = ({ mode, config }: House): boolean => takesWebhooks(mode) || config.settings.workerPort !== undefined;

function lifeView({ breakers, limits }: House, { lifecycle, reload, engines }: Rooms): LifeView {
  return {
    phase: () => lifecycle.phase(),
    get initialized() { return lifecycle.initialized; },
    handlers: lifecycle.handlers,
    degraded: () => [...(reload.refusal() === null ? [] : ['settings_refused']), ...engines.degraded(), ...limits.degraded()],
    breakers: () => breakers.list(),
  };
}

function configurationOf({ live }: House, { reload }: Rooms): Configuration {
  return {
    view: () => ({ file: live.config.file, needsRestart: reload.needsRestart(), refused: reload.refusal(), settings: explainConfig(live.config) }),
    reload: () => reload.now('request'),
  };
}

function settingsOf({ mode, config, live, connections }: House): HttpSettings {
  const { host, port, workerPort, adminToken, nodeEnv } = config.settings;
  return {
    surface: takesWebhooks(mode) ? 'all' : 'probes',
    host,
    port: takesWebhooks(mode) ? port : (workerPort ?? 0),
    adminToken: adminToken ?? null,
    production: nodeEnv === 'production',
    version: readVersion(),
    get useAsyncWebhook() { return live.settings.useAsyncWebhook; },
    get answerDeadlineMs() { return live.settings.workerProcessingTimeoutMs; },
    get playgroundPublic() { return connections.playground?.public ?? false; },
  };
}

/** Of the playground that is connected when it is asked: a reload may have made another one. */
function feedOf(connections: House['connections']): PlaygroundFeed {
  return {
    transcript: (conversation) => connections.playground?.hub.transcript(conversation) ?? [],
    subscribe: (conversation, listener) => connections.playground?.hub.subscribe(conversation, listener) ?? (() => undefined),
  };
}

/** The HTTP surface of this process: everything, or a worker's probes. */
export function buildHttp(house: House, rooms: Rooms): Promise<Http> {
  const { store, clock, telemetry, connections, endings } = house;
  const { intake, operate } = rooms;
  return createHttp(
    {
      intake,
      operate,
      store,
      clock,
      telemetry,
      channels: connections.directory,
      lifecycle: lifeView(house, rooms),
      configuration: configurationOf(house, rooms),
      metrics: telemetry.meter,
      playground: connections.playground && feedOf(connections),
      events: house.events,
      answered: (ids, signal) => endings.wait(ids, signal),
    },
    settingsOf(house),
  );
}
