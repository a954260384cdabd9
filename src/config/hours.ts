import { z } from 'zod';
import type { ClosedWords } from '../domain/closed-notice.ts';
import { LANGUAGE_CODES } from '../domain/catalogue/index.ts';
import type { LanguageCode } from '../domain/catalogue/index.ts';
import type { ClosedPolicy, Schedule, Span } from '../domain/hours.ts';
import { TimeZone } from '../domain/time-zone.ts';

/** Service hours of a channel, and what happens outside them. */
export interface HoursConfig {
  schedule: Schedule;
  policy: ClosedPolicy;
  /** Null: nothing is said. */
  words: ClosedWords | null;
}

const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const SPAN = /^([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)$/;
const DAY = /^(?:[0-9]{4}-)?(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$/;

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

function spanOf(text: string): Span {
  const [start, end] = text.split('-').map(minutesOf) as [number, number];
  return { start, end: end < start ? end + 1440 : end };
}

const isZone = (name: string): boolean => {
  try {
    new TimeZone(name);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
};

const span = z
  .string({ error: 'must be text such as "09:00-18:00"' })
  .regex(SPAN, 'must be hours such as "09:00-18:00"; "22:00-03:00" ends on the next day, and "00:00-24:00" is the whole day')
  .transform(spanOf)
  .refine(({ start, end }) => end !== start, 'begins when it ends: write "00:00-24:00" for the whole day, or leave it out');
const spans = z.array(span, { error: 'must be a list of hours such as ["09:00-18:00"]; [] is closed' });
const day = z.string({ error: 'must be text' }).regex(DAY, 'must be a day such as "2026-12-24", or "12-25" for every year');
const words = z.string().min(1, 'must not be empty').max(2_000, 'must be at most 2000 characters');
const byLanguage = z.partialRecord(z.enum(LANGUAGE_CODES as [LanguageCode, ...LanguageCode[]]), words);

/** What the file says of service hours. */
export const hoursSchema = z.strictObject({
  timeZone: z.string({ error: 'is missing: an IANA time zone such as "America/Lima"' }).refine(isZone, 'must be an IANA time zone such as "America/Lima"'),
  /** Days that are left out are closed. */
  weekly: z.strictObject(Object.fromEntries(WEEKDAYS.map((name) => [name, spans.optional()])) as Record<(typeof WEEKDAYS)[number], z.ZodOptional<typeof spans>>),
  holidays: z.array(day, { error: 'must be a list of days' }).default([]),
  exceptions: z.record(day, spans).default({}),
  /** `defer`: answered at the opening. `answer`: answered all the same. `handoff`: left to people. */
  outside: z.enum(['defer', 'answer', 'handoff'], { error: 'must be one of: defer, answer, handoff' }).default('defer'),
  /** What is said outside hours, once per closed period; `{when}` becomes the opening. `false`: nothing. */
  message: z.union([words, byLanguage, z.literal(false)], { error: 'must be text, { en: "…", es: "…" } or false' }).default({}),
});

export type HoursEntry = z.output<typeof hoursSchema>;

function wordsOf(message: HoursEntry['message']): ClosedWords | null {
  if (message === false) return null;
  return typeof message === 'string' ? Object.fromEntries(LANGUAGE_CODES.map((code) => [code, message])) : message;
}

export function hoursOf(entry: HoursEntry): HoursConfig {
  const { timeZone, weekly, holidays, exceptions, outside: policy, message } = entry;
  const schedule = { timeZone, weekly: WEEKDAYS.map((name) => weekly[name] ?? []), holidays: new Set(holidays), exceptions: new Map(Object.entries(exceptions)) };
  return { schedule, policy, words: wordsOf(message) };
}
