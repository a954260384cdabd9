import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';

/** The table of the documentation, and where effects are counted. */
export const TABLES = `
  create table integration_job (
    id bigserial primary key, type text not null, payload jsonb not null, status text not null default 'pending', run_at timestamptz not null default now(),
    attempts integer not null default 0, finished_at timestamptz
  );
  create index on integration_job (status, run_at);
  create table start (row bigint not null, who text not null);
  create table effect (row bigint not null, who text not null, job text unique);
`;

export const fill = (db: pg.Pool, count: number, type = 'count'): Promise<unknown> =>
  db.query(`insert into integration_job (type, payload) select $2, jsonb_build_object('row', n) from generate_series(1, $1::int) n`, [count, type]);

/** A worker as there are many: polls, marks a row as its own, works, marks it as done. Knows nothing of Chasqui. */
export class OldWorker {
  readonly #db: pg.Pool;
  #working = true;
  readonly #done: Promise<void>;
  done = 0;

  readonly #pauseMs: number;

  constructor(db: pg.Pool, pauseMs = 5) {
    this.#pauseMs = pauseMs;
    this.#db = db;
    this.#done = this.#work();
  }

  async stop(): Promise<void> {
    this.#working = false;
    await this.#done;
  }

  async #work(): Promise<void> {
    while (this.#working) {
      const { rows } = await this.#db.query(`
        update integration_job set status = 'processing', attempts = attempts + 1 where id = (
          select id from integration_job where status = 'pending' and run_at <= now() order by run_at, id limit 1 for update skip locked
        ) returning id, payload`);
      const row = rows[0] as { id: string; payload: { row: number } } | undefined;
      if (row) await this.#run(row);
      await wait(row ? this.#pauseMs : 20);
    }
  }

  async #run({ id, payload }: { id: string; payload: { row: number } }): Promise<void> {
    await this.#db.query(`insert into start (row, who) values ($1, 'old')`, [payload.row]);
    await this.#db.query(`insert into effect (row, who) values ($1, 'old')`, [payload.row]);
    await this.#db.query(`update integration_job set status = 'completed', finished_at = now() where id = $1`, [id]);
    this.done += 1;
  }
}

export interface Child {
  url: string;
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** Starts `child.ts`. Resolves when it serves. */
export async function startChild(database: string, settings: { stage: string; mode?: string }): Promise<Child> {
  const env = { ...process.env, TEST_DATABASE_URL: database, TEST_STAGE: settings.stage, TEST_MODE: settings.mode ?? 'all' };
  const process_ = spawn(process.execPath, [fileURLToPath(new URL('./child.ts', import.meta.url))], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const url = await listeningAt(process_);
  return {
    url,
    kill: async (signal) => {
      process_.kill(signal);
      if (process_.exitCode === null && process_.signalCode === null) await once(process_, 'exit');
    },
  };
}

async function listeningAt(child: ChildProcess): Promise<string> {
  let said = '';
  const serving = new Promise<string>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const address = /^listening (\S+)$/m.exec(said)?.[1];
      if (address) resolve(address.replace(/\/$/, ''));
    });
    child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.once('exit', () => reject(new Error(`the child did not start: ${said}`)));
  });
  return serving;
}
