import { describe, expect, it } from 'vitest';
import { shareRules } from '../../src/app/shares.ts';
import { resolveConfig } from '../../src/config/index.ts';
import { ConfigError } from '../../src/domain/errors.ts';

const org = (id: string, extra: object = {}) => ({ id, ...extra, channels: [{ kind: 'playground', id }] });

const withOrgs = (orgs: object[], env: Record<string, string> = {}) => resolveConfig({ env, file: { name: 'chasqui.config.ts', value: { orgs } } });

describe('what an org is entitled to', () => {
  it('is one turn for one turn, without a cap, when nothing is said', () => {
    expect(resolveConfig().orgs).toMatchObject([{ weight: 1, maxConcurrency: 0 }]);
    expect(shareRules(resolveConfig())).toEqual({ cap: 0, orgs: new Map() });
  });

  it('is said by the org, else by ORG_MAX_CONCURRENCY; only what differs is listed', () => {
    const config = withOrgs([org('plain'), org('heavy', { weight: 2.5 }), org('small', { maxConcurrency: 1 }), org('free', { maxConcurrency: 0 })], { ORG_MAX_CONCURRENCY: '4' });
    expect(config.orgs.map(({ weight, maxConcurrency }) => [weight, maxConcurrency])).toEqual([[1, 4], [2.5, 4], [1, 1], [1, 0]]);
    expect(shareRules(config)).toEqual({
      cap: 4,
      orgs: new Map([['org_heavy', { weight: 2.5, cap: 4 }], ['org_small', { weight: 1, cap: 1 }], ['org_free', { weight: 1, cap: 0 }]]),
    });
  });

  it.each([
    [{ weight: 0 }, /orgs\[0\]\.weight.*at least 0\.01/],
    [{ weight: '2' }, /orgs\[0\]\.weight.*must be a number/],
    [{ weight: 101 }, /orgs\[0\]\.weight.*at most 100/],
    [{ maxConcurrency: -1 }, /orgs\[0\]\.maxConcurrency.*at least 0/],
    [{ maxConcurrency: 1.5 }, /orgs\[0\]\.maxConcurrency.*whole number/],
  ])('%j is refused with the place and the fix', (extra, message) => {
    expect(() => withOrgs([org('acme', extra)])).toThrow(ConfigError);
    expect(() => withOrgs([org('acme', extra)])).toThrow(message);
  });
});
