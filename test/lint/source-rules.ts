/** The layer table and the banned globals, as functions over file names and texts, so that the rules themselves can be tested. */

/** What each room may import of ours, besides itself. `entry`: only the room's index.ts. */
const ROOMS: Record<string, { any: string[]; entry?: string[] }> = {
  domain: { any: [] },
  ports: { any: ['domain'] },
  config: { any: ['domain', 'ports'] },
  intake: { any: ['domain', 'ports'] },
  work: { any: ['domain', 'ports'] },
  upkeep: { any: ['domain', 'ports'] },
  operate: { any: ['domain', 'ports'] },
  stores: { any: ['domain', 'ports'] },
  engines: { any: ['domain', 'ports'] },
  limiters: { any: ['domain', 'ports'] },
  channels: { any: ['domain', 'ports'] },
  responders: { any: ['domain', 'ports'] },
  telemetry: { any: ['domain', 'ports'] },
  http: { any: ['domain', 'ports'], entry: ['config', 'intake', 'operate'] },
  cli: { any: ['domain', 'ports'], entry: ['config', 'intake', 'operate'] },
};
const ANYTHING = new Set(['app', 'main.ts', 'index.ts']);
/** Rooms of drivers: a folder each, which know nothing of one another. Files beside the folders are shared by all of the room. */
const DRIVERS = new Set(['stores', 'engines', 'limiters', 'channels', 'responders']);

/** Where a package may be imported; a package that is not here may be imported anywhere. */
const PACKAGES: Record<string, string[]> = {
  fastify: ['http'],
  'node:sqlite': ['stores/sqlite'],
  cockatiel: ['app'],
  'p-queue': ['engines/local'],
  bullmq: ['engines/bullmq'],
  ioredis: ['engines/bullmq', 'limiters/redis'],
  pg: ['stores/postgres', 'stores/integration-job'],
  ai: ['responders/model'],
  '@ai-sdk/openai-compatible': ['responders/model'],
  pino: ['telemetry'],
  'prom-client': ['telemetry'],
  commander: ['cli'],
  'fastest-levenshtein': ['config'],
};

const BANNED: [RegExp, string][] = [
  [/\bDate\.now\b/, 'Date.now'],
  [/\bnew Date\(\)/, 'new Date()'],
  [/\bMath\.random\b/, 'Math.random'],
  [/\bcrypto\.randomUUID\b|\brandomUUID\(/, 'randomUUID'],
  [/\bperformance\.now\b/, 'performance.now'],
  [/\bsetTimeout\b/, 'setTimeout'],
  [/\bsetInterval\b/, 'setInterval'],
  [/\bprocess\.env\b/, 'process.env'],
  [/\bconsole\.\w/, 'console'],
];
/** Time, chance and the environment enter the program here, and everywhere else as arguments. */
const EXEMPT = [/^domain\/clock\.ts$/, /^config\//, /^telemetry\//, /^main\.ts$/];

/** A file of src/, by its path inside it. */
export interface SourceFile {
  path: string;
  text: string;
}

/** Comments and texts out of the way, line by line, so that words in them are not taken for code. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ' ')).replaceAll(/(^|[^:'"`])\/\/.*$/gm, '$1');
}

/** What a file imports, statically or not. */
export function importsOf({ text }: SourceFile): string[] {
  const code = withoutComments(text);
  const found = code.matchAll(/(?:^|[\s;}])(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|(?:^|[\s;])import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g);
  return [...found].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

/** The path inside src/ that a relative import leads to. */
function resolved(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

const roomOf = (path: string): string => path.split('/')[0] ?? path;
const driverOf = (path: string): string => path.split('/').slice(0, 2).join('/');

function siblingOf(from: string, to: string): string | null {
  const room = roomOf(from);
  if (!DRIVERS.has(room) || roomOf(to) !== room) return null;
  const isFolder = to.split('/').length > 2;
  if (!isFolder || driverOf(from) === driverOf(to)) return null;
  return `${driverOf(from)} may not know its sibling ${driverOf(to)}`;
}

function layerProblem(from: string, to: string): string | null {
  const [room, target] = [roomOf(from), roomOf(to)];
  if (room === target) return siblingOf(from, to);
  if (target === 'app' && !ANYTHING.has(room)) return 'nothing imports app';
  if (ANYTHING.has(room)) return null;
  const rules = ROOMS[room];
  if (!rules) return `src/${room} is not a room of the layer table`;
  if (rules.any.includes(target)) return null;
  if (rules.entry?.includes(target)) return to === `${target}/index.ts` ? null : `${room} may import only the entry of ${target}`;
  return `${room} may not import ${target}`;
}

function packageProblem(from: string, specifier: string): string | null {
  const allowed = PACKAGES[specifier];
  if (!allowed || allowed.some((place) => from.startsWith(`${place}/`))) return null;
  return `${specifier} belongs to ${allowed.join(', ')}`;
}

/** Imports that the layer table forbids: `file: why`. */
export function layerViolations(files: SourceFile[]): string[] {
  return files.flatMap((file) =>
    importsOf(file).flatMap((specifier) => {
      const problem = specifier.startsWith('.') ? layerProblem(file.path, resolved(file.path, specifier)) : packageProblem(file.path, specifier);
      return problem ? [`${file.path}: ${problem} (${specifier})`] : [];
    }),
  );
}

/** Uses of time, chance, timers, environment and console outside their rooms: `file:line: what`. */
export function bannedGlobals(files: SourceFile[]): string[] {
  return files
    .filter(({ path }) => !EXEMPT.some((exempt) => exempt.test(path)))
    .flatMap(({ path, text }) =>
      withoutComments(text)
        .split('\n')
        .flatMap((line, index) => BANNED.filter(([pattern]) => pattern.test(line)).map(([, name]) => `${path}:${index + 1}: ${name}`)),
    );
}
