import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { renderEnvExample } from '../../scripts/generate-env-example.ts';
import { resolveConfig } from '../../src/config/index.ts';
import { SETTING_NAMES } from '../../src/config/settings.ts';

const committed = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');
/** As `docker run --env-file` reads it, with every # before a setting taken away. */
const settings = Object.fromEntries([...committed.matchAll(/^#([A-Z][A-Z_0-9]*)=(.*)$/gm)].map((match) => [match[1] as string, match[2] as string]));

describe('.env.example', () => {
  it('is what the schema says (node scripts/run.mjs scripts/generate-env-example.ts)', () => {
    expect(committed).toBe(renderEnvExample());
  });

  it('has every setting once, each with its meaning', () => {
    expect(Object.keys(settings)).toEqual([...SETTING_NAMES]);
    for (const name of SETTING_NAMES) expect(committed).toMatch(new RegExp(`^# .{10,}\\n(?:# .*\\n)*#${name}=`, 'm'));
  });

  it('sets nothing as it is', () => {
    expect(committed.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([]);
  });

  it('shows the defaults: with all of them taken over, the settings are those of an empty environment', () => {
    expect(resolveConfig({ env: settings }).settings).toEqual(resolveConfig({ env: {} }).settings);
  });
});
