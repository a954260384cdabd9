import { MAX_PARK_MS } from '../../../src/domain/lane.ts';
import type { Lease, OpenLane } from '../../../src/domain/lane.ts';
import type { Arrival } from '../../../src/ports/mailbox.ts';
import { LOST } from '../../../src/stores/commands.ts';
import { findMessage, members, openJobs, pushJob } from '../memory/state.ts';
import type { JobRow, LaneRow } from '../memory/state.ts';
import { laneOf } from './mutation.ts';
import type { Wrap } from './mutation.ts';

/** Each breaks one rule of the lane's mailbox. */
export const MAILBOX_MUTATIONS = {
  /** No epoch is looked at. */
  fence: ({ state, mailbox, ledger }) => {
    const current = (lease: Lease): Lease => {
      const lane = laneOf(state, lease);
      if (lane.leaseUntil === 0) Object.assign(lane, { leaseUntil: state.clock.now() + lane.leaseMs });
      return { ...lease, epoch: lane.epoch };
    };
    const unfenced = <C extends object>(commands: C, names: (keyof C)[]): Partial<C> =>
      Object.fromEntries(names.map((name) => [name, (lease: Lease, ...rest: unknown[]) => (commands[name] as (...all: unknown[]) => unknown)(current(lease), ...rest)])) as Partial<C>;
    return {
      mailbox: unfenced(mailbox, ['open', 'begin', 'renew', 'fail', 'handBack', 'complete', 'promote', 'release']),
      ledger: unfenced(ledger, ['plan', 'startPart', 'resend', 'endPart', 'settle', 'close']),
    };
  },
  /** A known message is stored again. */
  dedupe: ({ state, mailbox }) => ({
    mailbox: {
      append: (arrival: Arrival) => {
        const known = findMessage(state, arrival.channelId, arrival.message.externalId);
        if (known) known.externalId = `old ${known.position}`;
        const appended = mailbox.append(arrival);
        return appended;
      },
    },
  }),
  /** Giving a lane back always says that it is drained. */
  park: ({ state, mailbox }) => ({
    mailbox: {
      release: (lease, how) => {
        const lane = laneOf(state, lease);
        const result = mailbox.release(lease, how);
        if (result === 'released') Object.assign(lane, { doneSeq: lane.lastSeq, readyAt: 0 });
        return result;
      },
    },
  }),
  /** Lanes are claimed before their head may run. */
  readyGate: ({ state, mailbox }) => ({
    mailbox: {
      claim: (request) => {
        for (const lane of state.lanes.values()) lane.readyAt = 0;
        return mailbox.claim(request);
      },
    },
  }),
  /** A release does not look at what it was read against. */
  seenFirst: ({ state, mailbox }) => ({
    mailbox: { release: (lease, how) => mailbox.release(lease, 'drained' in how ? { drained: laneOf(state, lease).lastSeq } : how) },
  }),
  /** Renewing a lease does nothing. */
  heartbeat: ({ state, mailbox }) => ({
    mailbox: { renew: (lease) => (laneOf(state, lease).epoch === lease.epoch ? undefined : mailbox.renew(lease)) },
  }),
  /** A polite stop costs the attempt. */
  handback: ({ state, mailbox }) => ({
    mailbox: {
      handBack: (lease, seqs) => {
        const lane = laneOf(state, lease);
        const running = members(lane, seqs).filter((job) => job.state === 'running' && !job.turnId);
        const result = mailbox.handBack(lease, seqs);
        if (result !== LOST) for (const job of running) job.attempts += 1;
        return result;
      },
    },
  }),
  /** An attempt is only counted when it fails politely. */
  beginFirst: ({ state, mailbox }) => ({
    mailbox: {
      begin: (lease, request) => {
        const begun = mailbox.begin(lease, request);
        if (begun !== LOST && begun.exhausted.length === 0) for (const job of members(laneOf(state, lease), request.seqs)) Object.assign(job, { attempts: job.attempts - 1, state: 'available' });
        return begun;
      },
    },
  }),
  /** Promoting and marking it promoted are two transactions. */
  promoteOnce: ({ state, mailbox, world }) => ({
    mailbox: {
      promote: (lease, seq) => {
        const job = laneOf(state, lease).jobs.get(seq) as JobRow;
        const result = mailbox.promote(lease, seq);
        if (result !== LOST) job.state = 'scheduled';
        world.facts.promoted.set(lease.laneId, lease.epoch);
        return result;
      },
      open: (lease) => {
        if (world.facts.promoted.get(lease.laneId) === lease.epoch) for (const job of openJobs(laneOf(state, lease))) job.state = 'completed';
        return mailbox.open(lease);
      },
    },
  }),
  /** The cap is a counter, which a crash leaves wrong. */
  capDerived: ({ mailbox }) => {
    let held = 0;
    return {
      mailbox: {
        claim: (request) => {
          if (request.share.cap > 0 && held >= request.share.cap) return { claimed: [], nextInMs: 1_000 };
          const result = mailbox.claim({ ...request, share: { ...request.share, cap: 0 }, limit: Math.min(request.limit, request.share.cap - held) });
          if (result !== LOST) held += result.claimed.length;
          return result;
        },
        release: (lease, how) => {
          const result = mailbox.release(lease, how);
          if (result === 'released') held -= 1;
          return result;
        },
      },
    };
  },
  /** Instants are believed, however far ahead. */
  clockClamp: ({ state, mailbox }) => ({
    mailbox: {
      claim: (request) => {
        const now = state.clock.now();
        const believable = [...state.lanes.values()].filter((lane) => lane.leaseUntil <= now + lane.leaseMs && lane.readyAt <= now + MAX_PARK_MS);
        return mailbox.claim({ ...request, only: believable.map((lane) => lane.id) });
      },
    },
  }),
  /** A deferred message waits elsewhere and is appended when due. */
  deferInLane: ({ state, mailbox, world }) => ({
    mailbox: {
      append: (arrival: Arrival) => {
        if (arrival.deferMs <= 0) return mailbox.append(arrival);
        const appended = mailbox.append(arrival);
        if (appended === LOST || appended.verdict !== 'deferred') return appended;
        const lane = state.lanes.get(appended.laneId) as LaneRow;
        lane.jobs.delete(lane.lastSeq);
        lane.lastSeq -= 1;
        world.after(arrival.deferMs, 'due', () => {
          pushJob(state, lane, { kind: 'turn', payload: null, messageId: appended.messageId });
          world.wake(lane.id);
        });
        return appended;
      },
    },
  }),
  /** A job from before the clock was set back is as young as can be. */
  ageClamp: ({ mailbox }) => {
    const young = (open: OpenLane): OpenLane => ({ ...open, jobs: open.jobs.map((job) => ({ ...job, ageMs: job.ageMs === MAX_PARK_MS ? 0 : job.ageMs })) });
    return {
      mailbox: {
        claim: (request) => {
          const result = mailbox.claim(request);
          return result === LOST ? LOST : { ...result, claimed: result.claimed.map((each) => ({ ...each, open: young(each.open) })) };
        },
        open: (lease) => {
          const open = mailbox.open(lease);
          return open === LOST ? LOST : young(open);
        },
      },
    };
  },
  /** Those who failed in company share the guilt. */
  isolate: ({ state, mailbox }) => ({
    mailbox: {
      fail: (lease, failure) => {
        const jobs = members(laneOf(state, lease), failure.seqs).filter((job) => job.state === 'running');
        const result = mailbox.fail(lease, failure);
        if (result !== LOST && failure.seqs.length > 1) for (const job of jobs) Object.assign(job, { attempts: job.attempts + 1, suspect: false });
        return result;
      },
    },
  }),
  /** An edit is a new message. */
  editUpdates: ({ mailbox, world }) => ({
    mailbox: {
      amend: (amendment) => {
        const { change, ...rest } = amendment;
        if (change.kind !== 'edit') return mailbox.amend(amendment);
        const now = world.now();
        const arrival: Arrival = {
          ...rest, receivedAt: now, verifiedAt: now, refused: null, deferMs: 0, debounceMs: 0, duplicateWindowMs: 0, doubt: false,
          message: { externalId: `${rest.externalId}'`, conversation: rest.conversation, author: 'ana', text: change.text, attachments: [], sentAt: now, locale: null },
        };
        mailbox.append(arrival);
        return { known: true };
      },
    },
  }),
  /** A deletion that comes before its message is forgotten. */
  tombstone: ({ state, mailbox }) => ({
    mailbox: { amend: (amendment) => (findMessage(state, amendment.channelId, amendment.externalId) ? mailbox.amend(amendment) : { known: false }) },
  }),
} satisfies Record<string, Wrap>;
