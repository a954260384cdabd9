/** `npm start`: installs what is missing and runs Chasqui. */
import { runSource } from './bootstrap.mjs';

await runSource('src/main.ts');
