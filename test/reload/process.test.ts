import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startProcess } from './process.ts';
import type { Line, Running } from './process.ts';

let folder = '';
let running: Running | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chasqui-reload-'));
});
afterEach(async () => {
  await running?.stop();
  running = null;
  rmSync(folder, { recursive: true, force: true });
});

const SECRETS = ['first-token-word', 'second-token-word', 'hook-secret-word', 'new-secret-word'];

interface Said {
  concurrency?: number;
  level?: string;
  token?: string;
  channels?: string[];
  more?: string;
}

const chatwoot = (id: string, token: string): string =>
  `{ kind: 'chatwoot', id: '${id}', baseUrl: 'http://127.0.0.1:9', accountId: 1, apiToken: '${token}', webhookSecret: 'hook-secret-word' }`;

function fileText({ concurrency = 3, level = 'info', token = 'first-token-word', channels = ['one'], more = '' }: Said): string {
  const list = channels.map((id) => chatwoot(id, token)).join(', ');
  return `import { defineConfig } from 'chasqui';\nexport default defineConfig({ localQueueConcurrency: ${concurrency}, logLevel: '${level}', ${more} orgs: [{ id: 'acme', channels: [${list}] }] });\n`;
}

const config = (): string => join(folder, 'chasqui.config.ts');
const write = (said: Said): void => writeFileSync(config(), fileText(said));
/** As editors do it: a file beside it, renamed over it. */
function replace(text: string): void {
  writeFileSync(join(folder, '.chasqui.config.ts.swp'), text);
  renameSync(join(folder, '.chasqui.config.ts.swp'), config());
}

async function start(env: Record<string, string> = {}, args: string[] = []): Promise<Running> {
  running = await startProcess(folder, env, args);
  return running;
}

const reloaded = ({ msg }: Line): boolean => msg.startsWith('[RESILIENCE] settings reloaded');
const refused = ({ msg }: Line): boolean => msg.startsWith('[RESILIENCE] settings not reloaded');

async function concurrency({ address }: Running): Promise<number> {
  const body = (await (await fetch(`${address}/health/resilience`)).json()) as { queue: { concurrency: number } };
  return body.queue.concurrency;
}

interface Row {
  name: string;
  value: unknown;
  origin: string;
}

async function view({ address }: Running): Promise<{ needsRestart: string[]; refused: string | null; settings: Row[] }> {
  return (await (await fetch(`${address}/v1/config`)).json()) as Awaited<ReturnType<typeof view>>;
}

function expectNoSecrets(text: string): void {
  for (const secret of SECRETS) expect(text).not.toContain(secret);
}

