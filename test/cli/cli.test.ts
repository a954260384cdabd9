import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../src/cli/index.ts';
import type { Config } from '../../src/config/index.ts';

interface Outcome {
  exitCode: number;
  message: string | null;
  printed: string;
  ran: Config[];
}

async function chasqui(...args: string[]): Promise<Outcome> {
  const printed: string[] = [];
  const ran: Config[] = [];
  const end = await runCli(args, { run: async ({ config }) => void ran.push(config), inspect: () => Promise.reject(new Error('not asked')), print: (line) => void printed.push(line) });
  return { ...end, printed: printed.join('\n'), ran };
}

beforeEach(() => {
  for (const name of ['PORT', 'HOST', 'APP_MODE', 'DATABASE_URL', 'REDIS_URL', 'NODE_ENV', 'LOG_LEVEL']) vi.stubEnv(name, undefined);
});
afterEach(() => vi.unstubAllEnvs());

describe('chasqui', () => {
  it('starts without a command, with the flags it was given', async () => {
    vi.stubEnv('PORT', '1000');
    const { ran, exitCode } = await chasqui('--port', '2000', '--log-level', 'warn');
    expect(exitCode).toBe(0);
    expect(ran.map(({ settings }) => [settings.port, settings.logLevel])).toEqual([[2000, 'warn']]);
  });

  it('start takes the environment', async () => {
    vi.stubEnv('PORT', '1000');
    expect((await chasqui('start')).ran[0]?.settings.port).toBe(1000);
  });

  it('settings that cannot be used end with 2 and one line', async () => {
    const { exitCode, message, ran } = await chasqui('start', '--port', 'x');
    expect([exitCode, ran]).toEqual([2, []]);
    expect(message).toMatch(/^chasqui: PORT: "x" \(from flag --port\) must be a whole number\. Set PORT/);
    expect(message).not.toContain('\n');
  });

  it('worker says why it cannot run on SQLite', async () => {
    const { exitCode, message } = await chasqui('worker');
    expect(exitCode).toBe(2);
    expect(message).toContain('APP_MODE=worker');
  });

  it('version', async () => {
    expect((await chasqui('version')).printed).toMatch(/^chasqui \d+\.\d+\.\d+$/);
  });

  it('config print shows a table, or JSON', async () => {
    vi.stubEnv('ADMIN_TOKEN', 'admin-word');
    const table = await chasqui('config', 'print', '--port', '3000');
    expect(table.printed).toMatch(/^PORT +3000 +flag --port$/m);
    const json = await chasqui('config', 'print', '--json');
    const rows = JSON.parse(json.printed) as { name: string }[];
    expect(rows.find(({ name }) => name === 'ADMIN_TOKEN')).toEqual({ name: 'ADMIN_TOKEN', value: '[redacted]', origin: 'environment ADMIN_TOKEN' });
    expect(table.printed + json.printed).not.toContain('admin-word');
  });
});

describe('healthcheck', () => {
  async function withServer(status: number, act: (port: number, asked: string[]) => Promise<void>): Promise<void> {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(status).end('{}');
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    await act((server.address() as AddressInfo).port, asked);
    await new Promise((resolve) => server.close(resolve));
  }

  it('asks /livez of the configured port', () =>
    withServer(200, async (port, asked) => {
      vi.stubEnv('HOST', '0.0.0.0');
      const { exitCode, printed } = await chasqui('healthcheck', '--port', String(port));
      expect([exitCode, asked]).toEqual([0, ['/livez']]);
      expect(printed).toContain('answers 200');
    }));

  it('ends with 1 when the answer is bad, or there is none', async () => {
    let closed = 0;
    await withServer(503, async (port) => {
      closed = port;
      expect(await chasqui('healthcheck', '--port', String(port))).toMatchObject({ exitCode: 1, message: expect.stringContaining('answers 503') });
    });
    expect(await chasqui('healthcheck', '--port', String(closed))).toMatchObject({ exitCode: 1, message: expect.stringContaining('does not answer') });
  });
});
