import type { Config } from '../config/index.ts';
import type { Log } from '../ports/telemetry.ts';

/** What the start tells. */
export interface Started {
  version: string;
  /** To open in a browser; null in a process without HTTP. */
  address: string | null;
  mode: string;
  store: string;
  engine: string;
  concurrency: number;
  handlers: readonly { name: string; priority: number }[];
}

const row = (name: string, value: string): string => `  ${name.padEnd(12)} ${value}`;

/** The banner: for people. The same as lines of the log: {@link logStart}. */
export function bannerText(config: Config, started: Started): string {
  const channels = config.orgs.flatMap((org) => org.channels.map(({ id, connection, responder }) => `${org.id}/${id} (${connection.kind}, answers: ${responder.kind})`));
  return [
    '',
    `  Chasqui ${started.version}`,
    '',
    row('open', started.address ?? '-'),
    row('environment', `${config.settings.nodeEnv}, mode ${started.mode}, config ${config.file ?? 'from the environment'}`),
    row('store', started.store === 'sqlite' ? `sqlite in ${config.settings.dataDir}` : started.store),
    row('engine', started.engine),
    ...channels.map((text, index) => row(index === 0 ? 'channels' : '', text)),
    '',
    '  RESILIENCE',
    row('queue', `${config.settings.queueName}, concurrency ${started.concurrency}, dead letters in ${config.settings.dlqName}`),
    row('shutdown', started.handlers.map(({ name, priority }) => `${name} (${priority})`).join(' > ')),
    '',
    '',
  ].join('\n');
}

/** One line each, tagged, for those who search the log. */
export function logStart(log: Log, config: Config, started: Started): void {
  const { version, address, mode, store, engine, concurrency, handlers } = started;
  log.info({ version, address, mode, environment: config.settings.nodeEnv }, '[RESILIENCE] started');
  log.info({ store, engine, concurrency }, '[RESILIENCE] queue');
  log.info({ shutdownHandlers: handlers }, '[RESILIENCE] shutdown handlers');
  for (const notice of config.notices) log.warn({}, notice);
}
