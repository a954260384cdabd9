import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { medians, shown, table } from '../../bench/report.ts';
import { statusOf } from '../../bench/connection.ts';

const run = promisify(execFile);
const bench = (...args: string[]): Promise<{ stdout: string }> => run(process.execPath, ['bench/main.ts', ...args], { timeout: 90_000 });

/** The cells of a printed row; the first is its name. */
function rowOf(text: string, name: string): string[] {
  const line = text.split('\n').find((each) => each.startsWith(`| ${name}`));
  if (!line) throw new Error(`no row ${name} in:\n${text}`);
  return line.split('|').slice(1, -1).map((cell) => cell.trim());
}

/** Every cell that is not left out is a finite number. */
function figuresOf(text: string, name: string): number[] {
  const cells = rowOf(text, name).slice(1).filter((cell) => cell !== '-');
  return cells.map((cell) => Number(cell.replaceAll(',', '')));
}

describe('npm run bench -- accept lanes --quick', () => {
  it('prints finite figures for every row, and the environment they depend on', { timeout: 120_000 }, async () => {
    const { stdout } = await bench('accept', 'lanes', '--quick', '--concurrency', '16');
    expect(stdout).toMatch(/^Node 24\.[\d.]+, SQLite [\d.]+, \d+ cores, .*medians of 1 interleaved runs$/m);
    expect(stdout).toContain('64 connections');
    expect(stdout).toContain('16 lanes at once');
    const rows = ['ceiling:', 'accept: role api', 'accept while work drains', 'ceiling, paced', 'accept, paced', 'jobs that do nothing', 'whole turns', 'commit known to claim'];
    for (const row of rows) {
      const figures = figuresOf(stdout, row);
      expect(figures.length, row).toBeGreaterThan(0);
      for (const figure of figures) expect(Number.isFinite(figure) && figure >= 0, `${row}: ${figure}`).toBe(true);
      expect(Math.max(...figures), row).toBeGreaterThan(0);
    }
  });

  it('refuses what it cannot measure, and says what it can', async () => {
    await expect(bench('accept', '--store', 'postgres')).rejects.toThrow(/only sqlite can be measured, not postgres/);
    await expect(bench('speed')).rejects.toThrow(/there are accept and lanes/);
    await expect(bench('--runs', '0')).rejects.toThrow(/whole number, 1 or more/);
  });
});

describe('the report', () => {
  it('takes the median of each figure', () => {
    expect(medians([{ a: 1, b: 30 }, { a: 3, b: 10 }, { a: 2, b: 20 }])).toEqual({ a: 2, b: 20 });
    expect(medians([{ a: 1 }, { a: 2 }])).toEqual({ a: 1.5 });
  });

  it('aligns numbers and keeps the small ones exact enough', () => {
    expect([shown(12_345.6), shown(99.994), shown(0.456)]).toEqual(['12,346', '99.99', '0.46']);
    expect(table(['x', 'n'], [['ab', '1']])).toBe('| x  | n |\n|----|--:|\n| ab | 1 |');
  });
});

describe('the load generator', () => {
  it('takes a response for answered only when all of it is there', () => {
    const head = 'HTTP/1.1 429 Too Many Requests\r\nContent-Length: 5\r\nretry-after: 1\r\n\r\n';
    expect(statusOf(head.slice(0, 40))).toBe(null);
    expect(statusOf(`${head}abcd`)).toBe(null);
    expect(statusOf(`${head}abcde`)).toBe(429);
  });
});
