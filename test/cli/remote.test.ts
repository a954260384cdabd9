import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../src/cli/index.ts';
import { dlqCommand } from '../../src/cli/dlq.ts';
import { followOperation } from '../../src/cli/remote/follow.ts';
import { createAdminApi } from '../../src/cli/remote/admin-api.ts';
import type { Terminal } from '../../src/cli/remote/terminal.ts';
import { systemClock } from '../../src/domain/clock.ts';
import { serve } from '../http/support.ts';
import { letter } from '../operate/fake-store.ts';
import { freePort } from '../support/daemon.ts';

beforeEach(() => {
  for (const name of ['PORT', 'HOST', 'APP_MODE', 'DATABASE_URL', 'REDIS_URL', 'NODE_ENV', 'ADMIN_TOKEN']) vi.stubEnv(name, undefined);
});
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(closing.splice(0).map((close) => close()));
});

async function running(given: Parameters<typeof serve>[0] = {}) {
  const room = await serve(given);
  const url = (await room.http.listen()).replace(/\/$/, '');
  closing.push(async () => {
    await room.operate.stop();
    await room.http.close();
  });
  return { ...room, url };
}

async function chasqui(...args: string[]) {
  const printed: string[] = [];
  const end = await runCli(args, { run: async () => undefined, inspect: () => Promise.reject(new Error('not asked')), print: (line) => void printed.push(line) });
  return { ...end, printed };
}

/** Time flies: a sleep ends at once. */
function terminal(columns: number | null): Terminal & { drawn: string[]; interrupt(): void } {
  const drawn: string[] = [];
  let callback = (): void => undefined;
  return {
    clock: { ...systemClock, sleep: (_ms, signal) => systemClock.sleep(1, signal) }, fetch, columns, drawn, write: (text) => void drawn.push(text),
    onInterrupt: (each) => ((callback = each), { [Symbol.dispose]: () => undefined }), interrupt: () => callback(),
  };
}

describe('chasqui dlq', () => {
  it('lists, counts, retries one', async () => {
    const { url } = await running();
    expect((await chasqui('dlq', 'list', '--url', url)).printed).toEqual([
      '1970-01-01T00:00:01.002Z  job_cnv_1_2  org_a  turn  attempts_exhausted', '1970-01-01T00:00:01.001Z  job_cnv_1_1  org_a  turn  attempts_exhausted',
    ]);
    expect((await chasqui('dlq', 'list', '--limit', '1', '--reason', 'crashed', '--url', url)).printed).toEqual(['no dead letters']);
    expect((await chasqui('dlq', 'stats', '--url', url)).printed).toEqual(['2 dead letters, not above the threshold of 2', 'oldest: 1970-01-01T00:00:01.001Z', 'attempts_exhausted: 2']);
    expect(JSON.parse((await chasqui('dlq', 'stats', '--json', '--url', url)).printed[0] as string)).toMatchObject({ ok: true, counts: { total: 2 } });
    expect((await chasqui('dlq', 'retry', 'job_cnv_1_1', '--url', url)).printed).toEqual(['retried as job_cnv_1_1000']);
    expect(await chasqui('dlq', 'retry', 'job_cnv_1_1', '--url', url)).toMatchObject({ exitCode: 1, message: 'chasqui: job_cnv_1_1 was retried already.' });
  });

  it('retries all and follows it to its end; operations lists it', async () => {
    const { url, dead } = await running({ operate: { letters: Array.from({ length: 250 }, (_, n) => letter('cnv_a', n + 1)) } });
    const { printed, exitCode } = await chasqui('dlq', 'retry-all', '--url', url);
    expect(exitCode).toBe(0);
    expect(printed.at(-1)).toMatch(/^op_\w+ {2}dlq_retry_all {2}completed {2}250\/250 100%$/);
    expect(dead.calls).toHaveLength(250);
    expect((await chasqui('operations', '--url', url)).printed).toEqual([printed.at(-1)]);
    const id = printed.at(-1)?.split(' ')[0] as string;
    expect(await chasqui('operations', id, '--resume', '--url', url)).toMatchObject({ exitCode: 1, message: expect.stringContaining('completed') as string });
    expect(await chasqui('operations', id, '--cancel', '--url', url)).toMatchObject({ exitCode: 1, message: expect.stringContaining('nothing to cancel') as string });
  });

  it('purges only with --yes', async () => {
    const { url, dead } = await running();
    expect(await chasqui('dlq', 'purge', '--url', url)).toMatchObject({ exitCode: 2, message: expect.stringContaining('--yes') as string });
    expect(dead.letters.size).toBe(2);
    expect((await chasqui('dlq', 'purge', '--yes', '--url', url)).printed.at(-1)).toMatch(/dlq_purge {2}completed {2}2\/2/);
    expect(dead.letters.size).toBe(0);
  });

  it('says what is wrong with the address or the token', async () => {
    const { url } = await running({ settings: { adminToken: 'right' } });
    vi.stubEnv('ADMIN_TOKEN', 'wrong');
    expect(await chasqui('dlq', 'stats', '--url', url)).toMatchObject({ exitCode: 1, message: `chasqui: ${url} refuses the token: set ADMIN_TOKEN to the one of the running process` });
    vi.stubEnv('ADMIN_TOKEN', 'right');
    expect((await chasqui('dlq', 'stats', '--url', url)).exitCode).toBe(0);
    expect((await chasqui('dlq', 'stats', '--url', `http://127.0.0.1:${await freePort()}`)).message).toMatch(/127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\): is Chasqui running there\?/);
    expect(await chasqui('dlq', 'stats', '--url', 'localhost')).toMatchObject({ exitCode: 2, message: expect.stringContaining('--url localhost') as string });
    const other = createServer((_request, response) => void response.writeHead(302, { location: '/' }).end('moved')).listen(0, '127.0.0.1');
    closing.push(async () => void other.close());
    await new Promise((resolve) => void other.once('listening', resolve));
    expect((await chasqui('dlq', 'stats', '--url', `http://127.0.0.1:${(other.address() as AddressInfo).port}`)).message).toMatch(/not as Chasqui does/);
  });
});

