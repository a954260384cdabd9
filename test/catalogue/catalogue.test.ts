import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LANGUAGE_CODES, languageFor, languageOf, say } from '../../src/domain/catalogue/index.ts';
import { enMessages, enWords } from '../../src/domain/catalogue/en.ts';
import type { MessageKey, Messages } from '../../src/domain/catalogue/en.ts';
import { esMessages, esWords } from '../../src/domain/catalogue/es.ts';

const all: Record<string, Messages> = { en: enMessages, es: esMessages };
const keys = Object.keys(enMessages) as MessageKey[];
const holes = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g) ?? [])].toSorted();

describe('every language', () => {
  it('is covered by this test', () => {
    expect(Object.keys(all)).toEqual(LANGUAGE_CODES);
  });

  it.each(LANGUAGE_CODES)('%s has every key, with text and the same holes', (code) => {
    expect(Object.keys(all[code] ?? {}).toSorted()).toEqual(keys.toSorted());
    for (const key of keys) {
      const text = all[code]?.[key] ?? '';
      expect({ key, empty: text.trim() === '', holes: holes(text) }).toEqual({ key, empty: false, holes: holes(enMessages[key]) });
    }
  });

  it('shares no telling word with another', () => {
    const english = new Set(enWords.split(' '));
    expect(esWords.split(' ').filter((word) => english.has(word))).toEqual([]);
  });

  it.each(LANGUAGE_CODES)('%s is recognised in its own apologies', (code) => {
    expect(languageOf(say('apology', code), 'xx')).toBe(code);
    expect(languageOf(say('apology_crashed', code), 'xx')).toBe(code);
  });

  it.each(LANGUAGE_CODES)('%s counts to ten', (code) => {
    expect(say('numbers', code).split('|')).toHaveLength(11);
  });
});

describe('say', () => {
  it('fills holes, and leaves alone what looks like one inside a value', () => {
    expect(say('script_together', 'en', { count: 'two', list: '{count}' })).toBe('I read your two messages together: {count}.');
  });

  it('takes a locale with a region, and speaks English to the rest of the world', () => {
    expect(say('script_thanks', 'es-MX')).toBe('¡De nada!');
    expect(say('script_thanks', 'es_419')).toBe('¡De nada!');
    expect(say('script_thanks', 'ja')).toBe('You are welcome!');
    expect(languageFor('')).toBe('en');
  });

  it('asks the compiler for the parameters of a key', () => {
    // @ts-expect-error count and list are missing
    expect(say('script_together', 'en')).toContain('{count}');
    // @ts-expect-error no such key
    expect(() => say('no_such_key', 'en')).toThrow(TypeError);
  });
});

describe('languageOf', () => {
  it.each([
    ['hola', 'es'],
    ['Quiero saber el precio', 'es'],
    ['a que hora abren mañana', 'es'],
    ['¿me pueden ayudar?', 'es'],
    ['ESTÁN ABIERTOS', 'es'],
    ['hi there', 'en'],
    ['what is the price', 'en'],
    ["I don't know", 'en'],
    ['thanks amigo', 'en'],
  ])('%s is %s', (text, code) => {
    expect(languageOf(text, 'xx')).toBe(code);
  });

  it.each(['', 'ok', '123', 'Ana', '👍', 'hola hello'])('cannot tell of "%s", and gives the fallback back as it is', (text) => {
    expect(languageOf(text, 'pt-BR')).toBe('pt-BR');
  });

  it('reads decomposed accents like composed ones', () => {
    expect(languageOf('cafe\u0301'.normalize('NFD'), 'xx')).toBe('es');
  });

  it('always answers a known language or the fallback, the same each time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const code = languageOf(text, 'xx');
        expect(['xx', ...LANGUAGE_CODES]).toContain(code);
        expect(languageOf(text, 'xx')).toBe(code);
      }),
    );
  });
});
