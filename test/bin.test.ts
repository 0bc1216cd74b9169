/** Judges the command's small door: which files it loads, under which Node, with how many of libuv's threads. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { root } from './source.ts';

/** A folder with the bin and the given files, as a clone or an installed package has them. */
function layout(t: ExecutionContext, below: string, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'callboard-bin-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const home = join(folder, below);
  for (const [path, content] of Object.entries({ 'package.json': '{ "type": "module" }', ...files })) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), content);
  }
  mkdirSync(join(home, 'bin'), { recursive: true });
  for (const name of ['callboard.js', 'package.json']) copyFileSync(join(root, 'bin', name), join(home, 'bin', name));
  return home;
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function run(node: string, home: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const { UV_THREADPOOL_SIZE: _, ...inherited } = process.env;
  const child = spawn(node, [join(home, 'bin', 'callboard.js'), ...args], { env: { ...inherited, ...env } });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, out, err };
}

const shown = (what: string): string => `
const threads = process.env.UV_THREADPOOL_SIZE ?? 'default';
console.log('${what}', process.argv.slice(2).join(' '), threads, Object.keys(process.env).includes('CALLBOARD_NODE_CHOSEN'));
`;
const SOURCE = `const typed: string = 'x';\n${shown('source')}`;
const BUILT = shown('built');

/** A Node on the PATH that can't run the broker, as the machine of a user may have. */
function oldNode(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((one) => !one.includes('node_modules'));
  return folders.map((one) => join(one, 'node')).find((path) => existsSync(path));
}

test('a clone runs its sources, an installed package the built files', async (t) => {
  const clone = layout(t, '', { 'src/main.ts': SOURCE, 'dist/src/main.js': BUILT });
  t.is((await run(process.execPath, clone, ['status', '--json'])).out, 'source status --json default false\n');
  const installed = layout(t, 'node_modules/callboard', { 'src/main.ts': SOURCE, 'dist/src/main.js': BUILT });
  t.is((await run(process.execPath, installed, ['status'])).out, 'built status default false\n');
});

test('start gets threads for the disk, unless somebody has said how many', async (t) => {
  const clone = layout(t, '', { 'src/main.ts': SOURCE });
  t.regex((await run(process.execPath, clone, ['start'])).out, /^source start ([8-9]|[1-6]\d) /);
  t.regex((await run(process.execPath, clone, ['start'], { UV_THREADPOOL_SIZE: '5' })).out, /^source start 5 /);
});

test('what is missing is named', async (t) => {
  const { code, err } = await run(process.execPath, layout(t, 'node_modules/callboard', {}), ['status']);
  t.is(code, 1);
  t.regex(err, /main\.js is missing\. Install the package again/);
  const broken = await run(process.execPath, layout(t, '', { 'src/main.ts': "import 'nowhere-to-be-found';" }), []);
  t.is(broken.code, 1);
  t.regex(broken.err, /nowhere-to-be-found/);
});

test('an old Node runs the client, refuses the broker, and finds the Node of a clone', async (t) => {
  const old = oldNode();
  if (old === undefined || old === process.execPath) {
    t.log('there is no other Node on the PATH');
    t.pass();
    return;
  }
  const installed = layout(t, 'node_modules/callboard', { 'dist/src/main.js': BUILT });
  const version = (await run(old, layout(t, '', { 'src/main.ts': '' }), ['start'])).err;
  if (version === '') {
    t.log(`${old} runs TypeScript: it is not old`);
    t.pass();
    return;
  }
  t.regex(version, /does not run TypeScript\.\nRun "npm ci" first/);
  t.regex((await run(old, installed, ['status'])).out, /^built status/);
  const refused = await run(old, installed, ['start']);
  t.is(refused.code, 1);
  t.regex(refused.err, /the broker needs Node 22\.15 or newer; this is/);
  const clone = layout(t, '', { 'src/main.ts': `${SOURCE}process.exitCode = 7;` });
  mkdirSync(join(clone, 'node_modules', '.bin'), { recursive: true });
  symlinkSync(process.execPath, join(clone, 'node_modules', '.bin', 'node'));
  const chosen = await run(old, clone, ['start']);
  t.regex(chosen.out, /^source start \d+ false\n$/);
  t.is(chosen.code, 7);
});
