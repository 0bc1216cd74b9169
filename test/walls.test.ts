/**
 * Judges who imports whom: `src` decides, `runtime` does, `actors` join. The table is the architecture; a broken line
 * prints what would have been allowed. Also that each package of the runtime has one door, and that src stays pure.
 */
import { posix } from 'node:path';
import test from 'ava';
import { importsOf, lineOf, parseSource, type Source, sources, walk } from './source.ts';

interface Wall {
  /** The first wall whose pattern fits a file is its wall. */
  readonly from: RegExp;
  /** Files of ours that it may import; `$1` is what the first group of `from` matched. */
  readonly ours: readonly string[];
  /** Names of packages, `node:` for Node's modules, `*` for all. */
  readonly others: readonly string[];
  readonly why: string;
}

const EVERYTHING = ['bin/', 'src/', 'actors/', 'runtime/', 'package.json'];
/** What all dialects share: the common language and what stands beside it. */
const COMMON = 'src/protocols/[^/]+$';

const walls: readonly Wall[] = [
  { from: /^src\/model\//, ours: ['src/model/'], others: [], why: 'nouns know nobody' },
  {
    from: /^src\/(raft|log|group|delivery|transaction|routing|catalog)\//,
    ours: ['src/$1/', 'src/model/'],
    others: [],
    why: 'machines know nouns, never each other',
  },
  {
    from: /^src\/protocols\/([^/]+)\//,
    ours: ['src/protocols/$1/', 'src/model/', COMMON],
    others: [],
    why: 'a dialect knows the common language, never another dialect',
  },
  { from: /^src\/protocols\//, ours: ['src/model/', COMMON], others: [], why: 'the common language knows no dialect' },
  {
    from: /^src\/edges\/cli\//,
    ours: ['src/edges/cli/', 'src/edges/client/', 'src/model/', COMMON, 'src/log/'],
    others: ['node:', '*'],
    why: 'the command line speaks to a node through the client that everybody else uses',
  },
  {
    from: /^src\/edges\/([^/]+)\//,
    ours: ['src/edges/$1/', 'src/model/', 'src/protocols/native/', COMMON, 'src/log/'],
    others: ['node:', '*'],
    why: 'edges reach the broker by protocol; what starts a node is handed in',
  },
  {
    from: /^src\/(config|memory|settings|settings-file)\.ts$/,
    ours: ['src/config.ts', 'src/memory.ts', 'src/settings.ts', 'src/settings-file.ts', 'src/model/'],
    others: ['node:', 'yaml'],
    why: 'settings are known to those who compose, and know nobody',
  },
  { from: /^src\/[^/]+\.ts$/, ours: EVERYTHING, others: ['node:', '*'], why: 'the door composes' },
  {
    from: /^actors\//,
    ours: ['actors/', 'src/(?!edges/)[^/]+/', 'runtime/(actor|ports|address|dead-letters)\\.ts$'],
    others: [],
    why: 'actors join machines and effects; what touches Node or a package is a port',
  },
  {
    from: /^runtime\//,
    ours: ['runtime/', 'src/model/'],
    others: ['node:', '*'],
    why: 'runtime knows nothing of brokers',
  },
  { from: /^bin\//, ours: [...EVERYTHING, 'dist/'], others: ['node:'], why: 'the bin only chooses what to load' },
  {
    from: /^(test|scripts|deploy)\//,
    ours: [''],
    others: ['node:', '*'],
    why: 'judges and tools may use everything; nothing imports them',
  },
];

/** Packages that one file of runtime knows, so that a change of package costs one file. */
const ONE_DOOR = ['piscina', '@msgpack/msgpack', 'comlink', 'pino'];

/** Violations of the walls, one line each. */
function judgeWalls(files: readonly Source[]): string[] {
  const broken: string[] = [];
  for (const file of files) {
    const wall = walls.find((one) => one.from.test(file.path));
    if (!wall) {
      if (file.path.includes('/')) broken.push(`${file.path}: stands in no room that the walls know`);
      continue;
    }
    const group = wall.from.exec(file.path)?.[1] ?? '';
    const ours = wall.ours.map((pattern) => pattern.replace('$1', group));
    for (const { specifier, line } of importsOf(file)) {
      if (allowed(file.path, specifier, ours, wall.others)) continue;
      const may = [...ours, ...wall.others].join(', ');
      broken.push(`${file.path}:${line}: imports ${specifier}; may import: ${may} (${wall.why})`);
    }
  }
  return broken;
}

function allowed(path: string, specifier: string, ours: readonly string[], others: readonly string[]): boolean {
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier);
    return ours.some((pattern) => new RegExp(`^${pattern}`).test(target));
  }
  if (specifier.startsWith('node:')) return others.includes('node:');
  return others.includes('*') || others.includes(packageOf(specifier));
}

const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/** For each package with one door: the files of the node that import it. The client has its own codec, in one file. */
function doorsOf(files: readonly Source[], name: string): string[] {
  const node = files.filter((file) => /^(runtime|actors|src)\//.test(file.path) && !file.path.startsWith('src/edges/'));
  return node
    .filter((file) => importsOf(file).some(({ specifier }) => packageOf(specifier) === name))
    .map((file) => file.path);
}

/** The world enters src as a parameter: these names would let it in by the back door. */
const WORLD = new Set([
  ...['Date', 'process', 'performance', 'crypto', 'globalThis', 'console', 'fetch', 'Promise', 'Worker', 'Atomics'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'],
]);
const PURE = /^src\/(model|raft|log|group|delivery|transaction|routing|catalog|protocols)\//;

function judgePurity(file: Source): string[] {
  if (!PURE.test(file.path) && !file.path.startsWith('actors/')) return [];
  const broken: string[] = [];
  const found = (line: number, what: string): void => {
    broken.push(`${file.path}:${line}: ${what}; clock, chance, promises and threads are handed in`);
  };
  const { program } = parseSource(file);
  const ownNames = namesBoundIn(program);
  walk(program, (node) => {
    if (node.async === true) found(lineOf(node), 'an async function');
    if (node.type === 'Identifier' && WORLD.has(String(node.name)) && !ownNames.has(node))
      found(lineOf(node), String(node.name));
    const of = node.type === 'MemberExpression' ? `${name(node.object)}.${name(node.property)}` : '';
    if (of === 'Math.random') found(lineOf(node), of);
  });
  // a shorthand is key and value at once
  return [...new Set(broken)];
}

/** Identifiers that are nobody's global: fields, keys, and whatever the file gives a meaning of its own. */
function namesBoundIn(program: unknown): Set<unknown> {
  const bound = new Set<unknown>();
  const own = new Set<string>();
  walk(program, (node) => {
    if (node.type === 'MemberExpression' && node.computed === false) bound.add(node.property);
    if (/^Property$|Definition$/.test(node.type) && node.computed === false && node.shorthand !== true)
      bound.add(node.key);
    const params = Array.isArray(node.params) ? node.params : [];
    for (const pattern of [node.type === 'VariableDeclarator' ? node.id : node.local, ...params])
      walk(pattern, (part) => void (part.type === 'Identifier' && own.add(String(part.name))));
  });
  walk(program, (node) => void (node.type === 'Identifier' && own.has(String(node.name)) && bound.add(node)));
  return bound;
}

const name = (node: unknown): string =>
  typeof node === 'object' && node !== null && 'name' in node ? String(node.name) : '';

const all = sources();

test('files import what their room may import', (t) => {
  t.true(all.length > 10);
  t.deepEqual(judgeWalls(all), []);
});

test('each package of the runtime has exactly one door', (t) => {
  for (const name of ONE_DOOR) {
    const doors = doorsOf(all, name);
    t.is(doors.length, 1, `${name} is imported by ${doors.join(', ') || 'nobody'}`);
    t.regex(doors[0] ?? '', /^runtime\//);
  }
});

test('what decides takes clock, chance and threads as parameters', (t) => {
  t.deepEqual(all.flatMap(judgePurity), []);
});

test('the judge of walls sees a broken wall, whatever its form', (t) => {
  const planted: [string, string, boolean][] = [
    ['src/model/a.ts', "import { x } from './b.ts';", true],
    ['src/model/a.ts', "import type { X } from '../log/entry.ts';", false],
    ['src/log/a.ts', "import {\n  type X,\n  y,\n} from '../group/machine.ts';", false],
    ['src/log/a.ts', "export * from '../model/ids.ts';", true],
    ['src/log/a.ts', "import { readFileSync } from 'node:fs';", false],
    ['src/log/a.ts', "import 'yaml';", false],
    ['src/log/a.ts', "type T = import('../catalog/state.ts').State;", false],
    ['src/protocols/native/a.ts', "import { x } from '../request.ts';", true],
    ['src/protocols/native/a.ts', "import { x } from '../kafka/frame.ts';", false],
    ['src/edges/client/a.ts', "import { x } from '../../protocols/native/frame.ts';", true],
    ['src/edges/client/a.ts', "import { x } from '../cli/index.ts';", false],
    ['src/edges/client/a.ts', "const x = await import('../../../runtime/system.ts');", false],
    ['src/edges/cli/a.ts', "import { connect } from '../client/index.ts';", true],
    ['src/edges/admin/a.ts', "import { Registry } from 'prom-client';", true],
    ['actors/a.ts', "import type { Context } from '../runtime/actor.ts';", true],
    ['actors/a.ts', "import { x } from '../src/config.ts';", false],
    ['actors/a.ts', "import { Shard } from '../runtime/shard.ts';", false],
    ['actors/a.ts', "import { connect } from '../src/edges/client/index.ts';", false],
    ['actors/a.ts', "import { encode } from '@msgpack/msgpack';", false],
    ['runtime/a.ts', "new Worker(new URL('../actors/node.ts', import.meta.url));", false],
    ['runtime/a.ts', "import pino from 'pino';", true],
    ['runtime/a.ts', "import { x } from '../test/source.ts';", false],
    ['src/main.ts', "import { x } from '../actors/node.ts';", true],
    ['src/config.ts', "import { x } from '../runtime/system.ts';", false],
    ['attic/a.ts', '', false],
  ];
  for (const [path, text, fine] of planted) t.is(judgeWalls([{ path, text }]).length, fine ? 0 : 1, `${path}: ${text}`);
  t.deepEqual(judgeWalls([{ path: 'src/model/a.ts', text: " * import { connect } from 'callboard';" }]), []);
  const [line] = judgeWalls([{ path: 'src/model/a.ts', text: "\nimport '../log/x.ts';" }]);
  t.is(line, 'src/model/a.ts:2: imports ../log/x.ts; may import: src/model/ (nouns know nobody)');
});

test('the judge of doors sees a second door', (t) => {
  const door = (path: string): Source => ({ path, text: "import { encode } from '@msgpack/msgpack/dist/x';" });
  const files = [door('runtime/a.ts'), door('runtime/b.ts'), door('src/edges/client/c.ts'), door('test/d.ts')];
  t.deepEqual(doorsOf(files, '@msgpack/msgpack'), ['runtime/a.ts', 'runtime/b.ts']);
});

test('the judge of purity sees the world come in', (t) => {
  const impure = [
    'const a = Date.now();',
    'const b = Math.random();',
    'setTimeout(() => 1, 1);',
    'async function f() {}',
    'const g = { async h() {} };',
    'export const p = Promise.resolve(1);',
    'const c = process.env;',
    'const d = fetch(f);',
    'const e = { Date };',
  ];
  for (const text of impure) t.is(judgePurity({ path: 'src/log/a.ts', text }).length, 1, text);
  t.deepEqual(judgePurity({ path: 'src/edges/client/a.ts', text: 'const a = Date.now();' }), []);
  const named = "import { fetch } from './fetch.ts'; const f = (process) => fetch(process); const { Date } = f();";
  t.deepEqual(judgePurity({ path: 'src/log/a.ts', text: named }), []);
  const pure = 'const Math2 = Math.floor(1); const d = { process: 1, Date() { return this.process; } }; d.Date();';
  t.deepEqual(judgePurity({ path: 'src/log/a.ts', text: pure }), []);
});
