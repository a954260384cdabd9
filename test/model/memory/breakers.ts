import type { BreakerBoard } from '../../../src/ports/breaker-board.ts';
import type { Commands } from '../../../src/stores/commands.ts';
import type { State } from './state.ts';

/** What processes tell one another about breakers. */
export function breakers(state: State): Commands<BreakerBoard> {
  return {
    list: () => [...state.breakers].map(([name, { until, opened }]) => ({ name, opened, leftMs: until - state.clock.now() })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    open: (name, { forMs, opened }) => void state.breakers.set(name, { until: state.clock.now() + forMs, opened, probeUntil: 0 }),
    close: (name) => void state.breakers.delete(name),
    probe: (name, forMs) => {
      const now = state.clock.now();
      const row = state.breakers.get(name);
      if (!row) return 'closed';
      if (row.until > now || (row.probeUntil > now && row.probeUntil <= now + forMs)) return 'no';
      state.breakers.set(name, { ...row, probeUntil: now + forMs });
      return 'yours';
    },
  };
}
