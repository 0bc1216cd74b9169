/** What Node's disk does beyond the common judge: falling back where direct I/O is refused, and the system's real errors. */
import fs, { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { probeDirect } from '../../runtime/direct.ts';
import { NodeDisk } from '../../runtime/disk.ts';
import { fromErrno } from '../../runtime/disk-error.ts';
import type { DiskError, DiskFile, DoneWith } from '../../runtime/ports.ts';

interface Answer<T> {
  readonly error: DiskError | null;
  readonly value: T | undefined;
}
function answer<T>(call: (done: DoneWith<T>) => void): Promise<Answer<T>> {
  return new Promise((resolve) => call((error, value) => resolve({ error, value })));
}

async function opened(call: (done: DoneWith<DiskFile>) => void): Promise<DiskFile> {
  const { error, value } = await answer(call);
  if (value === undefined) throw new Error(error?.message);
  return value;
}

function temporary(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'callboard-disk-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The system takes `most` bytes a call while `run` is under way. */
async function takingAtMost(most: number, run: () => Promise<void>): Promise<void> {
  const { write, writev } = fs;
  const first = (views: readonly NodeJS.ArrayBufferView[]): Uint8Array => views[0] as Uint8Array;
  const short = ((descriptor: number, view: Uint8Array, _offset: number, _length: number, at: number, done: never) =>
    write(descriptor, view, 0, Math.min(most, view.length), at, done)) as unknown as typeof fs.write;
  fs.write = short;
  fs.writev = ((descriptor: number, views: readonly NodeJS.ArrayBufferView[], at: number, done: never) =>
    short(descriptor, first(views), 0, 0, at, done)) as unknown as typeof fs.writev;
  syncBuiltinESMExports();
  try {
    await run();
  } finally {
    fs.write = write;
    fs.writev = writev;
    syncBuiltinESMExports();
  }
}

test.serial('goes on where the system took a part, and gives up when it takes nothing', async (t) => {
  const disk = new NodeDisk({ folder: temporary(t) });
  const file = await opened((done) => disk.open('a', { mode: 'write' }, done));
  const views = ['one', '', 'three', 'fourteen', '5'].map((text) => Buffer.from(text));
  await takingAtMost(3, async () => {
    t.is((await answer((done) => disk.write(file, views, 2, done))).error, null);
  });
  const { value } = await answer<Uint8Array>((done) => disk.readAll('a', done));
  t.is(Buffer.from(value ?? []).toString(), '\0\0onethreefourteen5');
  await takingAtMost(0, async () => {
    t.is((await answer((done) => disk.write(file, views, 0, done))).error?.code, 'SHORT');
  });
  const closed = answer((done) => disk.close(file, done));
  t.is((await closed).error, null, 'nothing is left under way');
});

test('falls back to the page cache where the folder refuses direct I/O, asks once and says why', async (t) => {
  const reasons: string[] = [];
  let probes = 0;
  const disk = new NodeDisk({
    folder: temporary(t),
    buffered: (reason) => reasons.push(reason),
    probe: (_folder, done) => {
      probes += 1;
      setImmediate(done, 'EINVAL: of all things');
    },
  });
  const open = (path: string): Promise<DiskFile> =>
    opened((done) => disk.open(path, { mode: 'write', direct: true }, done));
  const files = await Promise.all([open('a'), open('b')]);
  files.push(await open('c'));
  t.deepEqual(
    files.map((file) => file.direct),
    [false, false, false],
  );
  t.deepEqual([probes, reasons], [1, ['EINVAL: of all things']]);
  const { error } = await answer((done) => disk.write(files[0] as DiskFile, [Uint8Array.of(1, 2, 3)], 1, done));
  t.is(error, null, 'buffered writes need no alignment');
});

for (const dsync of [true, false]) {
  test.serial(`a durable write is one ${dsync ? 'call by a flag' : 'write with an fsync behind it'}`, async (t) => {
    const { open, fdatasync } = fs;
    const calls: string[] = [];
    fs.open = ((path: string, flags: number, mode: number, done: never) => {
      if ((flags & fs.constants.O_DSYNC) !== 0) calls.push('opened with O_DSYNC');
      open(path, flags, mode, done);
    }) as unknown as typeof fs.open;
    fs.fdatasync = ((descriptor: number, done: never) => {
      calls.push('fdatasync');
      fdatasync(descriptor, done);
    }) as unknown as typeof fs.fdatasync;
    syncBuiltinESMExports();
    t.teardown(() => {
      Object.assign(fs, { open, fdatasync });
      syncBuiltinESMExports();
    });
    const disk = new NodeDisk({ folder: temporary(t), dsync });
    const file = await opened((done) => disk.open('a', { mode: 'write', durable: true }, done));
    const { error } = await answer((done) => disk.write(file, [Uint8Array.of(1)], 0, done));
    t.is(error, null);
    t.deepEqual(calls, [dsync ? 'opened with O_DSYNC' : 'fdatasync']);
  });
}

test('the probe leaves nothing in the folder', async (t) => {
  const folder = temporary(t);
  const refusal = await new Promise<string | null>((resolve) => probeDirect(folder, resolve));
  t.true(refusal === null || refusal.length > 0);
  t.deepEqual(readdirSync(folder), []);
  t.not(await new Promise((resolve) => probeDirect(join(folder, 'none'), resolve)), null);
});

if (process.platform === 'linux') {
  test('a file below another file system that refuses direct I/O is opened buffered', async (t) => {
    const reasons: string[] = [];
    const disk = new NodeDisk({
      folder: '/proc/self',
      buffered: (reason) => reasons.push(reason),
      probe: (_folder, done) => setImmediate(done, null),
    });
    const file = await opened((done) => disk.open('status', { mode: 'read', direct: true }, done));
    t.false(file.direct);
    t.is(reasons.length, 1);
    const into = new Uint8Array(5);
    t.is((await answer((done) => disk.read(file, into, 0, done))).value, 5);
    t.is(Buffer.from(into).toString(), 'Name:');
  });

  test('a full device is ENOSPC', async (t) => {
    const disk = new NodeDisk({ folder: '/dev' });
    const file = await opened((done) => disk.open('full', { mode: 'write' }, done));
    const { error } = await answer((done) => disk.write(file, [Uint8Array.of(1), Uint8Array.of(2)], 0, done));
    t.is(error?.code, 'ENOSPC');
    await answer((done) => disk.close(file, done));
  });
}

test('the errors of the system keep their text', (t) => {
  const named = (code: string): NodeJS.ErrnoException => Object.assign(new Error(`${code}: text`), { code });
  t.deepEqual(fromErrno(named('EDQUOT')), { code: 'ENOSPC', message: 'EDQUOT: text' });
  t.deepEqual(fromErrno(named('ENFILE')), { code: 'EMFILE', message: 'ENFILE: text' });
  t.deepEqual(fromErrno(named('ELOOP')), { code: 'OTHER', message: 'ELOOP: text' });
  t.deepEqual(fromErrno(new Error('no code')), { code: 'OTHER', message: 'no code' });
});
