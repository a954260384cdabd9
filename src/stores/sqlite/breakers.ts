import type { BreakerBoard } from '../../ports/breaker-board.ts';
import type { Commands } from '../commands.ts';
import type { Context } from './context.ts';

interface BreakerRow {
  name: string;
  until: number;
  opened: number;
}

export function breakerCommands(ctx: Context): Commands<BreakerBoard> {
  return {
    list: () => ctx.q.all<BreakerRow>('openBreakers').map(({ name, until, opened }) => ({ name, opened, leftMs: until - ctx.now() })),
    open: (name, { forMs, opened }) => void ctx.q.run('openBreaker', name, ctx.now() + forMs, opened),
    close: (name) => void ctx.q.run('closeBreaker', name),
    probe(name, forMs) {
      if (!ctx.q.one('breakerNamed', name)) return 'closed';
      return ctx.q.run('probeBreaker', name, ctx.now(), ctx.now() + forMs) > 0 ? 'yours' : 'no';
    },
  };
}
