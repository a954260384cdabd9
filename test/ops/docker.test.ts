import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const dockerfile = readFileSync(`${root}ops/docker/Dockerfile`, 'utf8');

describe('the Dockerfile', () => {
  it('runs without root, without a shell and without development dependencies, on the Node of package.json', () => {
    expect(dockerfile.match(/^FROM .*/gm)).toEqual(['FROM node:24-slim AS build', 'FROM node:24-slim']);
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toMatch(/^CMD \["node", "dist\/main\.js"\]$/m);
    expect(dockerfile).toMatch(/^HEALTHCHECK .* CMD \["node", "dist\/main\.js", "healthcheck"\]$/m);
    expect(dockerfile).toMatch(/^STOPSIGNAL SIGTERM$/m);
    expect(dockerfile).toMatch(/npm ci --omit=dev/);
    expect(dockerfile).toMatch(/^ENV .*NODE_ENV=production/m);
  });

  it('has no VOLUME: Railway refuses to build files that have one', () => {
    expect(dockerfile).not.toMatch(/^VOLUME/m);
  });

  it.runIf(process.platform === 'linux')(
    'its steps make something that is healthy when started and ends in order on SIGTERM, all without root',
    () => {
      const { status, stdout, stderr } = spawnSync('bash', [`${root}scripts/docker-steps.sh`], { encoding: 'utf8', timeout: 280_000 });
      expect(`${stdout}${status === 0 ? '' : stderr}`).toMatch(/docker-steps: passed\n$/);
      const instructions = dockerfile.split('\n').filter((line) => /^[A-Z]+ /.test(line));
      expect(stdout.match(/^\[\d+\] .*/gm)?.map((line) => line.replace(/^\[\d+\] /, ''))).toEqual(instructions);
      expect(stdout).toMatch(/healthy: .*\/livez answers 200\nthe page is served\nSIGTERM: exit code 0\nstopped: the health check fails/);
    },
    300_000,
  );

  it('copies everything that the build reads', () => {
    const allowed = readFileSync(`${root}.dockerignore`, 'utf8').split('\n').filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(allowed.toSorted()).toEqual([...new Set(dockerfile.match(/^COPY (?!--from).*/gm)?.flatMap((line) => line.split(' ').slice(1, -1)))].toSorted());
    for (const name of allowed) expect(globSync(name, { cwd: root })).toEqual([name]);
  });
});
