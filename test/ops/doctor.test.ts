import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startChatwoot } from '../../simulators/chatwoot/index.ts';
import { startOpenAi } from '../../simulators/openai/index.ts';
import { createInspect } from '../../src/app/inspect.ts';
import { diagnose, doctorCommand } from '../../src/cli/doctor.ts';
import { formatFinding } from '../../src/cli/doctor/finding.ts';
import type { Finding } from '../../src/cli/doctor/finding.ts';
import { systemProbes } from '../../src/cli/doctor/probes.ts';
import type { Probes } from '../../src/cli/doctor/probes.ts';
import { resolveConfig } from '../../src/config/index.ts';
import { freePort } from '../support/daemon.ts';

const GIB = 2 ** 30;
let folder = '';
const closing: (() => Promise<unknown> | void)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chasqui-doctor-'));
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  rmSync(folder, { recursive: true, force: true });
});

/** A machine on which everything is well. */
const healthy = (changed: Partial<Probes> = {}): Probes => ({ ...systemProbes, freeBytes: async () => 10 * GIB, ...changed });
const envOf = (env: Record<string, string>) => ({ DATA_DIR: folder, PORT: '0', ...env });
const INSPECT = createInspect(systemProbes.clock);
const examine = (env: Record<string, string>, changed: Partial<Probes> = {}) => diagnose(resolveConfig({ env: envOf(env) }), healthy(changed), INSPECT);
const of = (findings: Finding[], check: string): Finding[] => findings.filter((finding) => finding.check === check);
const states = (findings: Finding[], check: string): string[] => of(findings, check).map(({ state }) => state);

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  const server: Server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))));
  return (server.address() as AddressInfo).port;
}

