import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { statusOf } from '../../bench/connection.ts';
import { cpuOfTrees, processOf } from '../../bench/cpu.ts';
import { isMet, medians, shown, table, verdictTable } from '../../bench/report.ts';
import { postgresBin } from '../support/postgres.ts';
import { redisProgram } from '../support/redis.ts';

const run = promisify(execFile);
const bench = (...args: string[]): Promise<{ stdout: string; stderr: string }> => run(process.execPath, ['bench/main.ts', ...args], { timeout: 280_000 });

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

function expectFigures(text: string, rows: string[]): void {
  for (const row of rows) {
    const figures = figuresOf(text, row);
    expect(figures.length, row).toBeGreaterThan(0);
    for (const figure of figures) expect(Number.isFinite(figure) && figure >= 0, `${row}: ${figure}`).toBe(true);
    expect(Math.max(...figures), row).toBeGreaterThan(0);
  }
}

const ACCEPT = ['ceiling:', 'accept: role api', 'accept while work drains: role all', 'ceiling, paced', 'accept, paced'];
const LANES = ['jobs that do nothing', 'whole turns'];
const PEERS = ['express + limiter', 'BullMQ, AOF everysec', 'BullMQ, AOF always', 'groupmq', 'pg-boss', 'graphile-worker'];

describe('npm run bench -- … --quick', () => {
  it('SQLite: prints finite figures for every row, and the environment they depend on', { timeout: 300_000 }, async () => {
    const { stdout } = await bench('accept', 'lanes', 'latency', 'fairness', '--quick', '--no-peers', '--concurrency', '16');
    expect(stdout).toMatch(/^Node 24\.[\d.]+, SQLite [\d.]+, \d+ cores, .*engine local; medians of 1 interleaved runs$/m);
    expect(stdout).toContain('64 connections');
    expect(stdout).toContain('16 at once');
    expectFigures(stdout, [...ACCEPT, ...LANES, "a small org's messages, alone", "a small org's messages, beside a flood"]);
    expect(stdout).not.toContain('express');
  });

  it.skipIf(!postgresBin() || !redisProgram())('PostgreSQL: beside what others use, or with a word on why not', { timeout: 300_000 }, async () => {
    const { stdout, stderr } = await bench('accept', 'lanes', 'latency', 'fairness', '--quick', '--store', 'postgres', '--concurrency', '16');
    expect(stdout).toMatch(/PostgreSQL [\d.]+, fsync and synchronous_commit on/);
    expectFigures(stdout, [...ACCEPT, 'accept while work drains: api and worker', ...LANES, "a small org's messages, alone"]);
    const isAlone = stdout.includes('NOT COMPARED');
    if (isAlone) expect(stderr).toContain('NOT COMPARED');
    else {
      expectFigures(stdout, PEERS);
      expect(figuresOf(stdout, 'express + limiter')[2]).toBe(1);
    }
    expect(stdout.includes('| accepted/s at least 1.6 x')).toBe(!isAlone);
    expect(stdout).toContain('| commit to claim, median');
  });

  it('refuses what it cannot measure, and says what it can', async () => {
    await expect(bench('accept', '--store', 'mysql')).rejects.toThrow(/Allowed choices are sqlite, postgres/);
    await expect(bench('speed')).rejects.toThrow(/there are accept, lanes, latency, fairness/);
    await expect(bench('--runs', '0')).rejects.toThrow(/whole number, 1 or more/);
  });
});

describe('what is compared with', () => {
  const read = (name: string): string => readFileSync(new URL(`../../bench/peers/${name}`, import.meta.url), 'utf8');

  it('is pinned, runs no install script, and its lockfile names no download address', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    for (const [name, version] of Object.entries(dependencies)) expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, { resolved?: string; hasInstallScript?: boolean }> };
    expect(Object.keys(packages).length).toBeGreaterThan(50);
    for (const [path, { resolved, hasInstallScript }] of Object.entries(packages)) {
      expect(resolved?.startsWith('http'), path).not.toBe(true);
      expect(hasInstallScript, path).not.toBe(true);
    }
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

  it('says of every target whether it was met', () => {
    expect(isMet({ target: '', measured: 2, atLeast: 2, unit: 'x' })).toBe(true);
    expect(isMet({ target: '', measured: 1.99, atLeast: 2, unit: 'x' })).toBe(false);
    expect(isMet({ target: '', measured: 5.1, atMost: 5, unit: 'ms' })).toBe(false);
    expect(isMet({ target: '', measured: Number.NaN, atLeast: 0, unit: 'x' })).toBe(false);
    const text = verdictTable([{ target: 'fast', measured: 1, atLeast: 2, unit: 'x' }, { target: 'told', measured: 1, unit: 'x' }]);
    expect(rowOf(text, 'fast')).toEqual(['fast', '1.00 x', 'NO']);
    expect(rowOf(text, 'told')).toEqual(['told', '1.00 x', '-']);
  });
});

describe('the CPU time of a process and its descendants', () => {
  it('is read from /proc, whatever a process is called', () => {
    const stat = '42 (post) gres: a b) S 7 42 42 0 -1 4194304 100 0 0 0 150 50 20 5 20 0 1 0 1000 1000 10 18446744073709551615';
    expect(processOf(stat)).toEqual({ parent: 7, ticks: 225 });
  });

  it.skipIf(process.platform !== 'linux')('counts children, those that ended too', async () => {
    const before = cpuOfTrees([process.pid]) ?? Number.NaN;
    await run(process.execPath, ['-e', 'const end = process.cpuUsage().user + 300_000; while (process.cpuUsage().user < end);']);
    expect((cpuOfTrees([process.pid]) ?? Number.NaN) - before).toBeGreaterThanOrEqual(250);
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
