import { isLaunched, readVersion } from '../config/index.ts';
import type { Config } from '../config/index.ts';
import { systemClock } from '../domain/clock.ts';
import { bannerText, logStart } from './banner.ts';
import { buildApp } from './build.ts';
import { stopOnSignals } from './signals.ts';

/** From the terminal, from npm and from its launcher: one Ctrl-C has arrived from all of them within this time. */
const SAME_SIGNAL_MS = 500;

/** Runs Chasqui in this process until a signal stops it. Resolves when it serves. */
export async function runApp(config: Config): Promise<void> {
  const app = await buildApp(config);
  stopOnSignals(process, { stop: app.stop, sameWithinMs: isLaunched() ? SAME_SIGNAL_MS : 0, clock: systemClock });
  const address = await app.start();
  const started = {
    version: readVersion(),
    address,
    mode: app.mode,
    store: app.store.kind,
    engine: app.engine?.stats().mode ?? 'none',
    concurrency: app.engine?.stats().concurrency ?? 0,
    handlers: app.lifecycle.handlers.map(({ name, priority }) => ({ name, priority })),
  };
  process.stdout.write(bannerText(config, started));
  logStart(app.log, config, started);
}