describe('the machine', () => {
  it('is well', async () => {
    const findings = await examine({});
    expect(findings.filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(findings.map(({ check }) => check)).toEqual(['node', 'settings', 'admin', 'port', 'data', 'disk', 'clock']);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('an old Node fails', async () => {
    expect(of(await examine({}, { nodeVersion: '20.20.2' }), 'node')).toMatchObject([{ state: 'fail', detail: expect.stringContaining('20.20.2') }]);
  });

  it('a taken port fails, with the fix', async () => {
    const port = await serve((_request, response) => void response.writeHead(404).end());
    expect(of(await examine({ PORT: String(port) }), 'port')).toMatchObject([{ state: 'fail', detail: `${port} is taken on 127.0.0.1`, fix: expect.stringContaining('PORT') }]);
  });

  it('a port that Chasqui has itself is a warning', async () => {
    const port = await serve((_request, response) => void response.end('{"status":"ok"}'));
    expect(states(await examine({ PORT: String(port) }), 'port')).toEqual(['warn']);
  });

  it('a folder that cannot be written to fails', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(of(await examine({ DATA_DIR: file }), 'data')).toMatchObject([{ state: 'fail', detail: expect.stringContaining('cannot be written to') }]);
  });

  it('a folder that is not there yet is well, and is not made', async () => {
    const later = join(folder, 'later', 'on');
    expect(of(await examine({ DATA_DIR: later }), 'data')).toMatchObject([{ state: 'ok', detail: `${later} can be created` }]);
    expect(existsSync(later)).toBe(false);
  });

  it.each([
    [100 * 2 ** 20, 'fail'],
    [0.5 * GIB, 'warn'],
    [2 * GIB, 'ok'],
  ] as const)('%d bytes of free disk: %s', async (bytes, state) => {
    expect(states(await examine({}, { freeBytes: async () => bytes }), 'disk')).toEqual([state]);
  });

  it('a clock that was never set fails', async () => {
    expect(states(await examine({}, { clock: { ...systemProbes.clock, now: () => 1000 } }), 'clock')).toEqual(['fail']);
  });
});

describe('a data folder in use', () => {
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

  async function startChasqui(): Promise<ChildProcess> {
    const child = spawn(process.execPath, [main], { cwd: folder, env: { PATH: process.env.PATH, PORT: '0', DATA_DIR: folder }, stdio: ['ignore', 'pipe', 'ignore'] });
    closing.push(() => void child.kill('SIGKILL'));
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    return child;
  }

  it('fails while a process holds it, naming the holder, and is free again after its stop', async () => {
    const child = await startChasqui();
    expect(of(await examine({}), 'data')).toMatchObject([{ state: 'fail', detail: expect.stringContaining(`process ${child.pid} on ${hostname()}`) }]);
    child.kill('SIGTERM');
    await once(child, 'exit');
    expect(states(await examine({}), 'data')).toEqual(['ok']);
  });

  it('is free after a crash, which leaves the log and the name behind', async () => {
    const child = await startChasqui();
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(['chasqui.db-wal', 'holder.json']));
    expect(states(await examine({}), 'data')).toEqual(['ok']);
  });

  it('is a warning when it was left open on another machine', async () => {
    for (const name of ['chasqui.db', 'chasqui.db-wal']) writeFileSync(join(folder, name), '');
    writeFileSync(join(folder, 'holder.json'), JSON.stringify({ pid: 1, host: 'another-machine', since: '2026-01-01T00:00:00.000Z' }));
    expect(of(await examine({}), 'data')).toMatchObject([{ state: 'warn', detail: expect.stringContaining('process 1 on another-machine') }]);
  });
});

describe('the settings', () => {
  const production = { NODE_ENV: 'production' };

  it('production without ADMIN_TOKEN is a warning, said once', async () => {
    const findings = await examine(production);
    expect(findings.filter(({ detail }) => detail.includes('ADMIN_TOKEN'))).toMatchObject([{ check: 'admin', state: 'warn' }]);
  });

  it('a short ADMIN_TOKEN is a warning, and is not shown', async () => {
    const findings = await examine({ ...production, ADMIN_TOKEN: 'hunter2' });
    expect(states(findings, 'admin')).toEqual(['warn']);
    expect(JSON.stringify(findings)).not.toContain('hunter2');
    expect(states(await examine({ ...production, ADMIN_TOKEN: 'x'.repeat(32) }), 'admin')).toEqual(['ok']);
  });

  it('what a start would warn of is told', async () => {
    const findings = await examine({ BURST_DEBOUNCE_MS: '5000' });
    expect(of(findings, 'settings')).toMatchObject([{ state: 'ok' }, { state: 'warn', detail: expect.stringContaining('BURST_MAX_WAIT_MS') }]);
  });
});

describe('Chatwoot', () => {
  const check = 'chn_chatwoot';

  async function chatwoot(): Promise<Record<string, string>> {
    const sim = await startChatwoot();
    closing.push(() => sim.close());
    return {
      CHATWOOT_BASE_URL: sim.url,
      CHATWOOT_ACCOUNT_ID: String(sim.accountId),
      CHATWOOT_API_TOKEN: sim.tokens.bot,
      CHATWOOT_WEBHOOK_SECRET: sim.webhookSecret,
      CHATWOOT_READ_TOKEN: sim.tokens.user,
    };
  }
  const withBase = (url: string) => ({ CHATWOOT_BASE_URL: url, CHATWOOT_ACCOUNT_ID: '1', CHATWOOT_API_TOKEN: 'bot-word', CHATWOOT_WEBHOOK_SECRET: 'secret-word', CHATWOOT_READ_TOKEN: 'read-word' });

  it('is well with both tokens, and its clock is compared with', async () => {
    const findings = await examine(await chatwoot());
    expect(states(findings, check)).toEqual(['ok', 'ok']);
    expect(of(findings, 'clock')).toMatchObject([{ state: 'ok', detail: expect.stringContaining('from the clock of the servers') }]);
  });

  it('a refused bot token fails, and neither token is shown', async () => {
    const findings = await examine({ ...(await chatwoot()), CHATWOOT_API_TOKEN: 'wrong-word' });
    expect(of(findings, check)).toMatchObject([{ state: 'fail', fix: expect.stringContaining('apiToken') }, { state: 'ok' }]);
    expect(JSON.stringify(findings)).not.toContain('wrong-word');
  });

  it('a reading token that may not read fails', async () => {
    const env = await chatwoot();
    expect(of(await examine({ ...env, CHATWOOT_READ_TOKEN: env.CHATWOOT_API_TOKEN as string }), check)).toMatchObject([{ state: 'ok' }, { state: 'fail', fix: expect.stringContaining('readToken') }]);
  });

  it('a missing reading token is a warning, said once', async () => {
    const findings = await examine({ ...(await chatwoot()), CHATWOOT_READ_TOKEN: '' });
    expect(states(findings, check)).toEqual(['ok', 'warn']);
    expect(states(findings, 'settings')).toEqual(['ok']);
  });

  it('another account fails', async () => {
    expect(of(await examine({ ...(await chatwoot()), CHATWOOT_ACCOUNT_ID: '4711' }), check)[0]).toMatchObject({ state: 'fail', detail: expect.stringContaining('account') });
  });

  it('an address where nobody answers fails, without the address', async () => {
    const findings = of(await examine(withBase(`http://127.0.0.1:${await freePort()}`)), check);
    expect(findings).toMatchObject([{ state: 'fail', detail: 'Chatwoot does not answer (ECONNREFUSED)' }, { state: 'fail' }]);
  });

  it('a redirect is not followed', async () => {
    const port = await serve((_request, response) => void response.writeHead(301, { location: 'http://127.0.0.1:1/' }).end());
    expect(of(await examine(withBase(`http://127.0.0.1:${port}`)), check)[0]).toMatchObject({ state: 'fail', detail: expect.stringContaining('redirects') });
  });

  it.each([
    [60_000, 'warn'],
    [-400_000, 'fail'],
  ] as const)('a clock %d ms away from that of Chatwoot: %s', async (skew, state) => {
    const env = await chatwoot();
    expect(states(await examine(env, { clock: { ...systemProbes.clock, now: () => Date.now() + skew } }), 'clock')).toEqual([state]);
  });

  it('a question without an answer ends at its deadline', async () => {
    const fetching: typeof fetch = async (_url, options) => {
      expect(options?.signal).toBeInstanceOf(AbortSignal);
      throw new DOMException('late', 'TimeoutError');
    };
    expect(of(await examine(withBase('http://chat.example'), { fetch: fetching }), check)[0]).toMatchObject({ state: 'fail', detail: expect.stringContaining('no answer within 5000 ms') });
  });
});

describe('the model', () => {
  async function model(): Promise<Record<string, string>> {
    const sim = await startOpenAi({ model: 'sim-chat', apiKey: 'key-word' });
    closing.push(() => sim.close());
    return { OPENAI_BASE_URL: sim.baseUrl, OPENAI_API_KEY: 'key-word', OPENAI_MODEL: 'sim-chat' };
  }

  it('is well', async () => {
    expect(of(await examine(await model()), 'model')).toEqual([{ check: 'model', state: 'ok', detail: 'the endpoint answers and has sim-chat' }]);
  });

  it('a name that the endpoint does not have is a warning', async () => {
    expect(of(await examine({ ...(await model()), OPENAI_MODEL: 'sim-chit' }), 'model')).toMatchObject([{ state: 'warn', detail: expect.stringContaining('sim-chit') }]);
  });

  it.each([
    [401, 'fail'],
    [404, 'ok'],
    [500, 'warn'],
  ] as const)('an endpoint that answers %d: %s', async (status, state) => {
    const port = await serve((_request, response) => void response.writeHead(status).end());
    expect(states(await examine({ OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`, OPENAI_MODEL: 'm' }), 'model')).toEqual([state]);
  });

  it('is not asked for when the script answers', async () => {
    expect(of(await examine({}), 'model')).toEqual([]);
  });
});

describe('chasqui doctor', () => {
  async function chasqui(args: string[], changed: Partial<Probes> = {}): Promise<{ printed: string[]; error: unknown }> {
    const printed: string[] = [];
    const deps = { run: async () => undefined, inspect: async () => INSPECT, print: (line: string) => void printed.push(line) };
    const program = new Command().addCommand(doctorCommand(deps, healthy(changed)));
    const error = await program.parseAsync(['doctor', '--port', '0', '--data-dir', folder, ...args], { from: 'user' }).then(() => null, (cause: unknown) => cause);
    return { printed, error };
  }

  it('prints a line for each check, with the fix, and fails when one fails', async () => {
    const { printed, error } = await chasqui([], { freeBytes: async () => 0 });
    expect(printed.every((line) => /^(ok|warn|fail) +[a-z_]+ +\S/.test(line))).toBe(true);
    expect(printed.find((line) => line.startsWith('fail'))).toMatch(/^fail {2}disk +0 MiB free\. Fix: free some space.*\.$/);
    expect(error).toMatchObject({ code: 'unhealthy', message: `1 of ${printed.length} checks failed` });
  });

  it('ends well when there are only warnings', async () => {
    const { printed, error } = await chasqui([], { freeBytes: async () => 0.5 * GIB });
    expect(error).toBeNull();
    expect(printed.some((line) => line.startsWith('warn'))).toBe(true);
  });

  it('--json', async () => {
    const { printed, error } = await chasqui(['--json'], { freeBytes: async () => 0 });
    const report = JSON.parse(printed.join('\n')) as { ok: boolean; checks: Finding[] };
    expect(report.ok).toBe(false);
    expect(of(report.checks, 'disk')).toEqual([{ check: 'disk', state: 'fail', detail: '0 MiB free', fix: expect.any(String) }]);
    expect(error).not.toBeNull();
  });

  it('a finding is one line', () => {
    expect(formatFinding({ check: 'node', state: 'ok', detail: '24.21.0' })).toBe('ok    node        24.21.0');
  });
});
