import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/domain/errors.ts';
import { explainConfig, formatConfig, resolveConfig } from '../../src/config/index.ts';
import type { ConfigFile, Sources } from '../../src/config/index.ts';

const withFile = (value: unknown, rest: Sources = {}) => resolveConfig({ ...rest, file: { name: 'chasqui.config.ts', value } });

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

const CHATWOOT = {
  CHATWOOT_BASE_URL: 'https://chat.example.org/',
  CHATWOOT_ACCOUNT_ID: '7',
  CHATWOOT_API_TOKEN: 'token-value',
  CHATWOOT_WEBHOOK_SECRET: 'secret-value',
};

const org = (extra: object = {}): ConfigFile => ({ orgs: [{ id: 'acme', channels: [{ kind: 'playground', id: 'demo', ...extra }] }] }) as ConfigFile;

describe('defaults', () => {
  it('are those that deployments rely on', () => {
    expect(resolveConfig().settings).toMatchObject({
      appMode: 'all', port: 8787, host: '127.0.0.1', dataDir: '.chasqui', logLevel: 'info', shutdownTimeoutMs: 10000, drainDelayMs: 0,
      useAsyncWebhook: true, localQueueConcurrency: 3, localQueueTimeoutMs: 60000, workerProcessingTimeoutMs: 45000, localQueueMaxSize: 100,
      workerTypingEnabled: true, workerTypingIntervalMs: 3000, queueName: 'chasqui-messages', dlqName: 'chasqui-dlq', queueMaxRetries: 3,
      queueRetryDelayMs: 1000, queueMaxCrashes: 3, dlqAlertThreshold: 10, dlqCheckIntervalMs: 300000, governorDedupeEnabled: true,
      governorDedupeWindowMs: 5000, burstDebounceMs: 700, burstMaxWaitMs: 4000, nodeEnv: 'development', laneLeaseMs: 15000,
      acceptMaxWaiting: 2000, storeTimeoutMs: 4000, sweepIntervalMs: 2000, catchUpIntervalMs: 60000, historyMaxMessages: 20,
      retentionBodiesDays: 30, retentionIdentitiesDays: 90, retentionDeadLettersDays: 90, orgMaxConcurrency: 0, burstStrategy: 'coalesce',
      modelFirstChunkMs: 15000, modelIdleMs: 10000, modelMaxBytes: 262144, sendMaxTries: 4, sendRequestMs: 5000, sendLandingMs: 3000,
      chatwootOnOpen: 'take_back',
    });
  });

  it('listen on every address in production, unless HOST says otherwise', () => {
    expect(resolveConfig({ env: { NODE_ENV: 'production' } }).settings.host).toBe('0.0.0.0');
    expect(resolveConfig({ env: { NODE_ENV: 'production', HOST: '10.0.0.1' } }).settings.host).toBe('10.0.0.1');
  });

  it('with nothing said, the playground answers with the script', () => {
    const { orgs } = resolveConfig();
    expect(orgs).toMatchObject([{ id: 'org_default', channels: [{ id: 'chn_playground', connection: { kind: 'playground' }, responder: { kind: 'script' } }] }]);
  });
});

describe('precedence', () => {
  const file = { port: 1111 };

  it('is flags > environment > file > default, and each origin is remembered', () => {
    const all = withFile(file, { flags: { PORT: '3333' }, env: { PORT: '2222' } });
    expect([all.settings.port, all.origins.port]).toEqual([3333, { from: 'flag', name: '--port' }]);
    const env = withFile(file, { env: { PORT: '2222' } });
    expect([env.settings.port, env.origins.port]).toEqual([2222, { from: 'environment', name: 'PORT' }]);
    const only = withFile(file);
    expect([only.settings.port, only.origins.port]).toEqual([1111, { from: 'file', name: 'chasqui.config.ts' }]);
    expect(withFile({}).origins.port).toEqual({ from: 'default' });
  });

  it('an empty variable is not set', () => {
    expect(withFile(file, { env: { PORT: '' } }).settings.port).toBe(1111);
  });

  it('channels inherit from their org, and orgs from the process', () => {
    const { orgs } = withFile(
      {
        burstDebounceMs: 1,
        locale: 'es',
        orgs: [
          {
            id: 'acme',
            burstMaxWaitMs: 20,
            responder: { kind: 'model', model: 'm', baseUrl: 'http://model.test/v1' },
            channels: [{ kind: 'playground', id: 'a', burstMaxWaitMs: 30 }, { kind: 'playground', id: 'b', responder: { kind: 'script' }, locale: 'en' }],
          },
        ],
      },
      { env: { BURST_STRATEGY: 'queue' } },
    );
    const [a, b] = orgs[0]?.channels ?? [];
    expect(a).toMatchObject({ talk: { burstDebounceMs: 1, burstMaxWaitMs: 30, burstStrategy: 'queue' }, locale: 'es', responder: { kind: 'model' } });
    expect(b).toMatchObject({ talk: { burstDebounceMs: 1, burstMaxWaitMs: 20 }, locale: 'en', responder: { kind: 'script' } });
  });
});

