import { closeSync, openSync } from 'node:fs';
import { isLaunched, readVersion } from '../config/index.ts';
import type { ConfigSource, Settings } from '../config/index.ts';
import { systemClock } from '../domain/clock.ts';
import { bannerText, logStart } from './banner.ts';
import { buildApp } from './build.ts';
import { redisAddress } from './engines.ts';
import { listenToSignals } from './signals.ts';

/** From the terminal, from npm and from its launcher: one Ctrl-C has arrived from all of them within this time. */
const SAME_SIGNAL_MS = 500;

/** A terminal that has gone can no longer be opened under its name (https://man7.org/linux/man-pages/man4/tty.4.html). */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

/** As configured: whether Redis serves is told by the log, as it changes. */
const engineName = (settings: Settings): string => (redisAddress(settings) ? 'bullmq on Redis, local while it does not serve' : 'local');

/** Runs Chasqui in this process until a signal stops it. Resolves when it serves. */
export async function runApp(source: ConfigSource): Promise<void> {
  const { config } = source;
  const app = await buildApp(config, { source });
  const hadTerminal = process.stdin.isTTY || process.stdout.isTTY;
  listenToSignals(process, {
    stop: app.stop,
    sameWithinMs: isLaunched() ? SAME_SIGNAL_MS : 0,
    clock: systemClock,
    isTerminalGone: () => hadTerminal && !hasTerminal(),
    reload: () => void app.reload.now('SIGHUP'),
  });
  const address = await app.start();
  const started = {
    version: readVersion(),
    address,
    mode: app.mode,
    store: app.store.kind,
    engine: app.engine ? engineName(config.settings) : 'none',
    concurrency: app.engine?.stats().concurrency ?? 0,
    handlers: app.lifecycle.handlers.map(({ name, priority }) => ({ name, priority })),
  };
  process.stdout.write(bannerText(config, started));
  logStart(app.log, config, started);
}
