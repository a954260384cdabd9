import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'], { cwd: root, encoding: 'utf8' });
const pages = listed.split('\0').filter((path) => path !== '' && existsSync(join(root, path)));

/** Fenced blocks, with the word after the fence. */
function codeBlocks(text: string): string[] {
  return [...text.matchAll(/^```.*\n[\s\S]*?^```$/gm)].map(([block]) => block);
}

const withoutCode = (text: string): string => codeBlocks(text).reduce((rest, block) => rest.replace(block, ''), text);

interface Heading {
  level: number;
  anchor: string;
}

/** With the anchors that GitHub makes of them. */
function headings(text: string): Heading[] {
  return [...withoutCode(text).matchAll(/^(#{1,6}) (.+)$/gm)].map(([, marks = '', title = '']) => ({
    level: marks.length,
    anchor: title.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'),
  }));
}

/** Targets of links to files of ours that are not there, or have no such heading. */
function brokenLinks(path: string, text: string): string[] {
  const targets = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target).filter((target) => !/^[a-z]+:/.test(target));
  return targets.filter((target) => {
    const [file = '', anchor] = target.split('#');
    const to = file === '' ? path : normalize(join(dirname(path), file));
    if (!existsSync(join(root, to))) return true;
    return anchor !== undefined && !headings(read(to)).some((heading) => heading.anchor === anchor);
  });
}

/** Paths of ours that a text names and that are not there. `…/*.ts` and `{a,b}` are patterns, not paths. */
function missingPaths(text: string): string[] {
  const named = text.matchAll(/(?<![\w./-])(?:docs|src|test|bench|simulators|scripts|examples|dashboard)\/[\w./-]*[\w/](?![\w*{])/g);
  return [...new Set([...named].map(([path]) => path))].filter((path) => !existsSync(join(root, path)));
}

/** Scripts that a text runs with npm and that package.json does not have. */
function missingScripts(text: string): string[] {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const run = [...text.matchAll(/\bnpm run (?:-\w+ )*([\w:]+)/g)].map(([, name = '']) => name);
  const short = [...text.matchAll(/\bnpm (start|test)\b/g)].map(([, name = '']) => name);
  return [...run, ...short].filter((name) => !Object.hasOwn(scripts, name));
}

describe('the documentation', () => {
  it('is found', () => {
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'README.es.md', 'docs/internals.md']));
  });

  it.each(pages)('%s links to what is there', (path) => {
    expect(brokenLinks(path, read(path))).toEqual([]);
  });

  it.each(pages)('%s names paths and scripts that are there', (path) => {
    expect(missingPaths(read(path))).toEqual([]);
    expect(missingScripts(read(path))).toEqual([]);
  });

  it.each([
    ['[a](docs/nowhere.md)', brokenLinks('README.md', '[a](docs/nowhere.md)')],
    ['[a](README.md#no-such-heading)', brokenLinks('README.md', '[a](README.md#no-such-heading)')],
    ['[a](errors.md) in the wrong folder', brokenLinks('README.md', '[a](errors.md)')],
    ['`src/work/nobody.ts`', missingPaths('`src/work/nobody.ts`')],
    ['docs/nowhere.md,', missingPaths('see docs/nowhere.md, there')],
    ['npm run nothing', missingScripts('`npm run nothing -- --x`')],
  ])('planted: %s is found', (_what, found) => {
    expect(found).toHaveLength(1);
  });

  it('links to the outside and code are left alone', () => {
    expect(brokenLinks('README.md', '[a](https://example.com/docs/nowhere.md)\n```sh\n[a](docs/nowhere.md)\n```\n')).toEqual([]);
    expect(missingPaths('https://example.com/docs/nowhere.md')).toEqual([]);
  });
});

describe('README.md and README.es.md', () => {
  const [english, spanish] = [read('README.md'), read('README.es.md')];

  it('have the same headings, level by level', () => {
    const levels = (text: string): number[] => headings(text).map(({ level }) => level);
    expect(levels(english).length).toBeGreaterThan(10);
    expect(levels(spanish)).toEqual(levels(english));
  });

  it('have the same code', () => {
    expect(codeBlocks(english).length).toBeGreaterThan(8);
    expect(codeBlocks(spanish)).toEqual(codeBlocks(english));
  });

  it('link to the same pages, but for each other', () => {
    const links = (text: string): string[] => [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target).filter((target) => !target.startsWith('README'));
    expect(links(spanish)).toEqual(links(english));
  });
});
