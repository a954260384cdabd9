import type { Controls, EngineMode } from '../../ports/controls.ts';
import type { Commands } from '../commands.ts';
import { pausedId, pauseOf, type PauseRow } from '../pause-rows.ts';
import type { Context } from './context.ts';

/** What claims may not take now. */
export interface Paused {
  all: boolean;
  orgs: ReadonlySet<string>;
  channels: ReadonlySet<string>;
}

export function readPaused(ctx: Context): Paused {
  const rows = ctx.q.all<PauseRow>('pauses');
  const ids = (scope: PauseRow['scope']) => new Set(rows.filter((row) => row.scope === scope).map((row) => row.id));
  return { all: rows.some((row) => row.scope === 'all'), orgs: ids('org'), channels: ids('channel') };
}

export function controlCommands(ctx: Context): Commands<Controls> {
  return {
    pause: (target) => ctx.q.run('pause', target.scope, pausedId(target), ctx.now()) > 0,
    resume: (target) => ctx.q.run('resume', target.scope, pausedId(target)) > 0,
    pauses: () => ctx.q.all<PauseRow>('pauses').map(pauseOf),
    engineMode: () => ctx.q.one<{ value: EngineMode }>('readControl', 'engine_mode')?.value ?? null,
    setEngineMode: (mode) => void ctx.q.run('writeControl', 'engine_mode', mode),
  };
}
