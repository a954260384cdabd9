import { describe, expect, it } from 'vitest';
import { createLifecycle } from '../../src/app/lifecycle.ts';
import { listenToSignals } from '../../src/app/signals.ts';
import { createSupervisor } from '../../src/app/supervisor.ts';
import type { Log } from '../../src/ports/telemetry.ts';
import { manualClock } from '../support/manual-clock.ts';

interface Line {
  level: string;
  fields: Record<string, unknown>;
  message: string;
}

function recordingLog(): { log: Log; lines: Line[] } {
  const lines: Line[] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, fields: fields as Record<string, unknown>, message });
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log };
  return { log, lines };
}

const TIMES = { drainDelayMs: 0, timeoutMs: 1000 };

describe('the ordered stop', () => {
  it('calls the handlers by priority and logs name and duration of each', async () => {
    const clock = manualClock();
    const { log, lines } = recordingLog();
    const lifecycle = createLifecycle({ clock, log });
    const called: string[] = [];
    for (const [name, priority] of [['store', 0], ['localQueue', 10], ['http', 1]] as const) {
      lifecycle.add({ name, priority, stop: async () => void called.push(`${name}:${lifecycle.phase()}`) });
    }
    expect(await lifecycle.stop(TIMES)).toBe('clean');
    expect(called).toEqual(['localQueue:draining', 'http:draining', 'store:draining']);
    const stopped = lines.filter(({ fields }) => 'name' in fields);
    expect(stopped.map(({ fields }) => fields.name)).toEqual(['localQueue', 'http', 'store']);
    for (const { fields, message } of stopped) {
      expect(fields.durationMs).toBe(0);
      expect(message).toContain('[RESILIENCE]');
    }
  });

  it('says draining at once, and stops nothing before the delay is over', async () => {
    const clock = manualClock();
    const lifecycle = createLifecycle({ clock, log: recordingLog().log });
    let stopped = false;
    lifecycle.add({ name: 'http', priority: 1, stop: async () => void (stopped = true) });
    lifecycle.ready();
    expect(lifecycle.phase()).toBe('ready');
    const stopping = lifecycle.stop({ drainDelayMs: 500, timeoutMs: 1000 });
    expect(lifecycle.phase()).toBe('draining');
    await clock.advance(499);
    expect(stopped).toBe(false);
    await clock.advance(1);
    await stopping;
    expect(stopped).toBe(true);
  });

  it('goes on within its time when a handler hangs or fails', async () => {
    const clock = manualClock();
    const { log, lines } = recordingLog();
    const lifecycle = createLifecycle({ clock, log });
    let closedAt = -1;
    lifecycle.add({ name: 'localQueue', priority: 10, stop: () => new Promise(() => {}) });
    lifecycle.add({ name: 'http', priority: 1, stop: () => Promise.reject(new Error('broken')) });
    lifecycle.add({ name: 'store', priority: 0, stop: async () => void (closedAt = clock.monotonic()) });
    const stopping = lifecycle.stop(TIMES);
    await clock.advance(1000);
    expect(await stopping).toBe('forced');
    expect(closedAt).toBeGreaterThan(0);
    expect(closedAt).toBeLessThan(1000);
    expect(lines.filter(({ level }) => level === 'error').map(({ fields }) => fields.name)).toEqual(['localQueue', 'http']);
  });

  it('asked for again, stops once', async () => {
    const lifecycle = createLifecycle({ clock: manualClock(), log: recordingLog().log });
    let times = 0;
    lifecycle.add({ name: 'store', priority: 0, stop: async () => void (times += 1) });
    await Promise.all([lifecycle.stop(TIMES), lifecycle.stop(TIMES)]);
    expect(times).toBe(1);
  });
});

describe('signals', () => {
  function source() {
    const listeners = new Map<string, () => void>();
    const exits: number[] = [];
    const on = (signal: string, listener: (signal: NodeJS.Signals) => void): void => void listeners.set(signal, () => listener(signal as NodeJS.Signals));
    return { on, exit: (code: number) => void exits.push(code), exits, send: (signal: string) => listeners.get(signal)?.() };
  }
  const never = { stop: () => new Promise<never>(() => {}), sameWithinMs: 0, isTerminalGone: () => false, reload: () => {} };

  it('exit with 0 after a clean stop and 1 after a forced one', async () => {
    for (const [result, code] of [['clean', 0], ['forced', 1]] as const) {
      const process = source();
      const stopped = Promise.resolve(result);
      listenToSignals(process, { ...never, stop: () => stopped, clock: manualClock() });
      process.send('SIGTERM');
      await stopped;
      expect(process.exits).toEqual([code]);
    }
  });

  it('asked twice, exits at once with 1', () => {
    const process = source();
    listenToSignals(process, { ...never, clock: manualClock() });
    process.send('SIGTERM');
    expect(process.exits).toEqual([]);
    process.send('SIGINT');
    expect(process.exits).toEqual([1]);
  });

  it('one Ctrl-C that arrives over several ways is one request', async () => {
    const process = source();
    const clock = manualClock();
    listenToSignals(process, { ...never, sameWithinMs: 500, clock });
    process.send('SIGINT');
    await clock.advance(499);
    process.send('SIGINT');
    expect(process.exits).toEqual([]);
    await clock.advance(1);
    process.send('SIGINT');
    expect(process.exits).toEqual([1]);
  });

  it('SIGHUP reads the settings again, and stops when it tells that the terminal has gone', () => {
    const process = source();
    const calls: string[] = [];
    let isGone = false;
    const stop = () => (calls.push('stop'), new Promise<never>(() => {}));
    listenToSignals(process, { ...never, stop, isTerminalGone: () => isGone, reload: () => void calls.push('reload'), clock: manualClock() });
    process.send('SIGHUP');
    process.send('SIGHUP');
    expect(calls).toEqual(['reload', 'reload']);
    isGone = true;
    process.send('SIGHUP');
    expect([calls, process.exits]).toEqual([['reload', 'reload', 'stop'], []]);
  });
});

describe('the supervisor', () => {
  it('runs rounds an interval apart, also after one that failed', async () => {
    const clock = manualClock();
    const { log, lines } = recordingLog();
    const supervisor = createSupervisor({ clock, log });
    let rounds = 0;
    const runOnce = async (): Promise<void> => {
      rounds += 1;
      if (rounds === 1) throw new Error('first round broke');
    };
    await supervisor.run({ name: 'sweep', intervalMs: 100, runOnce });
    expect([rounds, lines.length]).toEqual([1, 1]);
    await clock.advance(99);
    expect(rounds).toBe(1);
    await clock.advance(1);
    expect(rounds).toBe(2);
    await clock.advance(100);
    expect(rounds).toBe(3);
    await supervisor.stop();
    await clock.advance(1000);
    expect(rounds).toBe(3);
  });

  it('aborts the round in progress when it stops, and waits for its end', async () => {
    const supervisor = createSupervisor({ clock: manualClock(), log: recordingLog().log });
    let ended = false;
    const first = supervisor.run({
      name: 'reconcile',
      intervalMs: 100,
      runOnce: async (signal) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        ended = true;
      },
    });
    await supervisor.stop();
    await first;
    expect(ended).toBe(true);
  });
});
