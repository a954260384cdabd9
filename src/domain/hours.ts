/** Service hours: when somebody is there. Pure; instants are UTC ms. */
import { addDays, dateName, TimeZone, weekdayOf, yearlyName, type CalendarDay } from './time-zone.ts';

/** Minutes after midnight of the day it begins on. An `end` of more than 1440 is on the next day. */
export interface Span {
  start: number;
  end: number;
}

/** What an org or channel is told about itself. */
export interface Schedule {
  /** IANA name: `America/Lima`. */
  timeZone: string;
  /** By weekday, 0 is Sunday. Spans belong to the day they begin on. */
  weekly: readonly (readonly Span[])[];
  /** Days on which nothing begins: `YYYY-MM-DD`, or `MM-DD` for every year. */
  holidays: ReadonlySet<string>;
  /** Days with other spans than their weekday's, holiday or not; a date wins over a day of every year. */
  exceptions: ReadonlyMap<string, readonly Span[]>;
}

/** Open or closed at an instant, and since when and until when. */
export type Opening =
  | { open: true }
  | {
      open: false;
      /** When this closed period began; null when nothing was open in the year before. */
      since: number | null;
      /** When it ends; null when nothing opens in the year to come. */
      until: number | null;
    };

/** How far hours are looked for in both directions, days: a year and its longest holiday. */
const HORIZON_DAYS = 370;
/** An answer is believed so long at the most, ms, so that a schedule without hours is looked at again. */
const BELIEVED_MS = 86_400_000;

interface Interval {
  start: number;
  end: number;
}

/** The hours of one schedule. Remembers the last answer, which nearly always holds for the next question too. */
export class ServiceHours {
  readonly schedule: Schedule;
  readonly #zone: TimeZone;
  #known: { from: number; to: number; opening: Opening } | null = null;

  /** @throws RangeError when there is no such time zone. */
  constructor(schedule: Schedule) {
    this.schedule = schedule;
    this.#zone = new TimeZone(schedule.timeZone);
  }

  at(now: number): Opening {
    if (!this.#known || now < this.#known.from || now >= this.#known.to) this.#known = this.#look(now);
    return this.#known.opening;
  }

  #look(now: number): { from: number; to: number; opening: Opening } {
    const today = this.#zone.dayOf(now);
    const next = this.#nextAfter(now, today);
    if (next && next.start <= now) return { from: next.start, to: next.end, opening: { open: true } };
    const since = this.#lastEndBefore(now, today);
    const until = next?.start ?? null;
    return { from: since ?? now, to: until ?? now + BELIEVED_MS, opening: { open: false, since, until } };
  }

  /** The interval that holds `now`, or else the first that begins after it. One of yesterday may reach into today. */
  #nextAfter(now: number, today: CalendarDay): Interval | null {
    for (let days = -1; days <= HORIZON_DAYS; days++) {
      const ahead = this.#intervals(addDays(today, days)).filter(({ end }) => end > now);
      if (ahead.length > 0) return ahead.reduce((first, one) => (one.start < first.start ? one : first));
    }
    return null;
  }

  #lastEndBefore(now: number, today: CalendarDay): number | null {
    for (let days = 0; days <= HORIZON_DAYS; days++) {
      const ends = this.#endsBefore(now, addDays(today, -days));
      // The spans of the day before may cross midnight and end later still.
      if (ends.length > 0) return Math.max(...ends, ...this.#endsBefore(now, addDays(today, -days - 1)));
    }
    return null;
  }

  #endsBefore(now: number, day: CalendarDay): number[] {
    return this.#intervals(day).map(({ end }) => end).filter((end) => end <= now);
  }

  /** A time that comes twice opens at its first coming and closes at its last; one that never comes is the change itself. */
  #intervals(day: CalendarDay): Interval[] {
    return this.#spans(day).flatMap(({ start, end }) => {
      const interval = { start: this.#instant(day, start, 'first'), end: this.#instant(day, end, 'last') };
      return interval.end > interval.start ? [interval] : [];
    });
  }

  #instant(day: CalendarDay, minutes: number, coming: 'first' | 'last'): number {
    const later = Math.floor(minutes / 1440);
    return this.#zone.instantOf(later > 0 ? addDays(day, later) : day, minutes - later * 1440, coming);
  }

  #spans(day: CalendarDay): readonly Span[] {
    const { weekly, holidays, exceptions } = this.schedule;
    const [date, yearly] = [dateName(day), yearlyName(day)];
    const exception = exceptions.get(date) ?? exceptions.get(yearly);
    if (exception) return exception;
    return holidays.has(date) || holidays.has(yearly) ? [] : (weekly[weekdayOf(day)] ?? []);
  }
}

/** What is done with a message outside hours, besides telling its sender. */
export type ClosedPolicy = 'defer' | 'answer' | 'handoff';

/** The conversations that waited for the opening begin over this long, ms, so that they do not all begin at once. */
const OPENING_SPREAD_MS = 30_000;

/** How long after the opening a conversation begins, ms: always the same for the same conversation, so that its messages wait together. */
export function openingDelayMs(conversation: string): number {
  let hash = 2_166_136_261;
  for (const character of conversation) hash = Math.imul(hash ^ (character.codePointAt(0) as number), 16_777_619) >>> 0;
  return hash % OPENING_SPREAD_MS;
}
