import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/telemetry/metric-table.ts';
import { bannedGlobals, importsOf, layerViolations } from './source-rules.ts';
import type { SourceFile } from './source-rules.ts';

const source = fileURLToPath(new URL('../../src/', import.meta.url));
const files: SourceFile[] = globSync('**/*.ts', { cwd: source }).map((path) => ({ path: path.replaceAll('\\', '/'), text: readFileSync(source + path, 'utf8') }));
const planted = (path: string, text: string): SourceFile[] => [...files, { path, text }];

describe('layers', () => {
  it('are kept by every file', () => {
    expect(files.length).toBeGreaterThan(50);
    expect(layerViolations(files)).toEqual([]);
  });

  it.each([
    ['domain/planted.ts', `import { x } from '../ports/store.ts';`],
    ['domain/planted.ts', `import type { x } from '../ports/store.ts';`],
    ['intake/planted.ts', `import { x } from '../work/index.ts';`],
    ['work/planted.ts', `export { x } from '../upkeep/sweep.ts';`],
    ['work/planted.ts', `const x = await import('../http/index.ts');`],
    ['upkeep/planted.ts', `import '../app/index.ts';`],
    ['cli/planted.ts', `import { x } from '../app/index.ts';`],
    ['http/planted.ts', `import { x } from '../operate/stats.ts';`],
    ['channels/chatwoot/planted.ts', `import { x } from '../playground/index.ts';`],
    ['channels/chatwoot/planted.ts', `import {\n  x,\n} from '../../config/index.ts';`],
    ['work/planted.ts', `import pino from 'pino';`],
    ['intake/planted.ts', `import { DatabaseSync } from 'node:sqlite';`],
    ['attic/planted.ts', `import { x } from '../domain/ids.ts';`],
  ])('a planted violation in %s is found: %s', (path, text) => {
    expect(layerViolations(planted(path, text))).toHaveLength(1);
  });

  it('imports in comments and texts are not imports', () => {
    expect(importsOf({ path: 'x.ts', text: `/** import { x } from './a.ts' */\n// import './b.ts'\nimport { c } from './c.ts';` })).toEqual(['./c.ts']);
  });
});

describe('time, chance, timers, environment and console', () => {
  it('are used only in clock, config and telemetry', () => {
    expect(bannedGlobals(files)).toEqual([]);
  });

  it.each(['Date.now()', 'new Date()', 'Math.random()', 'setTimeout(f, 1)', 'setInterval(f, 1)', 'process.env.HOME', `console.log('x')`, 'performance.now()'])('planted %s is found', (code) => {
    expect(bannedGlobals(planted('work/planted.ts', `export const x = ${code};`))).toHaveLength(1);
    expect(bannedGlobals(planted('config/planted.ts', `export const x = ${code};`))).toHaveLength(0);
  });
});

describe('metrics', () => {
  const used = files.flatMap(({ path, text }) => [...text.matchAll(/\.(?:count|observe|gauge)\(\s*'([a-z_]+)'/g)].map((match) => ({ path, name: match[1] as string })));

  it('are counted only under declared names', () => {
    expect(used.length).toBeGreaterThan(5);
    expect(used.filter(({ name }) => !Object.hasOwn(METRICS, name))).toEqual([]);
  });
});
