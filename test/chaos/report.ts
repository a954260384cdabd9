/** One line of a report. */
export const row = (name: string, value: string | number): string => `${name.padEnd(24)} ${value}`;

/** A time in ms, and where it was measured. */
export interface Timed {
  ms: number;
  seed?: number;
}

/** Median and maximum of times, how many there are, and where the longest was. */
export function times(all: Timed[]): string {
  const sorted = all.toSorted((a, b) => a.ms - b.ms);
  const [middle, last] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  if (!middle || !last) return 'none measured';
  return `median ${middle.ms} ms, max ${last.ms} ms${last.seed === undefined ? '' : ` in seed ${last.seed}`} (${sorted.length} times)`;
}
