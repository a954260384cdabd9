import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closedNotice } from '../../src/domain/closed-notice.ts';
import { openingDelayMs, ServiceHours, type Schedule, type Span } from '../../src/domain/hours.ts';
import { TimeZone } from '../../src/domain/time-zone.ts';

const HOUR = 3_600_000;
const at = (text: string): number => Date.parse(text);
const span = (text: string): Span => {
  const [start, end] = text.split('-').map((time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))) as [number, number];
  return { start, end: end <= start ? end + 1440 : end };
};
const everyDay = (...spans: string[]): Span[][] => Array.from({ length: 7 }, () => spans.map(span));
const hours = (timeZone: string, weekly: Span[][], more: Partial<Schedule> = {}): ServiceHours =>
  new ServiceHours({ timeZone, weekly, holidays: new Set(), exceptions: new Map(), ...more });
const closed = (since: string | null, until: string | null) => ({ open: false, since: since && at(since), until: until && at(until) });
const WEEKDAYS = [[], ...Array.from({ length: 5 }, () => [span('09:00-18:00')]), []];

describe('weekly hours', () => {
  const lima = hours('America/Lima', WEEKDAYS);

  it('are open from the first minute to before the last', () => {
    expect(lima.at(at('2026-03-02T08:59:59.999-05:00'))).toEqual(closed('2026-02-27T18:00-05:00', '2026-03-02T09:00-05:00'));
    expect(lima.at(at('2026-03-02T09:00-05:00'))).toEqual({ open: true });
    expect(lima.at(at('2026-03-02T17:59:59.999-05:00'))).toEqual({ open: true });
    expect(lima.at(at('2026-03-02T18:00-05:00'))).toEqual(closed('2026-03-02T18:00-05:00', '2026-03-03T09:00-05:00'));
  });

  it('the weekend is one closed period', () => {
    const weekend = closed('2026-03-06T18:00-05:00', '2026-03-09T09:00-05:00');
    for (const time of ['2026-03-06T18:00-05:00', '2026-03-07T12:00-05:00', '2026-03-09T08:59-05:00']) expect(lima.at(at(time))).toEqual(weekend);
  });

  it('a lunch break is a closed period of its own', () => {
    const shop = hours('America/Lima', everyDay('09:00-13:00', '15:00-19:00'));
    expect(shop.at(at('2026-03-02T13:30-05:00'))).toEqual(closed('2026-03-02T13:00-05:00', '2026-03-02T15:00-05:00'));
  });

  it('cross midnight and belong to the day they begin on', () => {
    const bar = hours('America/Lima', [[], [], [], [], [], [span('22:00-03:00')], []]);
    expect(bar.at(at('2026-03-07T02:59-05:00'))).toEqual({ open: true });
    expect(bar.at(at('2026-03-07T03:00-05:00'))).toEqual(closed('2026-03-07T03:00-05:00', '2026-03-13T22:00-05:00'));
    expect(bar.at(at('2026-03-06T21:59-05:00'))).toEqual(closed('2026-02-28T03:00-05:00', '2026-03-06T22:00-05:00'));
  });

  it('a night that ends after an earlier span of the next day closes at the later of both', () => {
    const long = hours('UTC', [[], [span('20:00-08:00')], [span('05:00-06:00')], [], [], [], []]);
    expect(long.at(at('2026-03-03T07:00Z'))).toEqual({ open: true });
    expect(long.at(at('2026-03-03T09:00Z'))).toMatchObject({ since: at('2026-03-03T08:00Z') });
  });

  it('all day every day is never closed', () => {
    const always = hours('America/Santiago', everyDay('00:00-24:00'));
    for (let time = at('2026-03-30T00:00Z'); time < at('2026-04-10T00:00Z'); time += HOUR / 2) expect(always.at(time)).toEqual({ open: true });
  });

  it('never open ends its search, and says so', () => {
    const never = hours('Europe/Madrid', everyDay());
    expect(never.at(at('2026-03-02T12:00Z'))).toEqual(closed(null, null));
  });

  it('refuse a time zone that does not exist', () => {
    expect(() => hours('America/Macondo', WEEKDAYS)).toThrow(RangeError);
  });
});

