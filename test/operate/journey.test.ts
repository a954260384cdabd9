import { describe, expect, it } from 'vitest';
import type { MessageRecord } from '../../src/ports/reports.ts';
import { journeyOf } from '../../src/operate/journey.ts';
import { record } from './fake-store.ts';

const told = (change: Partial<MessageRecord>) => journeyOf(record(change)).steps.map(({ step, at, reason }) => [step, at, reason]);
const job = record().job;
const running = job && { ...job, state: 'running', endedAt: null };

describe('a journey', () => {
  it('tells an answered message from the first byte to the ending', () => {
    const journey = journeyOf(record());
    expect(journey.steps).toEqual([
      { step: 'received', at: 1_000 },
      { step: 'verified', at: 1_001 },
      { step: 'verdict', at: 1_004, reason: 'accepted' },
      { step: 'waited', at: 1_010, reason: 'started', detail: { waitMs: 6 } },
      { step: 'attempt', at: 1_010, reason: 'failed', detail: { n: 1, durationMs: 990, error: 'model_timeout' } },
      { step: 'attempt', at: 3_000, reason: 'succeeded', detail: { n: 2, durationMs: 20 } },
      { step: 'responded', at: 3_020, reason: 'answer', detail: { responder: 'model', model: 'gpt', inputTokens: 10, outputTokens: 4, messages: 2 } },
      { step: 'send', at: 3_040, reason: 'sent', detail: { part: 0, tries: 1, ambiguous: false, durationMs: 19, providerId: '1', error: null } },
      { step: 'send', at: 3_060, reason: 'sent', detail: { part: 1, tries: 2, ambiguous: true, durationMs: 19, providerId: '2', error: null } },
      { step: 'ended', at: 3_060, reason: 'reply', detail: { ending: 'answered' } },
    ]);
    expect(journey.ending).toEqual({ kind: 'answered', reason: 'reply', at: 3_060 });
    expect(journey.durations).toEqual({ acceptMs: 4, waitMs: 6, respondMs: 20, sendMs: 40, totalMs: 2_060 });
  });

  it('tells a message that intake ended: no queue, no attempt', () => {
    const ended = { verdict: 'duplicate_text', job: null, attempts: [], turn: null, sends: [], ending: 'suppressed', endingReason: 'duplicate_text', endedAt: 1_004 };
    expect(told(ended)).toEqual([
      ['received', 1_000, undefined],
      ['verified', 1_001, undefined],
      ['verdict', 1_004, 'duplicate_text'],
      ['ended', 1_004, 'duplicate_text'],
    ]);
  });

  it('tells a message that still waits, without an ending', () => {
    const waiting = job && { ...job, state: 'available', attempts: 0, startedAt: null, endedAt: null };
    const journey = journeyOf(record({ job: waiting, attempts: [], turn: null, sends: [], ending: null, endingReason: null, endedAt: null }));
    expect(journey.steps.at(-1)).toEqual({ step: 'waited', at: null, reason: 'available', detail: { waitMs: null } });
    expect(journey.ending).toBeNull();
    expect(journey.durations).toEqual({ acceptMs: 4, waitMs: null, respondMs: null, sendMs: null, totalMs: null });
  });

  it('shows the attempt that is running', () => {
    const steps = told({ job: running, turn: null, sends: [], ending: null, endingReason: null, endedAt: null });
    expect(steps.at(-1)).toEqual(['attempt', 3_000, 'running']);
  });

  it('shows that it waits for the next attempt', () => {
    const steps = told({ job: job && { ...job, state: 'retryable', attempts: 1, startedAt: 1_010 }, turn: null, sends: [], ending: null, endingReason: null });
    expect(steps.slice(-2)).toEqual([
      ['attempt', 1_010, 'failed'],
      ['waited', null, 'retryable'],
    ]);
  });

  it('claims no success for a dead job with an apology', () => {
    const turn = record().turn;
    const steps = told({
      job: job && { ...job, state: 'dead', error: 'boom' },
      turn: turn && { ...turn, kind: 'apology', responder: 'catalogue' },
      sends: [],
      ending: 'dead',
      endingReason: 'attempts_exhausted',
    });
    expect(steps.filter(([step]) => step === 'attempt')).toEqual([['attempt', 1_010, 'failed']]);
    expect(steps.slice(-2)).toEqual([
      ['responded', 3_020, 'apology'],
      ['ended', 3_060, 'attempts_exhausted'],
    ]);
  });

  it('never tells a negative duration when a clock was set back', () => {
    expect(journeyOf(record({ acceptedAt: 900 })).durations.acceptMs).toBe(0);
  });
});
