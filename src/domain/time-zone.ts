/**
 * The little of time zones that hours need, on the zone data that Node carries
 * (https://tc39.es/ecma402/#sec-intl.datetimeformat.prototype.formattoparts): Node 24 has no Temporal.
 */

/** A day of the calendar; `month` and `day` from 1. */
export interface CalendarDay {
  year: number;
  month: number;
  day: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Local clocks are at most 14 hours from UTC, and no zone changes twice within so short a time, ms. */
const WIDE_MS = 36 * 60 * MINUTE_MS;

/** One IANA time zone. */
export class TimeZone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;

  /** @throws RangeError when there is no such zone. */
  constructor(name: string) {
    this.name = name;
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
    });
  }

  /** What the wall shows at an instant (UTC ms), as if it were UTC. */
  wallAt(at: number): number {
    const parts = Object.fromEntries(this.#format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second);
  }

  dayOf(at: number): CalendarDay {
    return dayOfWall(this.wallAt(at));
  }

  /**
   * The instant at which the wall shows `minutes` after midnight of a day. A time that comes twice (the clock is set back) is its first
   * or its last coming; one that never comes (the clock is set ahead) is the instant of the change.
   */
  instantOf(day: CalendarDay, minutes: number, coming: 'first' | 'last'): number {
    const wall = wallOf(day) + minutes * MINUTE_MS;
    const before = wall - this.#offsetAt(wall - WIDE_MS);
    const after = wall - this.#offsetAt(wall + WIDE_MS);
    const hits = [before, after].filter((at) => this.wallAt(at) === wall);
    if (hits.length > 0) return coming === 'first' ? Math.min(...hits) : Math.max(...hits);
    return this.#changeBetween(Math.min(before, after), Math.max(before, after));
  }

  #offsetAt(at: number): number {
    return this.wallAt(at) - Math.floor(at / 1000) * 1000;
  }

  /** The first instant after `from` with the offset of `to`. Zones change on whole seconds. */
  #changeBetween(from: number, to: number): number {
    const later = this.#offsetAt(to);
    let [low, high] = [Math.floor(from / 1000), Math.ceil(to / 1000)];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.#offsetAt(middle * 1000) === later) high = middle;
      else low = middle;
    }
    return high * 1000;
  }
}

const wallOf = ({ year, month, day }: CalendarDay): number => Date.UTC(year, month - 1, day);

function dayOfWall(wall: number): CalendarDay {
  const date = new Date(wall);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
}

export const addDays = (day: CalendarDay, days: number): CalendarDay => dayOfWall(wallOf(day) + days * DAY_MS);

/** 0 is Sunday. */
export const weekdayOf = (day: CalendarDay): number => new Date(wallOf(day)).getUTCDay();

const two = (value: number): string => String(value).padStart(2, '0');

/** `MM-DD`. */
export const yearlyName = ({ month, day }: CalendarDay): string => `${two(month)}-${two(day)}`;

/** `YYYY-MM-DD`. */
export const dateName = (day: CalendarDay): string => `${String(day.year).padStart(4, '0')}-${yearlyName(day)}`;
