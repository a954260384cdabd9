import type { OpenJob } from '../domain/job.ts';
import type { Hold, Work } from './deps.ts';
import { tell } from './tell.ts';

/** The least time between two tellings of one job's progress, ms. */
const EVERY_MS = 1_000;

/**
 * How far a job has come, for its record and for whoever listens: the first word at once, then at most one a second. What came in
 * between is told with the last word.
 */
export class Progress {
  readonly #work: Work;
  readonly #hold: Hold;
  readonly #job: OpenJob;
  #toldAt = -Infinity;
  #untold: { done: number; total: number } | null = null;
  #telling: Promise<void> = Promise.resolve();

  constructor(work: Work, hold: Hold, job: OpenJob) {
    this.#work = work;
    this.#hold = hold;
    this.#job = job;
  }

  note(done: number, total: number): void {
    if (!Number.isFinite(done) || !Number.isFinite(total)) return;
    this.#untold = { done: Math.round(done), total: Math.round(total) };
    if (this.#work.deps.clock.monotonic() - this.#toldAt >= EVERY_MS) this.#tell();
  }

  /** Tells what is untold. Resolves when it is stored; never rejects. */
  async end(): Promise<void> {
    this.#tell();
    await this.#telling;
  }

  #tell(): void {
    const at = this.#untold;
    if (!at) return;
    this.#untold = null;
    const { clock, jobs, telemetry } = this.#work.deps;
    const { seq, kind } = this.#job;
    this.#toldAt = clock.monotonic();
    tell(this.#work, this.#hold, { seq, kind, happening: { type: 'progress', ...at } });
    this.#telling = jobs.progress(this.#hold.lease, { seq, ...at }).catch((error: unknown) => {
      telemetry.log.debug({ err: error, laneId: this.#hold.lease.laneId }, "a job's progress could not be stored");
    });
  }
}
