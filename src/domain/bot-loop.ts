/**
 * Signs that the other side of a conversation is a program, and that both sides only answer each other. People write the same short word
 * again and again, write fast and write much; so each sign is one that people hardly give.
 */
import { SHORT_ANSWER } from './short-answer.ts';
import type { HistoryEntry } from './turn.ts';

/** `echo`: we get our own words back. `repetition`: the same words after each reply. `pace`: every reply is answered at once. `volume`: no end. */
export type LoopSign = 'echo' | 'repetition' | 'pace' | 'volume';

/** Entries of the conversation's past that are looked at, the newest. */
export const LOOP_LOOK_BACK = 64;

/** What is older says nothing about now, ms. The silence that a sign brings lasts as long. */
const WINDOW_MS = 600_000;
const ECHOES = 3;
const REPETITIONS = 4;
/** A program that repeats a short word gets the same answer as often. */
const SHORT_REPETITIONS = 6;
const FAST_REPLIES = 20;
const FAST_WINDOW_MS = 300_000;
/** Nobody reads a reply and answers it so soon, time after time, ms. Platforms tell whole seconds. */
const TOO_SOON_MS = 3_000;
/** Of the answers to our replies, this share came too soon. */
const MOSTLY = 0.9;

/** How often the bot may answer in one conversation within an hour. */
export const MAX_REPLIES_PER_HOUR = 60;

/** The same words, however they are spaced and capitalised. */
const words = (text: string): string => text.normalize('NFKC').toLowerCase().replaceAll(/\s+/g, ' ').trim();

function mostFrequent(texts: string[]): { text: string; count: number } {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].map(([text, count]) => ({ text, count })).reduce((most, one) => (one.count > most.count ? one : most), { text: '', count: 0 });
}

function isEcho(theirs: string[], ours: string[]): boolean {
  const said = new Set(ours);
  return theirs.filter((text) => text.length > SHORT_ANSWER && said.has(text)).length >= ECHOES;
}

function isRepetition(theirs: string[], ours: string[]): boolean {
  const { text, count } = mostFrequent(theirs.filter((one) => one !== ''));
  if (text.length > SHORT_ANSWER) return count >= REPETITIONS && ours.length >= REPETITIONS - 1;
  return count >= SHORT_REPETITIONS && mostFrequent(ours).count >= SHORT_REPETITIONS - 1;
}

/** How soon after each of our replies the next message came; bursts count once. */
function reactionsMs(said: readonly HistoryEntry[]): number[] {
  return said.flatMap((entry, i) => {
    const before = said[i - 1];
    return entry.role === 'user' && before?.role === 'assistant' ? [entry.at - before.at] : [];
  });
}

function isPace(said: readonly HistoryEntry[], now: number): boolean {
  const reactions = reactionsMs(said.filter(({ at }) => at > now - FAST_WINDOW_MS));
  return reactions.length >= FAST_REPLIES && reactions.filter((ms) => ms < TOO_SOON_MS).length >= reactions.length * MOSTLY;
}

/** Looks at what was said, oldest first, what is to be answered included. `now`: UTC ms. */
export function loopSign(said: readonly HistoryEntry[], now: number): LoopSign | null {
  const recent = said.filter(({ at }) => at > now - WINDOW_MS);
  const textsOf = (role: HistoryEntry['role']): string[] => recent.filter((entry) => entry.role === role).map(({ text }) => words(text));
  const [theirs, ours] = [textsOf('user'), textsOf('assistant')];
  if (isEcho(theirs, ours)) return 'echo';
  if (isRepetition(theirs, ours)) return 'repetition';
  return isPace(recent, now) ? 'pace' : null;
}