describe('refusals name the key, the origin and the fix', () => {
  it.each([
    [{ PORT: 'abc' }, ['PORT', '"abc"', 'environment PORT', 'from 0 to 65535', '8787']],
    [{ PORT: '70000' }, ['PORT', '70000', '65535']],
    [{ PORT: '1e3' }, ['PORT', 'whole number']],
    [{ USE_ASYNC_WEBHOOK: 'maybe' }, ['USE_ASYNC_WEBHOOK', 'true or false']],
    [{ APP_MODE: 'alles' }, ['APP_MODE', 'all, api, worker']],
    [{ RETENTION_IDENTITIES_DAYS: '7' }, ['RETENTION_IDENTITIES_DAYS', 'at least 8']],
    [{ OPENAI_BASE_URL: 'ftp://x' }, ['OPENAI_BASE_URL', 'http']],
    [{ DATABASE_URL: 'postgres://u:hidden-word@h/d', APP_MODE: 'worker' }, ['APP_MODE=worker', 'playground']],
    [{ REDIS_URL: 'http://h' }, ['REDIS_URL', 'redis://']],
    [{ REDIS_KEY_PREFIX: 'a{b' }, ['REDIS_KEY_PREFIX', 'braces']],
    [{ QUEUE_NAME: 'a:b' }, ['QUEUE_NAME', 'colons']],
    [{ APP_MODE: 'api' }, ['APP_MODE=api', 'several processes']],
    [{ APP_MODE: 'worker' }, ['APP_MODE=worker', 'several processes']],
    [{ DRAIN_DELAY_MS: '10000' }, ['DRAIN_DELAY_MS', 'SHUTDOWN_TIMEOUT_MS']],
    [{ CHATWOOT_API_TOKEN: 'hidden-word' }, ['CHATWOOT_BASE_URL', 'missing']],
    [{ ...CHATWOOT, CHATWOOT_ACCOUNT_ID: 'one' }, ['CHATWOOT_ACCOUNT_ID', 'number']],
  ])('%j', (env, words) => {
    const message = refusal(() => resolveConfig({ env }));
    for (const word of words) expect(message).toContain(word);
    expect(message).not.toContain('hidden-word');
  });

  it('reports every wrong setting at once', () => {
    const message = refusal(() => resolveConfig({ env: { PORT: 'x', LOG_LEVEL: 'loud' } }));
    expect(message).toContain('PORT');
    expect(message).toContain('LOG_LEVEL');
  });

  it.each([
    [{ prot: 1 }, 'prot', 'did you mean "port"?'],
    [{ orgs: [{ id: 'a', chanels: [], channels: [{ kind: 'playground', id: 'p' }] }] }, 'orgs[0].chanels', 'did you mean "channels"?'],
    [{ orgs: [{ id: 'a', channels: [{ kind: 'playground', id: 'p', burstDebounce: 1 }] }] }, 'orgs[0].channels[0].burstDebounce', 'did you mean "burstDebounceMs"?'],
    [{ responder: { kind: 'model', modle: 'x', model: 'x' } }, 'responder.modle', 'did you mean "model"?'],
    [{ zzzzzzzzzzzz: 1 }, 'zzzzzzzzzzzz', 'Known here: port'.slice(0, 10)],
  ])('unknown key %j', (file, key, suggestion) => {
    const message = refusal(() => withFile(file));
    expect(message).toContain(key);
    expect(message).toContain('chasqui.config.ts');
    expect(message).toContain(suggestion);
  });

  it('wrong values in the file are never shown', () => {
    const message = refusal(() => withFile({ orgs: [{ id: 'a', channels: [{ kind: 'chatwoot', id: 'c', baseUrl: 'hidden-word', accountId: 1, apiToken: 'hidden-word', webhookSecret: 'hidden-word' }] }] }));
    expect(message).toContain('orgs[0].channels[0].baseUrl');
    expect(message).not.toContain('hidden-word');
  });

  it('an id used twice', () => {
    expect(refusal(() => withFile({ orgs: [{ id: 'a', channels: [{ kind: 'playground', id: 'p' }, { kind: 'playground', id: 'chn_p' }] }] }))).toContain('chn_p is used twice');
  });
});

