import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compareConfigs, mergeLive, resolveConfig } from '../../src/config/index.ts';
import { LIVE_SETTINGS } from '../../src/config/live.ts';
import { SETTING_NAMES, fileKey } from '../../src/config/settings.ts';

const live = new Set([...LIVE_SETTINGS].map(fileKey));
const app = new URL('../../src/app/', import.meta.url);

/** What a file takes from the configuration of the start. */
function takenAtStart(text: string): string[] {
  const direct = [...text.matchAll(/(?<!live\.)\bconfig\.settings\.(\w+)/g)].map(([, name]) => name as string);
  const apart = [...text.matchAll(/const \{([^}]*)\} = (?:house\.)?config\.settings/g)].flatMap(([, names]) => (names as string).split(',').map((name) => (name.split(':')[0] as string).trim()));
  return [...direct, ...apart];
}

describe('live settings', () => {
  /** Where somebody begins with the value of the start, and is told of another one. */
  const TOLD = ['build.ts logLevel', 'build.ts shutdownTimeoutMs', 'engines.ts localQueueConcurrency'];

  it('are asked of the live configuration, not of that of the start', () => {
    const found = globSync('*.ts', { cwd: app }).flatMap((name) =>
      takenAtStart(readFileSync(new URL(name, app), 'utf8')).filter((key) => live.has(key)).map((key) => `${name} ${key}`),
    );
    // The banner is said once.
    expect([...new Set(found)].filter((one) => !one.startsWith('banner.ts')).toSorted()).toEqual(TOLD);
  });

  it('a reading of the start is found', () => {
    expect(takenAtStart('const { logLevel, port: p } = config.settings;\nx(house.config.settings.queueMaxRetries, live.config.settings.sweepIntervalMs)')).toEqual(['queueMaxRetries', 'logLevel', 'port']);
  });
});

describe('another reading', () => {
  const of = (env: Record<string, string>) => resolveConfig({ env });

  it('changes nothing when nothing is different', () => {
    const nothing = { added: [], removed: [], changed: [] };
    expect(compareConfigs(of({}), of({}))).toEqual({ settings: [], needsRestart: [], orgs: nothing, channels: nothing });
  });

  it('counts as far as it can, with its origin; the rest stays as it was', () => {
    const running = of({ DATA_DIR: '/one' });
    const next = resolveConfig({ file: { name: 'f', value: { dataDir: '/two', logLevel: 'warn' } } });
    expect(compareConfigs(running, next)).toMatchObject({ settings: ['LOG_LEVEL'], needsRestart: ['DATA_DIR'] });
    const merged = mergeLive(running, next);
    expect([merged.settings.dataDir, merged.settings.logLevel]).toEqual(['/one', 'warn']);
    expect([merged.origins.dataDir, merged.origins.logLevel]).toEqual([{ from: 'environment', name: 'DATA_DIR' }, { from: 'file', name: 'f' }]);
    // Until the restart it is told again each time, against what runs.
    expect(compareConfigs(merged, next)).toMatchObject({ settings: [], needsRestart: ['DATA_DIR'] });
  });

  it('is refused when what is live of it does not go with what stays', () => {
    const running = of({ REDIS_URL: 'redis://h', DATABASE_URL: 'postgres://h/d', APP_MODE: 'worker', CHATWOOT_BASE_URL: 'http://h', CHATWOOT_ACCOUNT_ID: '1', CHATWOOT_API_TOKEN: 't', CHATWOOT_WEBHOOK_SECRET: 's' });
    expect(() => mergeLive(running, of({}))).not.toThrow();
    expect(() => of({ RETENTION_BODIES_DAYS: '100' })).toThrow('RETENTION_IDENTITIES_DAYS');
  });

  it('a setting of an org, a channel and a function are told by name', () => {
    const channel = (change: object = {}) => ({ kind: 'playground' as const, id: 'p', ...change });
    const file = (value: object) => resolveConfig({ file: { name: 'f', value } });
    const respond = () => 'hi';
    const before = file({ orgs: [{ id: 'a', channels: [channel({ responder: { kind: 'function', respond } })] }] });
    const same = file({ orgs: [{ id: 'a', channels: [channel({ responder: { kind: 'function', respond } })] }] });
    const after = file({ orgs: [{ id: 'a', weight: 3, channels: [channel({ responder: { kind: 'function', respond: () => 'hi' }, burstDebounceMs: 9, locale: 'es' })] }] });
    expect(compareConfigs(before, same).channels.changed).toEqual([]);
    expect(compareConfigs(before, after)).toMatchObject({
      orgs: { changed: [{ id: 'org_a', what: ['weight'] }] },
      channels: { changed: [{ id: 'chn_p', what: ['burstDebounceMs', 'locale', 'responder'] }] },
    });
  });

  it('handlers of jobs and the stages of the table queue are live, its address is not, and is not told', () => {
    const file = (value: object) => resolveConfig({ file: { name: 'f', value: { orgs: [{ id: 'a', channels: [{ kind: 'playground', id: 'p' }] }], ...value } } });
    const queue = (url: string, stage: string) => ({ url, types: { mail: { kind: 'mail', stage } } });
    const mail = async () => undefined;
    const running = file({ jobs: { mail }, legacyQueue: queue('postgres://u:pass-word@one/d', 'shadow') });
    const next = file({ jobs: { mail, other: mail }, legacyQueue: queue('postgres://u:pass-word@two/d', 'both') });
    const change = compareConfigs(running, next);
    expect(change).toMatchObject({ settings: ['jobs.other', 'legacyQueue.types'], needsRestart: ['legacyQueue.url'] });
    expect(JSON.stringify(change)).not.toContain('pass-word');
    const merged = mergeLive(running, next);
    expect([merged.legacyQueue?.url, merged.legacyQueue?.types.mail?.stage, Object.keys(merged.jobs)]).toEqual(['postgres://u:pass-word@one/d', 'both', ['mail', 'other']]);
    expect(compareConfigs(file({ jobs: { mail } }), next)).toMatchObject({ needsRestart: ['legacyQueue'] });
  });

  it('every setting is either live or needs a restart', () => {
    expect([...LIVE_SETTINGS].filter((name) => !SETTING_NAMES.includes(name))).toEqual([]);
  });
});