describe('days that differ', () => {
  const holidays = new Set(['12-25', '2026-07-28']);
  const shop = hours('America/Lima', WEEKDAYS, { holidays, exceptions: new Map([['2026-12-24', [span('09:00-12:00')]], ['2026-12-25', [span('10:00-11:00')]], ['2026-03-07', [span('10:00-14:00')]]]) });

  it('a holiday of every year and one of a single year are closed', () => {
    expect(shop.at(at('2028-12-25T12:00-05:00'))).toEqual(closed('2028-12-22T18:00-05:00', '2028-12-26T09:00-05:00'));
    expect(shop.at(at('2026-07-28T12:00-05:00'))).toEqual(closed('2026-07-27T18:00-05:00', '2026-07-29T09:00-05:00'));
    expect(shop.at(at('2027-07-28T12:00-05:00'))).toEqual({ open: true });
  });

  it('an exception shortens, opens a closed weekday, and wins over a holiday', () => {
    expect(shop.at(at('2026-12-24T12:00-05:00'))).toEqual(closed('2026-12-24T12:00-05:00', '2026-12-25T10:00-05:00'));
    expect(shop.at(at('2026-12-25T10:30-05:00'))).toEqual({ open: true });
    expect(shop.at(at('2026-03-07T10:30-05:00'))).toEqual({ open: true });
  });

  it('the night before a holiday goes on until its end', () => {
    const bar = hours('America/Lima', everyDay('22:00-03:00'), { holidays: new Set(['2026-07-28']) });
    expect(bar.at(at('2026-07-28T02:00-05:00'))).toEqual({ open: true });
    expect(bar.at(at('2026-07-28T23:00-05:00'))).toEqual(closed('2026-07-28T03:00-05:00', '2026-07-29T22:00-05:00'));
  });

  it('the 29th of February is a day', () => {
    const leap = hours('UTC', everyDay('00:00-24:00'), { holidays: new Set(['02-29']) });
    expect(leap.at(at('2028-02-29T12:00Z'))).toEqual(closed('2028-02-29T00:00Z', '2028-03-01T00:00Z'));
    expect(leap.at(at('2027-02-28T23:59Z'))).toEqual({ open: true });
  });
});

describe('clock changes', () => {
  it('ahead: what begins in the missing hour begins at the change', () => {
    // Madrid, 29 March 2026: 02:00 becomes 03:00.
    const early = hours('Europe/Madrid', everyDay('02:30-09:00'));
    expect(early.at(at('2026-03-29T01:59:59+01:00'))).toMatchObject({ open: false, until: at('2026-03-29T01:00Z') });
    expect(early.at(at('2026-03-29T01:00Z'))).toEqual({ open: true });
  });

  it('ahead: what ends in the missing hour ends at the change', () => {
    const night = hours('Europe/Madrid', everyDay('22:00-02:30'));
    expect(night.at(at('2026-03-29T00:59Z'))).toEqual({ open: true });
    expect(night.at(at('2026-03-29T01:00Z'))).toMatchObject({ open: false, since: at('2026-03-29T01:00Z') });
  });

  it('ahead: hours that lie wholly in the missing hour do not come', () => {
    const brief = hours('Europe/Madrid', everyDay('02:10-02:50'));
    expect(brief.at(at('2026-03-29T00:00Z'))).toMatchObject({ open: false, until: at('2026-03-30T02:10+02:00') });
  });

  it('back: the hour that comes twice is open twice, and closes once', () => {
    // New York, 1 November 2026: 02:00 becomes 01:00 again.
    const night = hours('America/New_York', everyDay('22:00-01:30'));
    const end = at('2026-11-01T01:30-05:00');
    for (const time of ['2026-11-01T01:29-04:00', '2026-11-01T01:45-04:00', '2026-11-01T01:29-05:00']) expect(night.at(at(time))).toEqual({ open: true });
    expect(night.at(end)).toMatchObject({ open: false, since: end });
  });

  it('back: what begins in the doubled hour begins at its first coming', () => {
    const early = hours('America/New_York', everyDay('01:30-09:00'));
    expect(early.at(at('2026-11-01T01:29-04:00'))).toMatchObject({ open: false, until: at('2026-11-01T01:30-04:00') });
    expect(early.at(at('2026-11-01T01:10-05:00'))).toEqual({ open: true });
  });

  it('the opening after a change is at the wall time, whatever the distance', () => {
    const shop = hours('Europe/Madrid', WEEKDAYS);
    expect(shop.at(at('2026-03-28T12:00Z'))).toMatchObject({ until: at('2026-03-30T09:00+02:00') });
    expect(shop.at(at('2026-10-24T12:00Z'))).toMatchObject({ until: at('2026-10-26T09:00+01:00') });
  });

  it('a zone half an hour off changes by half an hour', () => {
    // Lord Howe, 5 April 2026: 02:00 (+11) becomes 01:30 (+10:30).
    const shop = hours('Australia/Lord_Howe', everyDay('01:45-03:00'));
    expect(shop.at(at('2026-04-05T01:40+11:00'))).toMatchObject({ until: at('2026-04-05T01:45+11:00') });
    expect(shop.at(at('2026-04-05T01:31+10:30'))).toEqual({ open: true });
  });

  it('a day that a zone left out has no hours', () => {
    // Samoa went from 29 to 31 December 2011.
    const shop = hours('Pacific/Apia', everyDay('09:00-18:00'));
    expect(shop.at(at('2011-12-29T20:00-10:00'))).toMatchObject({ open: false, until: at('2011-12-31T09:00+14:00') });
  });

  it('zones without changes keep their offset all year', () => {
    const lima = new TimeZone('America/Lima');
    for (let month = 1; month <= 12; month++) {
      const day = { year: 2026, month, day: 15 };
      expect(lima.instantOf(day, 540, 'first')).toBe(at(`2026-${String(month).padStart(2, '0')}-15T14:00Z`));
    }
  });
});

