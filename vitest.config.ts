import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Tests wait for conditions, never for time: these only bound what hangs.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // The environment of whoever runs the tests must not configure the programs under test.
    unstubEnvs: true,
  },
});
