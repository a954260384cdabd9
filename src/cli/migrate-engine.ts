import { Command, Option } from 'commander';
import { AppError } from '../domain/errors.ts';
import type { EngineView } from '../operate/index.ts';
import type { EngineMode } from '../ports/controls.ts';
import type { CliDeps } from './cli-deps.ts';
import { addRemoteOptions, adminApiOf } from './remote/admin-api.ts';
import type { AdminApi } from './remote/admin-api.ts';
import { systemTerminal } from './remote/terminal.ts';
import type { Terminal } from './remote/terminal.ts';

const MODES = ['local', 'both', 'bullmq'] as const satisfies EngineMode[];
/** How often the state is asked for while waiting, ms, and for how long. */
const ASK_MS = 1_000;
const PATIENCE_MS = 60_000;

/** What each stage means, and the way on and back. */
const STAGES: Record<EngineMode, string[]> = {
  local: ['local: wake-ups come from the store alone; Redis is not needed and may go.', 'Next: chasqui migrate-engine --to both'],
  both: [
    'both: wake-ups go to Redis and come from it, and every process looks in the store all the same. Nothing depends on Redis yet.',
    'Next, when the gap below stays near 0: chasqui migrate-engine --to bullmq',
    'Back: chasqui migrate-engine --to local',
  ],
  bullmq: [
    'bullmq: wake-ups come from Redis; the sweepers make up for those that are lost.',
    'Back: chasqui migrate-engine --to both, or straight to local. Nothing is lost either way: the store is the truth.',
  ],
};

/** What is there, for people. */
export function describeEngine(view: EngineView): string[] {
  const { decided, mode, lanes, wakeups, processes, rescuedLastMinute, gap, oldestWaitingMs, warnings } = view;
  const told = processes?.map((each) => `${each.role} ${each.process}: ${each.mode}`) ?? ['unknown: Redis does not serve, or is not configured here'];
  return [
    `engine      ${decided ?? `${mode} (by the settings)`}`,
    `processes   ${told.join('; ')}`,
    `lanes       ${lanes.ready} ready, ${lanes.held} in hand, ${lanes.parked} waiting for their time; the oldest job waits for ${Math.round(oldestWaitingMs)} ms`,
    `wake-ups    ${wakeups ? `${wakeups.waiting} waiting, ${wakeups.active} in hand, ${wakeups.delayed} for later` : 'unknown'}`,
    `gap         ${gap === null ? 'unknown' : `${gap} ready lanes without a wake-up`}; ${rescuedLastMinute ?? 'unknown'} made up for by sweepers in the last minute`,
    ...warnings.map((warning) => `warning     ${warning}`),
  ];
}

async function settle(api: AdminApi, { print }: CliDeps, clock: Terminal['clock']): Promise<void> {
  const endsAt = clock.monotonic() + PATIENCE_MS;
  for (;;) {
    const view = await api.get<EngineView>('/v1/engine');
    if (view.settled && (view.gap ?? 0) === 0) {
      for (const line of describeEngine(view)) print(line);
      return;
    }
    if (clock.monotonic() >= endsAt) {
      for (const line of describeEngine(view)) print(line);
      throw new AppError('not_settled', `not every process has followed within ${PATIENCE_MS / 1000} s, or lanes wait without a wake-up. Nothing is lost; look again: chasqui migrate-engine`);
    }
    await clock.sleep(ASK_MS);
  }
}

interface Options {
  to?: EngineMode;
  wait?: boolean;
  force?: boolean;
  json?: boolean;
}

async function move(api: AdminApi, deps: CliDeps, given: Options & { to: EngineMode; terminal: Terminal }): Promise<void> {
  const { to, force = false } = given;
  const { from } = await api.send<{ from: EngineMode }>('POST', '/v1/engine', { mode: to, force });
  deps.print(from === to ? `the engine is ${to} already` : `moved from ${from} to ${to}; every process follows within a few seconds`);
  for (const line of STAGES[to]) deps.print(line);
  if (given.wait) await settle(api, deps, given.terminal.clock);
  else for (const line of describeEngine(await api.get<EngineView>('/v1/engine'))) deps.print(line);
}

/** `chasqui migrate-engine [--to local|both|bullmq] [--wait]`: where the wake-ups of a running system come from, and moving that without a stop. */
export function migrateEngineCommand(deps: CliDeps, terminal: Terminal = systemTerminal): Command {
  const command = new Command('migrate-engine')
    .description('where wake-ups come from, in all processes of a running Chasqui; --to moves it, step by step, without a stop')
    .addOption(new Option('--to <engine>', 'the engine to move to').choices(MODES))
    .option('--wait', 'until every process has followed and no ready lane is without a wake-up, 60 s at the most')
    .option('--force', 'from local to bullmq without the step between')
    .option('--json', 'the state as JSON');
  return addRemoteOptions(command).action(async () => {
    const { to, ...options } = command.opts<Options>();
    const api = await adminApiOf(command, terminal);
    if (to !== undefined) return move(api, deps, { ...options, to, terminal });
    const view = await api.get<EngineView>('/v1/engine');
    for (const line of options.json ? [JSON.stringify(view, null, 2)] : describeEngine(view)) deps.print(line);
  });
}
