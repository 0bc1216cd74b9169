/** The data folder: whose it is, in which format, and that one process at a time has it, whatever way the last one ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { NodeClock } from '../../runtime/clock.ts';
import { type DataFolder, FolderError, openFolder } from '../../runtime/folder.ts';
import { lockHolder, takeLock } from '../../runtime/lock.ts';
import { NodeRandom } from '../../runtime/random.ts';

const world = { clock: new NodeClock(), random: new NodeRandom() };
const self = { pid: 1, startedAt: '2026-01-01T00:00:00.000Z' };
const holderModule = new URL('./lock-holder.ts', import.meta.url).pathname;

function temporary(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'callboard-folder-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function refusal(folder: string, nodeId = 1, clusterId?: string): Promise<FolderError> {
  const owner = clusterId === undefined ? { nodeId } : { nodeId, clusterId };
  return openFolder(folder, owner, world).then(
    () => Promise.reject(new Error('was not refused')),
    (error: unknown) => {
      if (error instanceof FolderError) return error;
      throw error;
    },
  );
}

/** Starts another process on the folder; answers what it says. */
async function holder(t: ExecutionContext, folder: string): Promise<{ child: ChildProcess; says: string }> {
  const child = spawn(process.execPath, [holderModule, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, says: line.toString().trim() };
}

test('creates a folder once and finds itself in it again', async (t) => {
  const folder = join(temporary(t), 'deep', 'data');
  const first = await openFolder(folder, { nodeId: 3 }, world);
  t.true(first.fresh);
  t.is(first.identity.nodeId, 3);
  t.is(first.identity.format, 1);
  await first.release();
  const again = await openFolder(folder, { nodeId: 3, clusterId: first.identity.clusterId }, world);
  t.false(again.fresh);
  t.deepEqual(again.identity, first.identity);
  await again.release();
});

test('refuses a newer format, another node, another cluster and a file it cannot read, each by name', async (t) => {
  const folder = temporary(t);
  const path = join(folder, 'node.json');
  await (await openFolder(folder, { nodeId: 1, clusterId: 'c' }, world)).release();
  const text = readFileSync(path, 'utf8');
  t.is((await refusal(folder, 2)).code, 'OTHER_NODE');
  t.is((await refusal(folder, 1, 'd')).code, 'OTHER_CLUSTER');
  writeFileSync(path, JSON.stringify({ format: 2, anything: true }));
  t.is((await refusal(folder)).code, 'NEWER_FORMAT');
  for (const broken of ['', '{', 'null', '[]', '{"format":0}', '{"format":1,"clusterId":"","nodeId":1,"created":""}']) {
    writeFileSync(path, broken);
    t.is((await refusal(folder)).code, 'UNREADABLE', broken);
    t.is(readFileSync(path, 'utf8'), broken, 'left as it was');
  }
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at++) {
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 7));
    writeFileSync(path, flipped);
    t.true(['UNREADABLE', 'NEWER_FORMAT'].includes((await refusal(folder)).code), `byte ${at}`);
  }
  writeFileSync(path, text);
  await (await openFolder(folder, { nodeId: 1 }, world)).release();
});

test('refuses a folder with other things in it, and leaves it alone', async (t) => {
  const folder = temporary(t);
  writeFileSync(join(folder, 'letters.txt'), 'dear');
  const error = await refusal(folder);
  t.is(error.code, 'NOT_OURS');
  t.true(error.message.includes('letters.txt'));
  t.deepEqual(readdirSync(folder), ['letters.txt']);
});

test('refuses a folder that is in use and names who uses it', async (t) => {
  const folder = temporary(t);
  const { child, says } = await holder(t, folder);
  t.is(says, 'held');
  const error = await refusal(folder);
  t.is(error.code, 'LOCKED');
  t.true(error.message.includes(`process ${child.pid}, started 20`), error.message);
});

test('refuses a folder whose holder is paused and cannot say who it is', async (t) => {
  const folder = temporary(t);
  const { child } = await holder(t, folder);
  child.kill('SIGSTOP');
  const error = await refusal(folder);
  t.is(error.code, 'LOCKED');
  t.true(error.message.includes('does not say'), error.message);
});