describe('following an operation', () => {
  async function slow() {
    const room = await running();
    const { operation } = await room.operations.start({ id: 'op_slow' as never, kind: 'import', total: 10 });
    const taken = await room.operations.take({ owner: 'x', kinds: ['import'], leaseMs: 60_000 });
    const step = (done: number) => room.operations.advance(taken!.lease, { cursor: done, done, failed: 1, leaseMs: 60_000 });
    return { ...room, id: operation.id, step, complete: () => room.operations.complete(taken!.lease), api: createAdminApi(room.url, undefined, { fetch }) };
  }

  it('draws a bar over itself on a terminal', async () => {
    const { api, id, step, complete } = await slow();
    const printed: string[] = [];
    const screen = terminal(100);
    const followed = followOperation({ api, id }, { print: (line) => void printed.push(line) }, screen);
    await expect.poll(() => screen.drawn.at(-1)).toBe(`\r\u001b[K[${'.'.repeat(30)}] 0/10 0% running`);
    await step(4);
    await expect.poll(() => screen.drawn.at(-1)).toBe(`\r\u001b[K[${'#'.repeat(15)}${'.'.repeat(15)}] 5/10 50% running`);
    await complete();
    await followed;
    expect(screen.drawn.at(-1)).toBe('\r\u001b[K');
    expect(printed).toEqual(['op_slow  import  completed  5/10 50%, 1 failed']);
  });

  it('prints plain lines into a pipe', async () => {
    const { api, id, step, complete } = await slow();
    const printed: string[] = [];
    const pipe = terminal(null);
    const followed = followOperation({ api, id }, { print: (line) => void printed.push(line) }, pipe);
    await expect.poll(() => printed).toEqual(['op_slow  import  running  0/10 0%']);
    await step(9);
    await complete();
    await followed;
    expect(printed).toEqual(['op_slow  import  running  0/10 0%', 'op_slow  import  completed  10/10 100%, 1 failed']);
    expect(pipe.drawn).toEqual([]);
  });

  it('Ctrl-C leaves it going, and says how to look again', async () => {
    const { api, id, operations } = await slow();
    const screen = terminal(null);
    const followed = followOperation({ api, id }, { print: () => screen.interrupt() }, screen);
    await expect(followed).rejects.toThrow(`chasqui operations ${id} --cancel`);
    expect((await operations.get(id))?.state).toBe('running');
  });

  it('offers every subcommand', () => {
    expect(dlqCommand({ run: async () => undefined, inspect: () => Promise.reject(new Error('not asked')), print: () => undefined }).commands.map((each) => each.name())).toEqual(['list', 'stats', 'retry', 'retry-all', 'purge']);
  });
});

describe('the command, in a pipe', () => {
  it('prints lines of progress, and leaves the operation going at Ctrl-C', async () => {
    const room = await running();
    const { operation } = await room.operations.start({ id: 'op_slow' as never, kind: 'import', total: 10 });
    const taken = await room.operations.take({ owner: 'x', kinds: ['import'], leaseMs: 60_000 });
    const env = { ...process.env, PORT: undefined, ADMIN_TOKEN: undefined, NODE_ENV: undefined };
    const follow = () => {
      const child = spawn(process.execPath, [fileURLToPath(new URL('../../src/main.ts', import.meta.url)), 'operations', operation.id, '--url', room.url], { env, stdio: ['ignore', 'pipe', 'pipe'] });
      let [out, err] = ['', ''];
      child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
      return { child, out: () => out, err: () => err, ended: once(child, 'exit') as Promise<[number]> };
    };
    const left = follow();
    await expect.poll(left.out, { timeout: 20_000 }).toBe('op_slow  import  running  0/10 0%\n');
    left.child.kill('SIGINT');
    expect((await left.ended)[0]).toBe(1);
    expect(left.err()).toBe('chasqui: the operation goes on without you. Look again: chasqui operations op_slow  Stop it: chasqui operations op_slow --cancel\n');
    const again = follow();
    await expect.poll(again.out, { timeout: 20_000 }).toContain('running');
    await room.operations.advance(taken!.lease, { cursor: 1, done: 10, failed: 0, leaseMs: 60_000 });
    await room.operations.complete(taken!.lease);
    expect((await again.ended)[0]).toBe(0);
    expect(again.out()).toBe('op_slow  import  running  0/10 0%\nop_slow  import  completed  10/10 100%\n');
  }, 60_000);
});
