import { cleanText } from '../../domain/message.ts';

/** Where a text may be cut, best first. A cut falls after the match. */
const BREAKS = [/\n[ \t]*\n/g, /\n/g, /[.!?…。！？][)"'”»]*\s/g, /\s/g];

/**
 * Splits a reply into parts of at most `max` UTF-16 units: between paragraphs, lines, sentences or words if it can, and never inside
 * a surrogate pair. Only white space at the cuts is lost. A blank text has no parts.
 */
export function splitText(text: string, max: number): string[] {
  const parts: string[] = [];
  let rest = cleanText(text).trim();
  while (rest.length > max) {
    const end = cutAt(rest, max);
    parts.push(rest.slice(0, end).trimEnd());
    rest = rest.slice(end).trimStart();
  }
  if (rest) parts.push(rest);
  return parts;
}

/** A cut in the first half would make needlessly short parts: then the next kind of break is tried. */
function cutAt(text: string, max: number): number {
  const head = text.slice(0, max + 1);
  for (const pattern of BREAKS) {
    const last = [...head.matchAll(pattern)].at(-1);
    if (last && last.index >= max / 2) return Math.min(last.index + last[0].length, max);
  }
  const splitsPair = /[\uD800-\uDBFF]/.test(text[max - 1] ?? '');
  return splitsPair ? max - 1 : max;
}
