import type { LaneId } from '../../domain/ids.ts';
import type { LaneCounts, Lanes } from '../../ports/lanes.ts';
import type { Commands } from '../commands.ts';
import type { Context } from './context.ts';

export function laneCommands(ctx: Context): Commands<Lanes> {
  return {
    counts: () => ({ ...ctx.q.one<LaneCounts>('laneCounts', ctx.now()) }) as LaneCounts,
    ready: (limit) => ctx.q.all<{ id: LaneId }>('lanesReady', ctx.now(), limit).map(({ id }) => id),
    due: (lane) => {
      const row = ctx.q.one<{ at: number; leased: number }>('laneDue', lane);
      if (!row) return null;
      const inMs = Math.max(0, row.at - ctx.now());
      return { inMs, held: row.leased === 1 && inMs > 0 };
    },
  };
}
