import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bench, nobody } from './chatwoot-bench.ts';

function splitter(maxPartLength: number): (text: string) => string[] {
  const { channel } = bench(nobody, { maxPartLength });
  return (text) => channel.split(text);
}
const split = splitter(60);
const solid = (text: string) => text.replaceAll(/\s/g, '');

describe('a reply', () => {
  it('is usually one part', () => {
    expect(bench(nobody).channel.split('Hello.\n\nHow are you?\n')).toEqual(['Hello.\n\nHow are you?']);
  });

  it.each(['', '  \n ', '\u0000'])('has no parts when it is blank: %j', (text) => {
    expect(split(text)).toEqual([]);
  });

  it.each<[string, string, string[]]>([
    ['paragraphs', `${'a'.repeat(40)}\n\n${'b. '.repeat(10)}b`, ['a'.repeat(40), `${'b. '.repeat(10)}b`]],
    ['lines', `${'a'.repeat(40)}\n${'b. '.repeat(10)}b`, ['a'.repeat(40), `${'b. '.repeat(10)}b`]],
    ['sentences', `${'a'.repeat(40)}. ${'b '.repeat(15)}b`, [`${'a'.repeat(40)}.`, `${'b '.repeat(15)}b`]],
    ['words', `${'a'.repeat(40)} ${'b'.repeat(40)}`, ['a'.repeat(40), 'b'.repeat(40)]],
    ['nothing at all', 'a'.repeat(130), ['a'.repeat(60), 'a'.repeat(60), 'a'.repeat(10)]],
    ['no break that would leave a stub', `Look: ${'b'.repeat(64)}`, [`Look: ${'b'.repeat(54)}`, 'b'.repeat(10)]],
    ['whole characters', `a${'🙂'.repeat(40)}`, [`a${'🙂'.repeat(29)}`, '🙂'.repeat(11)]],
  ])('is split at %s', (_, text, parts) => {
    expect(split(text)).toEqual(parts);
  });

  it('takes a text of exactly the limit whole', () => {
    expect(split('a'.repeat(60))).toEqual(['a'.repeat(60)]);
  });

  it('loses only white space, keeps to the limit and never splits a pair', () => {
    const text = fc.array(fc.oneof(fc.constantFrom('. ', '\n\n', '\n', ' ', '🙂', '🙂🙂🙂🙂🙂'), fc.string()), { maxLength: 80 }).map((a) => a.join(''));
    fc.assert(
      fc.property(text, fc.integer({ min: 50, max: 200 }), (reply, max) => {
        const parts = splitter(max)(reply);
        for (const one of parts) {
          expect(one.length).toBeLessThanOrEqual(max);
          expect(one.trim()).not.toBe('');
          expect(one.isWellFormed()).toBe(true);
        }
        expect(solid(parts.join(''))).toBe(solid(reply.replaceAll('\u0000', '').toWellFormed()));
      }),
    );
  });
});