describe('credentials', () => {
  it('in the environment make one org with its channel', () => {
    const { orgs } = resolveConfig({ env: CHATWOOT });
    expect(orgs).toMatchObject([
      { id: 'org_default', channels: [{ id: 'chn_chatwoot', connection: { kind: 'chatwoot', baseUrl: 'https://chat.example.org', accountId: '7', apiToken: 'token-value', webhookSecret: 'secret-value' } }] },
    ]);
  });

  it('stand beside the orgs of the file', () => {
    expect(withFile(org(), { env: CHATWOOT }).orgs.map(({ id }) => id)).toEqual(['org_default', 'org_acme']);
  });

  it('referenced by environment name are read from there, and must be there', () => {
    const channel = { kind: 'chatwoot', id: 'c', baseUrl: 'https://c.test', accountId: 1, apiToken: { env: 'MY_TOKEN' }, webhookSecret: { env: 'MY_SECRET' } };
    const file = { orgs: [{ id: 'acme', channels: [channel] }] };
    const { orgs } = withFile(file, { env: { MY_TOKEN: 't', MY_SECRET: 's' } });
    expect(orgs[0]?.channels[0]?.connection).toMatchObject({ apiToken: 't', webhookSecret: 's' });
    const message = refusal(() => withFile(file, { env: { MY_TOKEN: 't' } }));
    expect(message).toContain('orgs[0].channels[0].webhookSecret');
    expect(message).toContain('MY_SECRET, which is not set');
  });

  it('a Chatwoot without any secret is refused', () => {
    const channel = { kind: 'chatwoot', id: 'c', baseUrl: 'https://c.test', accountId: 1, apiToken: 't' };
    expect(refusal(() => withFile({ orgs: [{ id: 'a', channels: [channel] }] }))).toContain('webhookSecret');
  });
});

describe('the model answers', () => {
  const responder = (env: Record<string, string>, file: unknown = {}) => withFile(file, { env }).orgs[0]?.channels[0]?.responder;

  it('with a key or an address, and a model', () => {
    expect(responder({ OPENAI_API_KEY: 'k', OPENAI_MODEL: 'm' })).toMatchObject({ kind: 'model', model: 'm', apiKey: 'k', baseUrl: 'https://api.openai.com/v1' });
    expect(responder({ OPENAI_BASE_URL: 'http://m.test/v1/', OPENAI_MODEL: 'm' })).toMatchObject({ kind: 'model', apiKey: null, baseUrl: 'http://m.test/v1' });
  });

  it('not with half of that, and the start says so', () => {
    expect(responder({ OPENAI_API_KEY: 'k' })).toEqual({ kind: 'script' });
    expect(resolveConfig({ env: { OPENAI_API_KEY: 'k' } }).notices.join()).toContain('OPENAI_MODEL');
  });

  it('the key of the environment is not sent to the address of another', () => {
    const elsewhere = responder({ OPENAI_API_KEY: 'k', OPENAI_MODEL: 'm' }, org({ responder: { kind: 'model', model: 'x', baseUrl: 'http://other.test/v1' } }));
    expect(elsewhere).toMatchObject({ baseUrl: 'http://other.test/v1', apiKey: null });
  });
});

describe('config print', () => {
  const rows = explainConfig(withFile(org({ burstDebounceMs: 5 }), { env: { ...CHATWOOT, ADMIN_TOKEN: 'admin-word', OPENAI_API_KEY: 'key-word', OPENAI_MODEL: 'm' } }));
  const row = (name: string) => rows.find((candidate) => candidate.name === name);

  it('shows values with their origins', () => {
    expect(row('PORT')).toEqual({ name: 'PORT', value: 8787, origin: 'default' });
    expect(row('CHATWOOT_ACCOUNT_ID')).toEqual({ name: 'CHATWOOT_ACCOUNT_ID', value: '7', origin: 'environment CHATWOOT_ACCOUNT_ID' });
    expect(row('org_acme.chn_demo.burstDebounceMs')).toMatchObject({ value: 5, origin: 'chasqui.config.ts' });
    expect(row('org_default.chn_chatwoot.burstDebounceMs')).toMatchObject({ value: 700, origin: 'default' });
    expect(formatConfig(rows)).toMatch(/^PORT +8787 +default$/m);
  });

  it('shows no secret', () => {
    const text = JSON.stringify(rows);
    for (const secret of ['admin-word', 'key-word', 'token-value', 'secret-value']) expect(text).not.toContain(secret);
    expect(row('ADMIN_TOKEN')?.value).toBe('[redacted]');
    expect(row('org_default.chn_chatwoot.connection.apiToken')?.value).toBe('[redacted]');
  });
});
