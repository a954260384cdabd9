import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { resolveConfig } from '../../src/config/index.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

interface Railway {
  build: object;
  deploy: Record<string, string | number>;
}

/** A start command of ours: `node dist/main.js <a command that exists>`. */
function expectOurCommand(command: string): void {
  const [node, main, name = 'start', ...rest] = command.split(' ');
  expect([node, main, rest]).toEqual(['node', 'dist/main.js', []]);
  const program = createProgram({ run: async () => undefined, inspect: () => Promise.reject(new Error('not asked')), print: () => undefined });
  expect(program.commands.map((one) => one.name())).toContain(name);
}

describe('ops/railway', () => {
  const files = { api: 'ops/railway/api.json', worker: 'ops/railway/worker.json' };
  const [api, worker] = [files.api, files.worker].map((name) => JSON.parse(readFileSync(root + name, 'utf8')) as Railway) as [Railway, Railway];
  const FIELDS = ['startCommand', 'healthcheckPath', 'healthcheckTimeout', 'restartPolicyType', 'overlapSeconds', 'drainingSeconds'];

  it.each([['api', api], ['worker', worker]] as const)('%s: has only fields of https://docs.railway.com/config-as-code/reference, and a command that exists', (_name, file) => {
    expect(file.build).toEqual({ builder: 'DOCKERFILE', dockerfilePath: 'ops/docker/Dockerfile' });
    expect(Object.keys(file.deploy).filter((key) => !FIELDS.includes(key))).toEqual([]);
    expect(file.deploy.restartPolicyType).toBe('ALWAYS');
    expectOurCommand(String(file.deploy.startCommand));
  });

  it('waits longer than an orderly stop may take by default', () => {
    const ms = resolveConfig({}).settings.shutdownTimeoutMs;
    for (const { deploy } of [api, worker]) expect(Number(deploy.drainingSeconds) * 1000).toBeGreaterThan(ms);
  });

  it('asks the API, and not the worker, which has no address of its own', () => {
    expect(api.deploy.healthcheckPath).toBe('/readyz');
    expect(worker.deploy).not.toHaveProperty('healthcheckPath');
  });
});
