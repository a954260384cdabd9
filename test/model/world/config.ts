import type { Mutation } from './mutants.ts';
import type { World } from './world.ts';

/** Something that happens from outside, at its time or, as a deviation, before any call to the store. */
export interface Event {
  name: string;
  at: number;
  /** It can only happen when this holds. */
  when?: (world: World) => boolean;
  fire(world: World): void;
}

/** One set of circumstances. */
export interface Config {
  events: Event[];
  /** How the channel resolves an ambiguous send. */
  capability: 'key' | 'readback' | 'none';
  policy?: 'prefer_silence' | 'prefer_duplicate';
  parts?: number;
  strategy?: 'coalesce' | 'queue';
  processes?: number;
  /** Lanes that a process drains at once. */
  slots?: number;
  orgCap?: number;
  slowModel?: boolean;
  /** How long a burst may pause, ms. */
  debounceMs?: number;
  retryAfterMs?: number;
  restartMs?: number;
  /** Messages that make the responder fail, or kill the process that answers or sends them. */
  poison?: Record<string, 'fail' | 'crash' | 'send'>;
  /** A process may be told to stop while the responder runs. */
  term?: boolean;
  /** Whoever wants to ask or send may be put back. */
  gates?: boolean;
  without?: ('crash' | 'freeze' | 'store' | 'model' | 'net' | 'wake')[];
  net?: string[];
  faultUntil?: number;
  /** Open messages must end this soon after a takeover, ms. */
  handoffWithinMs?: number;
  mutation?: Mutation;
}
