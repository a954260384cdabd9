import { describe, expect, it } from 'vitest';
import { chatwootOptionsSchema } from '../../src/channels/chatwoot/index.ts';
import { ConfigError } from '../../src/domain/errors.ts';
import { bench, nobody } from './chatwoot-bench.ts';

const least = { baseUrl: 'https://chat.example.com//', accountId: 7, apiToken: 't' };

describe('the options', () => {
  it('have the defaults of the documentation', () => {
    expect(chatwootOptionsSchema.parse(least)).toEqual({
      baseUrl: 'https://chat.example.com',
      accountId: '7',
      apiToken: 't',
      readToken: null,
      webhookSecret: null,
      pathSecret: null,
      inboxIds: null,
      toleranceMs: 300_000,
      requestMs: 5000,
      landingMs: 3000,
      onOpen: 'take_back',
      maxPartLength: 4000,
    });
  });

  it.each<[string, object]>([
    ['baseUrl', { baseUrl: 'chat.example.com' }],
    ['baseUrl', { baseUrl: 'ftp://chat.example.com' }],
    ['baseUrl', { baseUrl: 'https://user:password@chat.example.com' }],
    ['accountId', { accountId: 'one' }],
    ['accountId', { accountId: 0 }],
    ['apiToken', { apiToken: '' }],
    ['webhookSecret', { webhookSecret: '' }],
    ['onOpen', { onOpen: 'shrug' }],
    ['requestMs', { requestMs: 0 }],
    ['maxPartLength', { maxPartLength: 150_001 }],
    ['inboxIds', { inboxIds: [] }],
    ['options', { webhokSecret: 'x' }],
  ])('a wrong %s is a ConfigError that names it and tells no secret', (field, wrong) => {
    const build = () => bench(nobody, { apiToken: 'very-secret', ...wrong });
    expect(build).toThrow(ConfigError);
    expect(build).toThrow(new RegExp(`chn_cw: ${field}: `));
    expect(build).not.toThrow(/very-secret|password/);
  });

  it('show in the channel', () => {
    const { channel } = bench(nobody, { requestMs: 700, landingMs: 900 });
    expect(channel).toMatchObject({ kind: 'chatwoot', id: 'chn_cw', orgId: 'org_a', requestMs: 700, landingMs: 900, resolution: { by: 'readback' } });
  });
});