describe('whatever the hours', () => {
  const zones = fc.constantFrom('America/Lima', 'Europe/Madrid', 'America/New_York', 'America/Santiago', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Africa/Casablanca', 'UTC');
  const spans = fc.array(fc.tuple(fc.integer({ min: 0, max: 1439 }), fc.integer({ min: 1, max: 1440 })).map(([start, length]) => ({ start, end: start + length })), { maxLength: 2 });
  const weekly = fc.array(spans, { minLength: 7, maxLength: 7 });
  const instants = fc.integer({ min: at('2026-01-01T00:00Z'), max: at('2027-12-31T00:00Z') });

  it('a closed period has one beginning and one end, and both are edges', () => {
    fc.assert(
      fc.property(zones, weekly, instants, (zone, week, now) => {
        const opening = hours(zone, week).at(now);
        if (opening.open) return;
        const { since, until } = opening;
        const fresh = hours(zone, week);
        if (until !== null) {
          expect(until).toBeGreaterThan(now);
          expect(fresh.at(until)).toEqual({ open: true });
          expect(hours(zone, week).at(until - 1)).toEqual(opening);
        }
        if (since !== null) {
          expect(since).toBeLessThanOrEqual(now);
          expect(hours(zone, week).at(since)).toEqual(opening);
          expect(hours(zone, week).at(since - 1)).toEqual({ open: true });
        }
      }),
      { numRuns: 300 },
    );
  });

  it('what is remembered says the same as a fresh look', () => {
    fc.assert(
      fc.property(zones, weekly, fc.array(instants, { minLength: 2, maxLength: 4 }), (zone, week, times) => {
        const kept = hours(zone, week);
        for (const time of times.flatMap((one) => [one, one + 1_800_000])) expect(kept.at(time)).toEqual(hours(zone, week).at(time));
      }),
      { numRuns: 100 },
    );
  });
});

describe('the notice', () => {
  const base = { now: at('2026-03-06T20:00-05:00'), until: at('2026-03-09T09:00-05:00'), timeZone: 'America/Lima', words: {} };

  it('says when in the language and the zone', () => {
    expect(closedNotice({ ...base, policy: 'defer' }, 'en')).toMatch(/Monday.*9:00.AM.*answer you then/);
    expect(closedNotice({ ...base, policy: 'handoff' }, 'es-MX')).toMatch(/lunes.*9:00.*una persona/);
    expect(closedNotice({ ...base, policy: 'answer' }, 'en')).toContain('automatic assistant');
  });

  it('gives the date of an opening far ahead, and none where there is none', () => {
    expect(closedNotice({ ...base, until: at('2026-04-01T09:00-05:00'), policy: 'defer' }, 'en')).toContain('April 1');
    expect(closedNotice({ ...base, until: null, policy: 'defer' }, 'en')).not.toContain('{when}');
  });

  it("is the org's own where it has one", () => {
    expect(closedNotice({ ...base, policy: 'defer', words: { es: 'Abrimos {when}.' } }, 'es')).toMatch(/^Abrimos lunes.*\.$/);
    expect(closedNotice({ ...base, policy: 'defer', words: { es: 'Cerrado' } }, 'en')).toBe('Cerrado');
  });
});

describe('the opening', () => {
  it('spreads conversations, and is the same for each every time', () => {
    const delays = Array.from({ length: 1000 }, (_, n) => openingDelayMs(`chn_a/${n}`));
    expect(Math.max(...delays)).toBeLessThan(30_000);
    expect(new Set(delays.map((delay) => Math.floor(delay / 3_000))).size).toBe(10);
    expect(openingDelayMs('chn_a/7')).toBe(delays[7]);
  });
});
