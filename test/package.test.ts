/**
 * Judges what is published: packed as npm would, installed into an empty folder, used from there by every Node at hand.
 * The client's example is the README's, word for word. More Nodes are named in NODES_TO_TEST, paths with colons between.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import anyTest, { type TestFn } from 'ava';
import { freePort } from './node/harness.ts';
import { root } from './source.ts';

interface Installed {
  /** The folder that the package was installed into. */
  readonly folder: string;
  readonly nodes: readonly Runtime[];
}
interface Runtime {
  readonly path: string;
  readonly version: string;
  /** New enough for the broker. */
  readonly broker: boolean;
}

const test = anyTest as TestFn<Installed>;
const run = promisify(execFile);

test.before(async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'callboard-package-'));
  t.context = { folder, nodes: await runtimes() };
  await npm(['pack', '--pack-destination', folder], root);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  await npm(['install', '--prefer-offline', '--no-audit', '--no-fund', join(folder, tarball)], folder);
});

test.after.always((t) => rmSync(t.context.folder, { recursive: true, force: true }));

/** npm, with a clear text where the registry is out of reach. */
async function npm(args: readonly string[], cwd: string): Promise<void> {
  try {
    await run('npm', args, { cwd, maxBuffer: 2 ** 26 });
  } catch (error) {
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    throw new Error(`npm ${args[0]} failed; it needs the registry or a filled cache:\n${output}`, { cause: error });
  }
}

/** This Node, the one that stands on the PATH behind the project's own, and those that were named. */
async function runtimes(): Promise<Runtime[]> {
  const file = process.platform === 'win32' ? 'node.exe' : 'node';
  const folders = (process.env.PATH ?? '').split(delimiter).filter((one) => !one.includes('node_modules'));
  const outside = folders.map((one) => join(one, file)).filter((path) => existsSync(path));
  const named = (process.env.NODES_TO_TEST ?? '').split(delimiter).filter((path) => path !== '');
  const found = new Map<string, Runtime>();
  for (const path of [process.execPath, ...outside.slice(0, 1), ...named]) {
    const { stdout } = await run(path, ['--version']);
    const version = stdout.trim();
    const [major = 0, minor = 0] = version.slice(1).split('.').map(Number);
    found.set(version, { path, version, broker: major > 22 || (major === 22 && minor >= 15) });
  }
  return [...found.values()];
}

interface Broker {
  readonly server: string;
  readonly child: ChildProcess;
  /** Its exit code, heard of from the start. */
  readonly ended: Promise<unknown>;
}

/** `callboard start` as it was installed, on free ports. */
async function startBroker(folder: string, node: string, data: string): Promise<Broker> {
  const port = await freePort();
  const ports = ['--native-port', String(port), '--kafka-port', '0', '--admin-port', '0'];
  const flags = [...ports, '--data', join(folder, data), '--shards', '2'];
  const bin = join(folder, 'node_modules', 'callboard', 'bin', 'callboard.js');
  const child = spawn(node, [bin, 'start', '--json', ...flags], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  const started = once(child.stdout, 'data');
  const ended = once(child, 'exit').then(([code]) => code as unknown);
  await Promise.race([started, ended.then((code) => Promise.reject(new Error(`start ended with ${code}`)))]);
  child.stdout.resume();
  return { server: `127.0.0.1:${port}`, child, ended };
}

function stop({ child, ended }: Broker): Promise<unknown> {
  child.kill('SIGTERM');
  return ended;
}

/** The README's first block of JavaScript that imports `specifier`. */
function exampleOf(specifier: string): string {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const blocks = [...readme.matchAll(/^```js\n([\s\S]*?)^```/gm)].map(([, code]) => code ?? '');
  return blocks.find((code) => code.includes(`from '${specifier}'`)) ?? '';
}

test.serial('start, pub and sub run as installed, and the example of the README on every Node', async (t) => {
  const { folder, nodes } = t.context;
  const bin = join(folder, 'node_modules', 'callboard', 'bin', 'callboard.js');
  writeFileSync(join(folder, 'example.js'), exampleOf('callboard'));
  for (const host of nodes.filter((node) => node.broker)) {
    const broker = await startBroker(folder, host.path, `data-${host.version}`);
    t.teardown(() => stop(broker));
    const env = { ...process.env, CALLBOARD_SERVER: broker.server };
    for (const node of nodes) {
      const on = `${node.version} with a broker on ${host.version}`;
      const { stdout } = await run(node.path, ['example.js'], { cwd: folder, env, timeout: 60_000 });
      t.regex(stdout, /^stored in partition \d at offset \d+\n\d\/\d+: hello\n$/, on);
      await run(node.path, [bin, 'pub', 'commands', `from ${node.version}`], { cwd: folder, env, timeout: 60_000 });
    }
    const count = String(nodes.length);
    const sub = [bin, 'sub', 'commands', '--from', 'beginning', '--count', count, '--json'];
    const { stdout } = await run(host.path, sub, { cwd: folder, env, timeout: 60_000 });
    const values = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).value);
    t.deepEqual(values.sort(), nodes.map((node) => `from ${node.version}`).sort());
    t.is(await stop(broker), 0);
  }
});

test.serial('a node is embedded as installed', async (t) => {
  const { folder, nodes } = t.context;
  writeFileSync(join(folder, 'embedded.js'), exampleOf('callboard/node'));
  for (const node of nodes.filter((one) => one.broker)) {
    const { stdout } = await run(node.path, ['embedded.js'], { cwd: folder, timeout: 60_000 });
    t.is(stdout, 'stored at offset 0\n', node.version);
  }
});

test.serial('an old Node is told what the broker needs', async (t) => {
  const { folder, nodes } = t.context;
  const bin = join(folder, 'node_modules', 'callboard', 'bin', 'callboard.js');
  const old = nodes.filter((node) => !node.broker);
  if (old.length === 0) t.log('no Node below 22.15 is at hand: name one in NODES_TO_TEST');
  for (const node of old) {
    const failure = await t.throwsAsync<Error & { code?: number; stderr?: string }>(
      run(node.path, [bin, 'start'], { cwd: folder }),
    );
    t.is(failure?.code, 1);
    t.regex(failure?.stderr ?? '', /the broker needs Node 22\.15 or newer; this is \d+/);
  }
  const { stdout } = await run(process.execPath, [bin, '--version']);
  t.regex(stdout, /^\d+\.\d+\.\d+\n$/);
});

test.serial('the package carries types that a strict program compiles against', async (t) => {
  const { folder } = t.context;
  writeFileSync(
    join(folder, 'typed.ts'),
    "import { connect, type Message } from 'callboard';\nexport const read = async (): Promise<Message | undefined> => {\n  const client = await connect();\n  const [message] = await client.reader({ topic: 'orders' }).poll();\n  return message;\n};\n",
  );
  const flags = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--lib',
    'es2024,esnext.disposable',
  ];
  const types = ['--typeRoots', join(root, 'node_modules', '@types'), '--types', 'node'];
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  await t.notThrowsAsync(run(process.execPath, [tsc, ...flags, ...types, 'typed.ts'], { cwd: folder }));
});
