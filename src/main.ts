#!/usr/bin/env node
import { enableCompileCache } from 'node:module';

// Before anything else is loaded: the next start need not compile again. The store's thread reads where from the environment.
const { directory } = enableCompileCache();
if (directory !== undefined) process.env.NODE_COMPILE_CACHE = directory;

const { runCli } = await import('./cli/index.ts');

const { exitCode, message } = await runCli(process.argv.slice(2), {
  run: async (source) => {
    const { runApp } = await import('./app/index.ts');
    await runApp(source);
  },
  inspect: async () => {
    const [{ createInspect }, { systemClock }] = await Promise.all([import('./app/inspect.ts'), import('./domain/clock.ts')]);
    return createInspect(systemClock);
  },
  print: (line) => {
    process.stdout.write(`${line}\n`);
  },
});
if (message !== null) process.stderr.write(`${message}\n`);
process.exitCode = exitCode;
