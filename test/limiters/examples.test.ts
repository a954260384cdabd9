import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { exited } from '../support/daemon.ts';
import { examplePackages } from '../support/example-packages.ts';
import { redisProgram, startRedis } from '../support/redis.ts';

const EXAMPLES = ['rate-limit-fastify', 'rate-limit-express', 'rate-limit-nestjs'] as const;
const folderOf = (name: string): string => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));
const canRun = (name: string): boolean => name === 'rate-limit-fastify' || examplePackages(folderOf(name));

const running: ChildProcess[] = [];
afterEach(async () => {
  for (const child of running.splice(0)) {
    child.kill('SIGKILL');
    await exited(child);
  }
});

/** Starts an example on a free port; resolves to its address. */
function start(name: string, env: Record<string, string> = {}): Promise<string> {
  const child = spawn(process.execPath, ['server.ts'], { cwd: folderOf(name), env: { ...process.env, ...env, PORT: '0' }, stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  return new Promise((resolve, reject) => {
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        const address = /listening on (http:\/\/\S+)/.exec(said)?.[1];
        if (address) resolve(address);
      });
    }
    child.once('exit', () => reject(new Error(`the example ended: ${said}`)));
  });
}

const asked = async (address: string, user: string): Promise<Response> => fetch(address, { headers: { 'x-user': user, 'x-org': 'bakery' } });

describe.each(EXAMPLES)('the example %s', (name) => {
  it.runIf(canRun(name))('lets three requests of a user through, answers the fourth 429, and counts each user', { timeout: 60_000 }, async () => {
    const address = await start(name);
    const answers: Response[] = [];
    for (let n = 0; n < 4; n++) answers.push(await asked(address, 'ana'));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(answers[0]?.headers.get('ratelimit-policy')).toBe('"user";q=3;w=10');
    expect(answers[3]?.headers.get('ratelimit')).toMatch(/^"user";r=0;t=([1-9]|10)$/);
    expect(Number(answers[3]?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(answers[3]?.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await answers[3]?.json()).toMatchObject({ status: 429, code: 'rate_limited' });
    expect((await asked(address, 'luis')).status).toBe(200);
  });
});

describe('the examples', () => {
  it('compile with the types of their frameworks', { timeout: 120_000 }, () => {
    const flags = '--noEmit --strict --skipLibCheck --target es2024 --module nodenext --allowImportingTsExtensions --erasableSyntaxOnly --verbatimModuleSyntax --experimentalDecorators --types node'.split(' ');
    const files = EXAMPLES.filter(canRun).map((name) => `examples/${name}/server.ts`);
    const done = spawnSync(process.execPath, [join(root, 'node_modules/.bin/tsc'), '--ignoreConfig', ...flags, ...files], { cwd: root, encoding: 'utf8' });
    // What is wrong elsewhere is found elsewhere.
    expect(`${done.stdout}${done.stderr}`.split('\n').filter((line) => !line.startsWith('src/') && line.trim() !== '')).toEqual([]);
  });
});

const program = redisProgram();

describe.skipIf(!program)('the examples on Redis', () => {
  it('count together in two processes', { timeout: 60_000 }, async () => {
    const redis = await startRedis(program ?? '');
    const [one, other] = await Promise.all([start('rate-limit-fastify', { REDIS_URL: redis.url }), start('rate-limit-fastify', { REDIS_URL: redis.url })]);
    const statuses: number[] = [];
    for (let n = 0; n < 4; n++) statuses.push((await asked(n % 2 ? one : other, 'ana')).status);
    await redis.stop();
    expect(statuses).toEqual([200, 200, 200, 429]);
  });
});
