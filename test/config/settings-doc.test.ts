import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { renderSettingsDoc } from '../../scripts/generate-settings-doc.ts';
import { SETTING_NAMES } from '../../src/config/settings.ts';

const committed = readFileSync(new URL('../../docs/settings.md', import.meta.url), 'utf8');

it('docs/settings.md is what the schema says (npm run docs:settings)', () => {
  expect(committed).toBe(renderSettingsDoc());
});

it('every setting has a row and a meaning', () => {
  for (const name of SETTING_NAMES) expect(committed).toMatch(new RegExp(`^\\| \`${name}\` \\|.*\\| [A-Z\`].{10,} \\|$`, 'm'));
});
