import { availableParallelism } from 'node:os';

/** The figures of one run, by name. */
export type Figures = Record<string, number>;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  if (low === undefined || high === undefined) throw new Error('a median needs values');
  return (low + high) / 2;
}

/** The median of each figure over the runs. */
export function medians(runs: readonly Figures[]): Figures {
  const names = Object.keys(runs[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(runs.map((run) => run[name] ?? Number.NaN))]));
}

/** Thousands without decimals; small numbers with two. */
export function shown(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(2);
}

/** A table in Markdown that is readable as text. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

/** What the figures depend on. */
export function environment(): string {
  return `Node ${process.versions.node}, SQLite ${process.versions.sqlite}, ${availableParallelism()} cores, ${process.platform} ${process.arch}; load generator on the same machine, loopback`;
}

/** A target, and what was measured. Without a bound it is only told. */
export interface Verdict {
  target: string;
  measured: number;
  atLeast?: number;
  atMost?: number;
  /** `x`, `ms`, … */
  unit: string;
}

export function isMet({ measured, atLeast = -Infinity, atMost = Infinity }: Verdict): boolean {
  return measured >= atLeast && measured <= atMost;
}

/** What was missed is said as loudly as what was met. */
export function verdictTable(verdicts: readonly Verdict[]): string {
  return table(
    ['target', 'measured', 'met'],
    verdicts.map((verdict) => {
      const hasBound = verdict.atLeast !== undefined || verdict.atMost !== undefined;
      return [verdict.target, `${shown(verdict.measured)} ${verdict.unit}`, hasBound ? (isMet(verdict) ? 'yes' : 'NO') : '-'];
    }),
  );
}
