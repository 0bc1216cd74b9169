#!/usr/bin/env node
/**
 * The command `callboard`: chooses the sources of a clone or the built files of the package, and a Node that can run
 * them. Decides nothing else. CommonJS, because Node 20 and 22 load the first ES module through libuv's threads, and
 * their number can't be changed after that.
 */
const { spawn } = require('node:child_process');
const { existsSync } = require('node:fs');
const { enableCompileCache } = require('node:module');
const { availableParallelism, constants } = require('node:os');
const { join, sep } = require('node:path');
const { pathToFileURL } = require('node:url');

const root = join(__dirname, '..');
const source = join(root, 'src', 'main.ts');
const built = join(root, 'dist', 'src', 'main.js');
const ownNode = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const isStart = process.argv[2] === 'start';
// Node refuses .ts below node_modules, whatever its version
const isClone = existsSync(source) && !root.split(sep).includes('node_modules');
const runsTypeScript = Boolean(process.features.typescript);
// a child of runWith() must not choose again, and the name is no setting
const isChosen = process.env.CALLBOARD_NODE_CHOSEN !== undefined;
delete process.env.CALLBOARD_NODE_CHOSEN;
const runsBroker = major > 22 || (major === 22 && minor >= 15);

const WANTS_INSTALL = `Node ${process.versions.node} does not run TypeScript.
Run "npm ci" first: it brings a Node that does.`;
const WANTS_NODE = `the broker needs Node 22.15 or newer; this is ${process.versions.node}.
The client and the other commands run on Node 20. Install a newer Node from https://nodejs.org and start again.`;

// All file operations of all shards go through these threads; a journal write must not queue behind reads of old log.
if (isStart) process.env.UV_THREADPOOL_SIZE ??= String(Math.min(64, Math.max(8, 4 * availableParallelism())));

// What was compiled once need not be compiled at the next start: half of the time that a start takes.
const cached = enableCompileCache?.();
// Workers look here for it: otherwise each loads what strips types, 17 MiB, for the files that come before it can ask.
if (cached?.directory !== undefined) process.env.NODE_COMPILE_CACHE ??= cached.directory;

if (isClone && runsTypeScript) load(source);
else if (isClone && existsSync(ownNode) && !isChosen) runWith(ownNode);
else if (!existsSync(built)) fail(isClone ? WANTS_INSTALL : `${built} is missing. Install the package again.`);
else if (isStart && !runsBroker) fail(WANTS_NODE);
else load(built);

function load(file) {
  import(pathToFileURL(file).href).catch((error) => {
    // a syntax error or a missing package: nothing has run yet that could report it
    console.error(error);
    process.exitCode = 1;
  });
}

/** The same command under the Node of the clone; signals and the exit code pass through. */
function runWith(node) {
  const child = spawn(node, [__filename, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, CALLBOARD_NODE_CHOSEN: '1' },
  });
  // a terminal sends Ctrl-C to both; the child decides when it is over
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`${node} does not run: ${error.message}`));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
  });
}

function fail(message) {
  console.error(`callboard: ${message}`);
  process.exitCode = 1;
}
