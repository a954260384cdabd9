import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Life } from './process.ts';

const PROGRAM = fileURLToPath(new URL('./process.ts', import.meta.url));

/** A process that was told to stop and has not after this, ms, hangs: SHUTDOWN_TIMEOUT_MS is far less. */
const DEPLOY_MS = 15_000;
const AWAKE_MS = 2000;

/** A line of the process about a fault it did to itself. */
export interface Told {
  action: string;
  point: string;
  ms: number;
}

/** How a process ended. */
export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** One life of Chasqui, as the runner sees it. */
export class Child {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  readonly ready: Promise<boolean>;
  /** The last of what it logged. */
  log = '';
  /** Wake-ups that its sweeper found lost, as last told. */
  rescued = 0;
  /** It does without Redis, which it was told to use, as last told. */
  isDegraded = false;
  /** A message killed it. */
  isPoisoned = false;
  #isEnded = false;

  constructor(env: Record<string, string>, life: Life, told: (told: Told) => void) {
    this.#process = spawn(process.execPath, ['--no-warnings', PROGRAM], { env: { ...env, CHAOS_LIFE: JSON.stringify(life) } });
    const ready = Promise.withResolvers<boolean>();
    this.ready = ready.promise;
    this.#process.stdin.on('error', () => undefined);
    this.#process.stderr.on('data', (chunk: Buffer) => this.#keep(chunk.toString()));
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      const [word, action = '', point = '', ms = '0'] = line.split(' ');
      if (word === 'ready') ready.resolve(true);
      else if (word === 'fault') this.#fault({ action, point, ms: Number(ms) }, told);
      else if (word === 'rescued') this.rescued = Number(action);
      else if (word === 'degraded') this.isDegraded = action === '1';
      else this.#keep(`${line}\n`);
    });
    this.ended = once(this.#process, 'exit').then(([code, signal]) => {
      this.#isEnded = true;
      ready.resolve(false);
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  #fault(fault: Told, told: (told: Told) => void): void {
    if (fault.point === 'poison') this.isPoisoned = true;
    told(fault);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  #keep(text: string): void {
    this.log = (this.log + text).slice(-20_000);
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void {
    if (!this.#isEnded) this.#process.kill(name);
  }

  heal(): void {
    this.#say('heal');
  }

  /** Keeps its event loop busy for `ms`; it tells of it when it begins. */
  block(ms: number): void {
    this.#say(`block ${ms}`);
  }

  #say(line: string): void {
    if (!this.#isEnded) this.#process.stdin.write(`${line}\n`);
  }

  /** Asks it to stop. False: it did not within its time, and was killed. */
  async stop(): Promise<boolean> {
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    let isLate = false;
    // It may stop itself at a failpoint on its way.
    const awake = setInterval(() => this.signal('SIGCONT'), AWAKE_MS);
    const late = setTimeout(() => {
      isLate = true;
      this.#keep(stateOf(this.#process.pid));
      this.signal('SIGKILL');
    }, DEPLOY_MS);
    await this.ended;
    clearInterval(awake);
    clearTimeout(late);
    return !isLate;
  }
}

/** What the kernel says of a process, where it says so. */
function stateOf(pid: number | undefined): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8').match(/^State:.*$/m)?.[0] ?? '';
  } catch {
    return '';
  }
}