describe('a running process', () => {
  it('SIGHUP: takes over what is live, names what is not, and tells no secret', async () => {
    write({});
    const chasqui = await start();
    write({ concurrency: 7, token: 'second-token-word', channels: ['one', 'two'], more: 'laneLeaseMs: 20000,' });
    chasqui.child.kill('SIGHUP');
    const line = await chasqui.line(reloaded);
    expect(line).toMatchObject({
      settings: ['LOCAL_QUEUE_CONCURRENCY'],
      needsRestart: ['LANE_LEASE_MS'],
      channels: { added: ['chn_two'], removed: [], changed: [{ id: 'chn_one', what: ['apiToken'] }] },
    });
    expect(await concurrency(chasqui)).toBe(7);
    expect((await fetch(`${chasqui.address}/webhooks/chatwoot/chn_two`, { method: 'POST', body: '{}' })).status).toBe(401);
    const { needsRestart, settings } = await view(chasqui);
    expect(needsRestart).toEqual(['LANE_LEASE_MS']);
    expect(settings.find(({ name }) => name === 'LANE_LEASE_MS')).toMatchObject({ value: 15_000, origin: 'default' });
    expect(settings.find(({ name }) => name === 'LOCAL_QUEUE_CONCURRENCY')).toMatchObject({ value: 7, origin: 'chasqui.config.ts' });
    expectNoSecrets(chasqui.output() + JSON.stringify(settings));
    expect(await chasqui.stop()).toBe(0);
  });

  it('a changed file, also when it is renamed over the old one', async () => {
    write({});
    const chasqui = await start();
    replace(fileText({ concurrency: 5 }));
    expect(await chasqui.line(reloaded)).toMatchObject({ trigger: 'file', settings: ['LOCAL_QUEUE_CONCURRENCY'] });
    const seen = chasqui.count();
    replace(fileText({ concurrency: 6, channels: ['two'] }));
    expect(await chasqui.line(reloaded, seen)).toMatchObject({ channels: { added: ['chn_two'], removed: ['chn_one'] } });
    expect(await concurrency(chasqui)).toBe(6);
    expect((await fetch(`${chasqui.address}/webhooks/chatwoot/chn_one`, { method: 'POST', body: '{}' })).status).toBe(404);
  });

  it('a file that cannot be used changes nothing, says why, and the next good one counts', async () => {
    write({});
    const chasqui = await start();
    replace(fileText({ concurrency: 0, token: 'second-token-word', channels: ['two'] }));
    const line = await chasqui.line(refused);
    expect(line).toMatchObject({ level: 'error', trigger: 'file' });
    expect(line.msg).toMatch(/localQueueConcurrency.*at least 1/);
    expect(await concurrency(chasqui)).toBe(3);
    expect((await fetch(`${chasqui.address}/webhooks/chatwoot/chn_two`, { method: 'POST', body: '{}' })).status).toBe(404);
    expect(((await (await fetch(`${chasqui.address}/health/resilience`)).json()) as { degraded: string[] }).degraded).toEqual(['settings_refused']);
    const answer = await fetch(`${chasqui.address}/v1/config/reload`, { method: 'POST' });
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([422, 'config_refused']);
    replace(`export default { orgs: [ 'second-token-word' }`);
    expect((await chasqui.line((candidate) => refused(candidate) && candidate.msg.includes('cannot be read'))).level).toBe('error');
    replace(fileText({ concurrency: 4 }));
    await chasqui.line(reloaded);
    expect((await view(chasqui)).refused).toBeNull();
    expectNoSecrets(chasqui.output());
  });

  it('a file that has gone changes nothing', async () => {
    write({ concurrency: 4 });
    const chasqui = await start();
    rmSync(config());
    expect((await chasqui.line(refused)).msg).toContain('has gone');
    expect(await concurrency(chasqui)).toBe(4);
  });

  it('the log level, and what the file imports by a relative path', async () => {
    writeFileSync(join(folder, 'level.ts'), `export const level = 'info' as const;`);
    writeFileSync(config(), `import { level } from './level.ts';\nexport default { logLevel: level };\n`);
    const chasqui = await start();
    writeFileSync(join(folder, 'level.ts'), `export const level = 'warn' as const;`);
    expect(await chasqui.line(reloaded)).toMatchObject({ settings: ['LOG_LEVEL'] });
    const reload = async (): Promise<unknown> => (await fetch(`${chasqui.address}/v1/config/reload`, { method: 'POST' })).json();
    expect(await reload()).toMatchObject({ ok: true, changed: false, settings: [] });
    expect(chasqui.output()).not.toContain('nothing changed');
    writeFileSync(join(folder, 'level.ts'), `export const level = 'info' as const;`);
    expect(await reload()).toMatchObject({ ok: true, changed: true, settings: ['LOG_LEVEL'] });
    await reload();
    await chasqui.line(({ msg }) => msg.includes('nothing changed'));
  });

  it('a mounted volume whose link moves, and a secret in a file', async () => {
    const volume = join(folder, 'volume');
    for (const [version, concurrent] of [['v1', 3], ['v2', 8]] as const) {
      mkdirSync(join(volume, version), { recursive: true });
      const text = fileText({ concurrency: concurrent }).replace(`apiToken: 'first-token-word'`, `apiToken: { file: '${join(folder, 'token')}' }`);
      writeFileSync(join(volume, version, 'chasqui.config.ts'), text);
    }
    writeFileSync(join(folder, 'token'), 'first-token-word\n');
    symlinkSync('v1', join(volume, '..data'));
    symlinkSync('..data/chasqui.config.ts', join(volume, 'chasqui.config.ts'));
    const chasqui = await start({}, ['--config', join(volume, 'chasqui.config.ts')]);
    symlinkSync('v2', join(volume, '..data_tmp'));
    renameSync(join(volume, '..data_tmp'), join(volume, '..data'));
    await chasqui.line(reloaded);
    expect(await concurrency(chasqui)).toBe(8);
    const seen = chasqui.count();
    writeFileSync(join(folder, 'token'), 'second-token-word\n');
    expect(await chasqui.line(reloaded, seen)).toMatchObject({ channels: { changed: [{ id: 'chn_one', what: ['apiToken'] }] } });
    expectNoSecrets(chasqui.output());
    expect(existsSync(join(folder, '.chasqui'))).toBe(true);
  });
});
