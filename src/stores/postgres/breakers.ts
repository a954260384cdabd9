import type { BreakerBoard, OpenBreaker, ProbeAnswer } from '../../ports/breaker-board.ts';
import { statement, type Command } from './command.ts';
import { whole } from './mailbox.ts';

export const breakerCommands: Record<keyof BreakerBoard, Command> = {
  list: statement<BreakerBoard['list'], OpenBreaker>({ name: 'openBreakers', values: (at) => [at], decode: ({ rows }) => rows }),
  open: statement<BreakerBoard['open']>({ name: 'openBreaker', values: (at, name, { forMs, opened }) => [at, name, whole(forMs), opened] }),
  close: statement<BreakerBoard['close']>({ name: 'closeBreaker', values: (_at, name) => [name] }),
  probe: statement<BreakerBoard['probe'], { answer: ProbeAnswer }>({
    name: 'probeBreaker', values: (at, name, forMs) => [at, name, whole(forMs)], decode: ({ rows }) => rows[0]?.answer ?? 'no', repeatable: false,
  }),
};
