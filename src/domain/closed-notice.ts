import { languageFor, say, type LanguageCode } from './catalogue/index.ts';
import type { ClosedPolicy } from './hours.ts';

/** An org's own words outside hours, by language; `{when}` becomes the time of the opening. */
export type ClosedWords = Partial<Record<LanguageCode, string>>;

export interface Closed {
  policy: ClosedPolicy;
  /** UTC ms. `until` null: nothing opens in the year to come. */
  now: number;
  until: number | null;
  timeZone: string;
  /** Instead of the catalogue's, where it has the language or only one. */
  words: ClosedWords;
}

const SIX_DAYS_MS = 6 * 86_400_000;

/** The opening as one says it in the language: `Monday 9:00 AM`; more than six days ahead with its date. */
function whenText(at: number, { now, timeZone }: Closed, locale: string): string {
  const date = at - now > SIX_DAYS_MS ? ({ day: 'numeric', month: 'long' } as const) : {};
  return new Intl.DateTimeFormat(languageFor(locale), { timeZone, weekday: 'long', hour: 'numeric', minute: '2-digit', ...date }).format(at);
}

/** What a contact is told outside hours, in the language of `locale`. */
export function closedNotice(closed: Closed, locale: string): string {
  const { policy, until, words } = closed;
  const own = words[languageFor(locale)] ?? Object.values(words)[0];
  const when = until === null ? null : whenText(until, closed, locale);
  if (own !== undefined) return own.replaceAll('{when}', when ?? '').trim();
  return when === null ? say('closed', locale) : say(`closed_${policy}`, locale, { when });
}