test('a killed holder leaves nothing that stands in the way, however often', async (t) => {
  const folder = temporary(t);
  for (let round = 0; round < 3; round += 1) {
    const { child, says } = await holder(t, folder);
    t.is(says, 'held');
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  const own = await openFolder(folder, { nodeId: 1 }, world);
  t.deepEqual(readdirSync(folder).sort(), ['lock.4', 'node.json']);
  await own.release();
});

test('of many that start at once on a stale lock, in processes of their own, one gets it', async (t) => {
  const folder = temporary(t);
  const { child } = await holder(t, folder);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const starters = await Promise.all([1, 2, 3].map(() => holder(t, folder)));
  t.is(starters.filter(({ says }) => says === 'held').length, 1);
  t.is(starters.filter(({ says }) => says.includes('is in use by')).length, 2);
});

test('of many that start at once in one process, one gets it, round after round', async (t) => {
  const folder = temporary(t);
  for (let round = 0; round < 20; round += 1) {
    const tries = Array.from({ length: 6 }, () =>
      openFolder(folder, { nodeId: 1 }, world).catch((error: unknown) => error),
    );
    const opened = (await Promise.all(tries)).filter((result): result is DataFolder => !(result instanceof Error));
    t.is(opened.length, 1);
    await opened[0]?.release();
  }
});

test('numbers go on from the highest, dead or alive, and lower ones are cleared away', async (t) => {
  const folder = temporary(t);
  writeFileSync(join(folder, 'lock.3'), '');
  writeFileSync(join(folder, 'lock.8'), '');
  const holding = await takeLock(folder, self, 'aa');
  t.true('lock' in holding);
  t.deepEqual(await takeLock(folder, { ...self, pid: 2 }, 'bb'), { heldBy: self });
  t.deepEqual(readdirSync(folder), ['lock.9']);
  if ('lock' in holding) await holding.lock.release();
});

test.serial('a starter that was overtaken between its look and its link withdraws', async (t) => {
  const folder = temporary(t);
  const other = createServer((socket) => socket.end(JSON.stringify({ ...self, pid: 7 })));
  await once(other.listen(join(folder, 'other')), 'listening');
  const link = fs.linkSync;
  fs.linkSync = (from, to) => {
    if (String(to).endsWith('lock.1')) link(join(folder, 'other'), join(folder, 'lock.5'));
    link(from, to);
  };
  syncBuiltinESMExports();
  try {
    t.deepEqual(await takeLock(folder, self, 'aa'), { heldBy: { ...self, pid: 7 } });
  } finally {
    fs.linkSync = link;
    syncBuiltinESMExports();
    other.close();
  }
  t.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('lock')),
    ['lock.5'],
  );
});

test.serial('a file system without hard links is refused in words, and the folder is left clean', async (t) => {
  const folder = temporary(t);
  const link = fs.linkSync;
  fs.linkSync = () => {
    throw Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM' });
  };
  syncBuiltinESMExports();
  try {
    const error = await refusal(folder);
    t.is(error.code, 'UNLOCKABLE');
    t.regex(error.message, /EPERM.*hard links/);
  } finally {
    fs.linkSync = link;
    syncBuiltinESMExports();
  }
  t.deepEqual(readdirSync(folder), []);
});

test('works in a folder whose path is longer than a socket may be named', async (t) => {
  const folder = join(temporary(t), 'x'.repeat(120), 'y'.repeat(120));
  const own = await openFolder(folder, { nodeId: 1 }, world);
  t.is((await refusal(folder)).code, 'LOCKED');
  await own.release();
});

test('the same folder by another path is the same folder', async (t) => {
  const base = temporary(t);
  mkdirSync(join(base, 'data'));
  symlinkSync(join(base, 'data'), join(base, 'link'));
  const own = await openFolder(join(base, 'data'), { nodeId: 1 }, world);
  t.is((await refusal(join(base, 'link'))).code, 'LOCKED');
  await own.release();
});

test('tells who has a folder without taking it', async (t) => {
  const folder = temporary(t);
  t.is(await lockHolder(folder), 'dead');
  const answer = await takeLock(folder, self, '0c');
  t.deepEqual(await lockHolder(folder), self);
  if ('lock' in answer) await answer.lock.release();
  t.is(await lockHolder(folder), 'dead');
});
