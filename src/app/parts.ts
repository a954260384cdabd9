import type { ConfigSource } from '../config/index.ts';
import type { Rests } from './breaker.ts';
import type { AppMode } from './mode.ts';
import type { Clock, Random } from '../domain/clock.ts';
import type { Channel } from '../ports/channel.ts';
import type { Machine } from '../ports/machine.ts';
import type { Responder } from '../ports/responder.ts';
import type { Store } from '../ports/store.ts';
import type { Log } from '../ports/telemetry.ts';

/** What tests, chaos runs and benches put in the place of a part, or around it. */
export interface Parts {
  store?(store: Store): Store;
  channel?(channel: Channel): Channel;
  responder?(responder: Responder): Responder;
  /** With a clock of its own the store runs in this thread, so that both have the same time. */
  clock?: Clock;
  random?: Random;
  log?: Log;
  machine?: Machine;
  /** How long open breakers rest, instead of 5 s to 60 s. */
  rests?: Rests;
  /** Instead of `APP_MODE`. */
  role?: AppMode;
  /** Where the configuration can be read again. Without it a reload finds nothing new. */
  source?: ConfigSource;
}
