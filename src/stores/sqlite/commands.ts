import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../domain/clock.ts';
import type { NewId } from '../../domain/ids.ts';
import type { StoreCommands } from '../commands.ts';
import { addJob, amend, append } from './append.ts';
import { breakerCommands } from './breakers.ts';
import { claim, open } from './claim.ts';
import type { Context } from './context.ts';
import { controlCommands } from './controls.ts';
import { conversationCommands } from './conversations.ts';
import { deadLetterCommands } from './dead-letters.ts';
import { jobCommands } from './job-records.ts';
import { begin, complete, fail, handBack, promote } from './jobs.ts';
import { laneCommands } from './lane-views.ts';
import { release, renew } from './lanes.ts';
import { operationCommands } from './operations.ts';
import { reportCommands } from './reports.ts';
import { endPart, recordSent, resend, startPart } from './sends.ts';
import { Statements } from './statements.ts';
import { close, plan, settle } from './turns.ts';

const FILES = ['mailbox.sql', 'ledger.sql', 'dead-letters.sql', 'conversations.sql', 'operations.sql', 'job-records.sql', 'reports.sql', 'controls.sql', 'lane-views.sql', 'govern.sql', 'breakers.sql'].map((name) => `./${name}`);

function mailboxCommands(ctx: Context): StoreCommands['mailbox'] {
  return {
    append: (arrival) => append(ctx, arrival),
    amend: (amendment) => amend(ctx, amendment),
    addJob: (job) => addJob(ctx, job),
    claim: (request) => claim(ctx, request),
    open: (lease) => open(ctx, lease),
    begin: (lease, request) => begin(ctx, lease, request),
    renew: (lease) => renew(ctx, lease),
    fail: (lease, failure) => fail(ctx, lease, failure),
    handBack: (lease, seqs) => handBack(ctx, lease, seqs),
    complete: (lease, end) => complete(ctx, lease, end),
    promote: (lease, seq) => promote(ctx, lease, seq),
    release: (lease, how) => release(ctx, lease, how),
  };
}

function ledgerCommands(ctx: Context): StoreCommands['ledger'] {
  return {
    plan: (lease, request) => plan(ctx, lease, request),
    startPart: (lease, at) => startPart(ctx, lease, at),
    resend: (lease, at) => resend(ctx, lease, at),
    recordSent: (at) => recordSent(ctx, at),
    endPart: (lease, at) => endPart(ctx, lease, at),
    settle: (lease, turnId) => settle(ctx, lease, turnId),
    close: (lease, turnId) => close(ctx, lease, turnId),
  };
}

/** The commands of an open database, and what must be written with each commit. */
export function createCommands(db: DatabaseSync, deps: { clock: Clock; newId: NewId }): { commands: StoreCommands; tallies: Tallies } {
  const q = new Statements(db, FILES);
  const tallies = new Tallies(q);
  const ctx: Context = { q, newId: deps.newId, tally: (name) => tallies.add(name), ...watched(deps.clock) };
  const commands: StoreCommands = {
    mailbox: mailboxCommands(ctx),
    ledger: ledgerCommands(ctx),
    conversations: conversationCommands(ctx),
    deadLetters: deadLetterCommands(ctx),
    operations: operationCommands(ctx),
    jobs: jobCommands(ctx),
    reports: reportCommands(ctx),
    lanes: laneCommands(ctx),
    controls: controlCommands(ctx),
    breakers: breakerCommands(ctx),
  };
  return { commands, tallies };
}

/** The clock, and whether it was set back since that was last asked. */
function watched(clock: Clock): Pick<Context, 'now' | 'clockWasSetBack'> {
  let highest = 0;
  return {
    now: () => {
      const now = clock.now();
      highest = Math.max(highest, now);
      return now;
    },
    clockWasSetBack: () => {
      const now = clock.now();
      const back = now < highest;
      highest = now;
      return back;
    },
  };
}

/** Counts of ended jobs, one write per commit instead of one per job. */
export class Tallies {
  readonly #q: Statements;
  readonly #pending = new Map<string, number>();

  constructor(q: Statements) {
    this.#q = q;
  }

  add(name: string): void {
    this.#pending.set(name, (this.#pending.get(name) ?? 0) + 1);
  }

  write(): void {
    for (const [name, value] of this.#pending) this.#q.run('addTally', name, value);
    this.#pending.clear();
  }

  forget(): void {
    this.#pending.clear();
  }
}
