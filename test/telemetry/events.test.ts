import { describe, expect, it, vi } from 'vitest';
import { jobId } from '../../src/domain/ids.ts';
import type { LaneId, OrgId } from '../../src/domain/ids.ts';
import type { EventRelay, JobEvent } from '../../src/ports/events.ts';
import { createEvents } from '../../src/telemetry/index.ts';
import { fakeTelemetry, stillClock } from '../operate/support.ts';

const LANE = 'lane_1' as LaneId;
const event = (seq: number): JobEvent => ({ type: 'completed', outcome: 'answered', jobId: jobId(LANE, seq), laneId: LANE, orgId: 'org_a' as OrgId, kind: 'turn', at: 1 });

function withRelay() {
  const sent: JobEvent[][] = [];
  let heard: ((each: JobEvent) => void) | null = null;
  const dispose = vi.fn<() => Promise<void>>(async () => undefined);
  const relay: EventRelay = {
    send: async (events) => void sent.push(events),
    listen: (hear) => ((heard = hear), { [Symbol.asyncDispose]: dispose }),
  };
  const clock = stillClock();
  const telemetry = fakeTelemetry();
  return { events: createEvents({ relay, clock, telemetry }), sent, clock, telemetry, dispose, relay, hear: (each: JobEvent) => heard?.(each), listens: () => heard !== null };
}

describe('job events', () => {
  it('reach listeners of this process at once, until they leave; one that fails hurts nobody', () => {
    const telemetry = fakeTelemetry();
    const events = createEvents({ relay: null, clock: stillClock(), telemetry });
    const got: number[] = [];
    events.subscribe(() => {
      throw new Error('mine');
    });
    const subscription = events.subscribe((each) => got.push(each.at));
    events.emit(event(1));
    subscription[Symbol.dispose]();
    events.emit(event(2));
    expect(got).toEqual([1]);
    expect(telemetry.logged.some(({ message }) => message === 'a listener of job events failed')).toBe(true);
  });

  it('are collected for other processes, and those beyond the bound dropped and counted', async () => {
    const { events, sent, clock, telemetry } = withRelay();
    for (let seq = 1; seq <= 510; seq++) events.emit(event(seq));
    expect(sent).toEqual([]);
    clock.wakeAll();
    await expect.poll(() => sent.map((batch) => batch.length)).toEqual([500]);
    expect(telemetry.counted.filter(({ name }) => name === 'job_events_dropped_total')).toHaveLength(10);
    events.emit(event(511));
    await events.close();
    expect(sent.map((batch) => batch.length)).toEqual([500, 1]);
  });

  it('of other processes are listened to from the first subscription on, and not told on', async () => {
    const { events, sent, hear, listens, dispose } = withRelay();
    expect(listens()).toBe(false);
    const got: JobEvent[] = [];
    events.subscribe((each) => got.push(each));
    hear(event(7));
    expect(got).toEqual([event(7)]);
    await events.close();
    expect(sent).toEqual([]);
    expect(dispose).toHaveBeenCalledOnce();
  });

  it('that could not be sent are counted as dropped', async () => {
    const { events, clock, telemetry, relay } = withRelay();
    relay.send = () => Promise.reject(new Error('down'));
    events.emit(event(1));
    clock.wakeAll();
    await expect.poll(() => telemetry.counted.map(({ name }) => name)).toEqual(['job_events_dropped_total']);
  });
});
