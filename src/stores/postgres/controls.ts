import type { Controls, EngineMode } from '../../ports/controls.ts';
import { pausedId, pauseOf, type PauseRow } from '../pause-rows.ts';
import { statement, type Command } from './command.ts';

export const controlCommands: Record<keyof Controls, Command> = {
  pause: statement<Controls['pause']>({
    name: 'pause', values: (at, target) => [at, target.scope, pausedId(target)], decode: ({ rowCount }) => (rowCount ?? 0) > 0, repeatable: false,
  }),
  resume: statement<Controls['resume']>({
    name: 'resume', values: (_at, target) => [target.scope, pausedId(target)], decode: ({ rowCount }) => (rowCount ?? 0) > 0, repeatable: false,
  }),
  pauses: statement<Controls['pauses'], PauseRow>({ name: 'pauses', values: () => [], decode: ({ rows }) => rows.map(pauseOf) }),
  engineMode: statement<Controls['engineMode'], { value: EngineMode }>({
    name: 'readControl', values: () => ['engine_mode'], decode: ({ rows }) => rows[0]?.value ?? null,
  }),
  setEngineMode: statement<Controls['setEngineMode']>({ name: 'writeControl', values: (_at, mode) => ['engine_mode', mode] }),
};
