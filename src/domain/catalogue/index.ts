/**
 * The message catalogue: everything that a chat user reads and that no responder made up. A new language is one file
 * with the same keys, and one line in `LANGUAGES`; a missing key does not compile.
 */
import { enLetters, enMessages, enWords } from './en.ts';
import type { MessageKey, Messages } from './en.ts';
import { esLetters, esMessages, esWords } from './es.ts';

export type { MessageKey, Messages } from './en.ts';

type Holes<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Holes<Rest> : never;
type Params<Key extends MessageKey> = Holes<(typeof enMessages)[Key]>;

interface Language {
  messages: Messages;
  /** Lower-case words that tell the language. No word is in two languages. */
  words: ReadonlySet<string>;
  letters: ReadonlySet<string>;
}

const language = (messages: Messages, words: string, letters: string): Language => ({
  messages,
  words: new Set(words.split(' ')),
  letters: new Set(letters),
});

const LANGUAGES = {
  en: language(enMessages, enWords, enLetters),
  es: language(esMessages, esWords, esLetters),
} satisfies Record<string, Language>;

/** A language of the catalogue, as its two letters. */
export type LanguageCode = keyof typeof LANGUAGES;

/** The languages that the catalogue has. */
export const LANGUAGE_CODES = Object.keys(LANGUAGES) as LanguageCode[];

/** Spoken to those whose language the catalogue does not have. */
const FALLBACK: LanguageCode = 'en';

/** Enough to tell a language; a pasted book must not cost more. */
const LOOK_AT = 2_000;

/** The catalogue's language for a locale (`es`, `es-MX`, `es_419`); English for a locale that it does not have. */
export function languageFor(locale: string): LanguageCode {
  const code = locale.toLowerCase().split(/[-_]/, 1)[0] ?? '';
  return LANGUAGE_CODES.find((known) => known === code) ?? FALLBACK;
}

/**
 * The text of `key` in the language of `locale`, its holes filled. Which parameters a key needs is checked by the
 * compiler. Values go in as they are: what looks like a hole inside a value stays text.
 */
export function say<Key extends MessageKey>(
  key: Key,
  locale: string,
  ...params: [Params<Key>] extends [never] ? [] : [Readonly<Record<Params<Key>, string | number>>]
): string {
  const values: Readonly<Record<string, string | number>> = params[0] ?? {};
  const text: string = LANGUAGES[languageFor(locale)].messages[key];
  return text.replaceAll(/\{(\w+)\}/g, (hole, name: string) => String(values[name] ?? hole));
}

function score({ words, letters }: Language, text: string): number {
  let found = 0;
  for (const [word] of text.matchAll(/\p{L}+/gu)) if (words.has(word)) found += 1;
  for (const letter of text) if (letters.has(letter)) found += 1;
  return found;
}

/**
 * The language that `text` is most likely written in, as two letters; `fallback`, as it was given, when the text does
 * not tell (empty, numbers, a name, as many signs of one language as of another). Counts frequent words and letters of
 * the catalogue's languages in the first 2,000 characters, so a language that the catalogue lacks may be taken for its
 * neighbour.
 */
export function languageOf(text: string, fallback: string): string {
  const sample = text.slice(0, LOOK_AT).normalize('NFC').toLowerCase().replaceAll(/['’]/g, '');
  const scores = LANGUAGE_CODES.map((code) => ({ code, found: score(LANGUAGES[code], sample) }));
  const most = Math.max(...scores.map(({ found }) => found));
  const best = scores.filter(({ found }) => found === most);
  return most > 0 && best.length === 1 && best[0] ? best[0].code : fallback;
}
