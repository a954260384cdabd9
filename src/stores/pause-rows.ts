import type { Pause, PauseTarget } from '../ports/controls.ts';

/** A pause as the stores keep it: `id` is empty for everything. */
export interface PauseRow {
  scope: PauseTarget['scope'];
  id: string;
  since: number;
}

export function pausedId(target: PauseTarget): string {
  switch (target.scope) {
    case 'all':
      return '';
    case 'org':
      return target.orgId;
    case 'channel':
      return target.channelId;
  }
}

function targetOf({ scope, id }: PauseRow): PauseTarget {
  const targets = { all: { scope: 'all' }, org: { scope: 'org', orgId: id }, channel: { scope: 'channel', channelId: id } };
  return targets[scope] as PauseTarget;
}

export const pauseOf = (row: PauseRow): Pause => ({ target: targetOf(row), since: row.since });
