/** What every disk promises, as runtime/ports.ts has it. */
import assert from 'node:assert/strict';
import type { DiskEntry, DiskFile, DiskSpace, DoneWith, OpenOptions } from '../../runtime/ports.ts';
import { AssertionError } from '../../src/model/assert.ts';
import { BLOCK_BYTES } from '../../src/model/limits.ts';
import { alignedMemory, ask, type Clause, type PortsWorld, refusal } from './worlds.ts';

const open = (world: PortsWorld, path: string, options: OpenOptions): Promise<DiskFile> =>
  ask<DiskFile>(world, (done) => world.disk.open(path, options, done));
const write = (world: PortsWorld, file: DiskFile, views: Uint8Array[], position: number): Promise<void> =>
  ask<void>(world, (done) => world.disk.write(file, views, position, done));
const readAll = (world: PortsWorld, path: string): Promise<Uint8Array> =>
  ask<Uint8Array>(world, (done) => world.disk.readAll(path, done));
const makeFolder = (world: PortsWorld, path: string): Promise<void> =>
  ask<void>(world, (done) => world.disk.makeFolder(path, done));
const close = (world: PortsWorld, file: DiskFile): Promise<void> =>
  ask<void>(world, (done) => world.disk.close(file, done));

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

async function fileWith(world: PortsWorld, path: string, content: Uint8Array): Promise<DiskFile> {
  const file = await open(world, path, { mode: 'write' });
  await write(world, file, [content], 0);
  return file;
}

async function list(world: PortsWorld, path: string): Promise<string[]> {
  const entries = await ask<readonly DiskEntry[]>(world, (done) => world.disk.list(path, done));
  return entries.map(({ name, kind }) => (kind === 'directory' ? `${name}/` : name));
}

export const diskClauses: readonly Clause[] = [
  {
    promise: 'writes views one after the other where it is told, and reads them back; holes are zeros',
    async run(world) {
      const file = await open(world, 'a', { mode: 'exclusive' });
      await write(world, file, [bytes(1, 2), bytes(), bytes(3)], 5);
      await write(world, file, [bytes(9)], 1);
      await write(world, file, [], 3);
      assert.deepEqual([...(await readAll(world, 'a'))], [0, 9, 0, 0, 0, 1, 2, 3]);
      const into = new Uint8Array(4).fill(7);
      assert.equal(await ask(world, (done) => world.disk.read(file, into, 4, done)), 4);
      assert.deepEqual([...into], [0, 1, 2, 3]);
      await close(world, file);
    },
  },
  {
    promise: 'a read answers how many bytes there were',
    async run(world) {
      const file = await fileWith(world, 'a', bytes(1, 2, 3));
      const into = new Uint8Array(4).fill(7);
      assert.equal(await ask(world, (done) => world.disk.read(file, into, 1, done)), 2);
      assert.deepEqual([...into.subarray(0, 2)], [2, 3]);
      assert.equal(await ask(world, (done) => world.disk.read(file, into, 100, done)), 0);
    },
  },
  {
    promise: 'takes memory that threads share',
    async run(world) {
      const shared = new Uint8Array(new SharedArrayBuffer(6), 1, 4).fill(5);
      const file = await open(world, 'a', { mode: 'write' });
      await write(world, file, [shared, shared.subarray(2)], 0);
      shared.fill(0);
      assert.equal(await ask(world, (done) => world.disk.read(file, shared, 2, done)), 4);
      assert.deepEqual([...shared], [5, 5, 5, 5]);
    },
  },
  {
    promise: 'opens for reading what exists, for writing what may, exclusively what must not',
    async run(world) {
      const at = (path: string, mode: OpenOptions['mode']): Promise<string> =>
        refusal(world, (done) => world.disk.open(path, { mode }, done as DoneWith<DiskFile>));
      assert.equal(await at('a', 'read'), 'ENOENT');
      assert.equal(await at('folder/a', 'write'), 'ENOENT');
      assert.equal(await at('a', 'write'), 'not refused');
      assert.equal(await at('a', 'exclusive'), 'EEXIST');
      assert.equal(await at('b', 'exclusive'), 'not refused');
      const reader = await open(world, 'a', { mode: 'read' });
      assert.notEqual(await refusal(world, (done) => world.disk.write(reader, [bytes(1)], 0, done)), 'not refused');
      assert.notEqual(await refusal(world, (done) => world.disk.truncate(reader, 0, done)), 'not refused');
    },
  },
  {
    promise: 'opening for writing keeps what is there',
    async run(world) {
      await close(world, await fileWith(world, 'a', bytes(1, 2)));
      await close(world, await open(world, 'a', { mode: 'write' }));
      assert.deepEqual([...(await readAll(world, 'a'))], [1, 2]);
    },
  },
  {
    promise: 'says how long a file is, cuts it and grows it with zeros',
    async run(world) {
      const file = await fileWith(world, 'a', bytes(1, 2, 3, 4));
      const size = (): Promise<number> => ask<number>(world, (done) => world.disk.size(file, done));
      assert.equal(await size(), 4);
      await ask(world, (done) => world.disk.truncate(file, 2, done));
      assert.equal(await size(), 2);
      await ask(world, (done) => world.disk.truncate(file, 5, done));
      assert.deepEqual([...(await readAll(world, 'a'))], [1, 2, 0, 0, 0]);
    },
  },
  {
    promise: 'makes folders with those above, lists by name and tells files from folders',
    async run(world) {
      await makeFolder(world, 'f/b/c');
      await makeFolder(world, 'f/b');
      await fileWith(world, 'f/a', bytes());
      await fileWith(world, 'f/__proto__', bytes(1));
      await fileWith(world, 'f/B', bytes());
      assert.deepEqual(await list(world, 'f'), ['B', '__proto__', 'a', 'b/']);
      assert.deepEqual(await list(world, '.'), ['f/']);
      assert.equal(await refusal(world, (done) => world.disk.list('none', done as DoneWith<unknown>)), 'ENOENT');
      assert.equal(await refusal(world, (done) => world.disk.makeFolder('f/a', done)), 'EEXIST');
    },
  },
  {
    promise: 'moves files and folders, over what is there',
    async run(world) {
      const move = (from: string, to: string): Promise<string> =>
        refusal(world, (done) => world.disk.rename(from, to, done));
      await makeFolder(world, 'f');
      await fileWith(world, 'a', bytes(1));
      await fileWith(world, 'f/b', bytes(2));
      assert.equal(await move('a', 'f/b'), 'not refused');
      assert.deepEqual([...(await readAll(world, 'f/b'))], [1]);
      assert.equal(await move('f', 'g'), 'not refused');
      assert.deepEqual(await list(world, '.'), ['g/']);
      assert.equal(await move('a', 'b'), 'ENOENT');
      assert.equal(await move('g', 'g/h'), 'EINVAL');
      await makeFolder(world, 'h');
      assert.equal(await move('h', 'g'), 'EEXIST');
    },
  },
  {
    promise: 'removes files, and folders with what is in them; what is missing is no error',
    async run(world) {
      const remove = (path: string): Promise<void> => ask<void>(world, (done) => world.disk.remove(path, done));
      await makeFolder(world, 'f/g');
      await fileWith(world, 'f/g/a', bytes(1));
      await fileWith(world, 'b', bytes(1));
      await remove('f');
      await remove('b');
      await remove('b');
      await remove('none/b');
      assert.deepEqual(await list(world, '.'), []);
    },
  },
  {
    promise: 'a file that is open stays what it is when its name goes elsewhere or away',
    async run(world) {
      const file = await fileWith(world, 'a', bytes(1));
      await ask(world, (done) => world.disk.rename('a', 'b', done));
      await fileWith(world, 'a', bytes(2));
      await ask(world, (done) => world.disk.remove('b', done));
      const into = new Uint8Array(1);
      await ask(world, (done) => world.disk.read(file, into, 0, done));
      assert.deepEqual([...into], [1]);
      await close(world, file);
      assert.deepEqual(await list(world, '.'), ['a']);
    },
  },
  {
    promise: 'replaces a file whole, the last of several, and leaves nothing else behind',
    async run(world) {
      const replace = (content: Uint8Array): Promise<void> =>
        ask<void>(world, (done) => world.disk.replace('m', content, done));
      await replace(new Uint8Array(9_000).fill(1));
      await Promise.all([
        replace(new Uint8Array(100).fill(2)),
        replace(new Uint8Array(5_000).fill(3)),
        replace(bytes(4, 5)),
      ]);
      assert.deepEqual([...(await readAll(world, 'm'))], [4, 5]);
      assert.deepEqual(await list(world, '.'), ['m']);
      assert.equal(await refusal(world, (done) => world.disk.replace('none/m', bytes(1), done)), 'ENOENT');
    },
  },
  {
    promise: 'a path never leaves the data folder',
    async run(world) {
      const { disk } = world;
      await fileWith(world, 'a', bytes(1));
      for (const path of ['../a', '/etc/passwd', 'f/../../a', './a', 'a/', '', 'f//a', 'a\0b', 'f\\..\\a', 'C:a']) {
        const calls: ((done: DoneWith<unknown>) => void)[] = [
          (done) => disk.open(path, { mode: 'write' }, done as DoneWith<DiskFile>),
          (done) => disk.makeFolder(path, done),
          (done) => disk.syncFolder(path, done),
          (done) => disk.rename('a', path, done),
          (done) => disk.rename(path, 'b', done),
          (done) => disk.remove(path, done),
          (done) => disk.list(path, done as DoneWith<unknown>),
          (done) => disk.readAll(path, done as DoneWith<unknown>),
          (done) => disk.replace(path, bytes(1), done),
        ];
        for (const call of calls) assert.equal(await refusal(world, call), 'EACCES', `${path} in ${call}`);
      }
      assert.equal(await refusal(world, (done) => disk.remove('.', done)), 'EACCES');
      assert.deepEqual(await list(world, '.'), ['a']);
    },
  },
  {
    promise: 'incarnations of open files only rise',
    async run(world) {
      const first = await open(world, 'a', { mode: 'write' });
      const second = await open(world, 'a', { mode: 'read' });
      await close(world, first);
      const third = await open(world, 'b', { mode: 'write' });
      assert(first.incarnation < second.incarnation && second.incarnation < third.incarnation);
    },
  },
  {
    promise: 'a close waits for what is under way, and ends the file',
    async run(world) {
      const file = await open(world, 'a', { mode: 'write' });
      const order: string[] = [];
      const large = new Uint8Array(1_000_000).fill(3);
      world.disk.write(file, [large], 0, (error) => order.push(`written ${error}`));
      world.disk.sync(file, (error) => order.push(`synced ${error}`));
      world.disk.close(file, (error) => order.push(`closed ${error}`));
      assert.throws(() => world.disk.sync(file, () => {}), AssertionError);
      assert.throws(() => world.disk.close(file, () => {}), AssertionError);
      await world.until(() => order.length === 3);
      assert.equal(order[2], 'closed null');
      assert.deepEqual(order.toSorted(), ['closed null', 'synced null', 'written null']);
      assert.deepEqual(await readAll(world, 'a').then((found) => Buffer.from(found).equals(large)), true);
    },
  },
  {
    promise: 'many calls at once on one file all happen',
    async run(world) {
      const file = await open(world, 'a', { mode: 'write' });
      const pieces = Array.from({ length: 40 }, (_, index) => new Uint8Array(1_000).fill(index));
      await Promise.all(pieces.map((piece, index) => write(world, file, [piece], index * 1_000)));
      const found = await readAll(world, 'a');
      pieces.forEach((piece, index) => {
        assert.deepEqual([...found.subarray(index * 1_000, index * 1_000 + 1_000)], [...piece]);
      });
    },
  },
  {
    promise: 'writes more views than the system takes in one call',
    async run(world) {
      const file = await open(world, 'a', { mode: 'write' });
      const views = Array.from({ length: 3_000 }, (_, index) => bytes(index % 251));
      await write(world, file, views, 0);
      assert.deepEqual(
        [...(await readAll(world, 'a'))],
        views.map((view) => view[0]),
      );
    },
  },
  {
    promise: 'writes whole blocks directly, and refuses what is not aligned',
    async run(world) {
      const { disk } = world;
      const file = await open(world, 'a', { mode: 'write', direct: true });
      const memory = alignedMemory(4 * BLOCK_BYTES);
      memory.fill(1, 0, BLOCK_BYTES).fill(2, 2 * BLOCK_BYTES, 3 * BLOCK_BYTES);
      const blocks = [memory.subarray(0, BLOCK_BYTES), memory.subarray(2 * BLOCK_BYTES, 3 * BLOCK_BYTES)];
      await write(world, file, blocks, BLOCK_BYTES);
      await ask(world, (done) => disk.sync(file, done));
      memory.fill(9);
      // Four blocks asked for, three are there.
      assert.equal(await ask(world, (done) => disk.read(file, memory, 0, done)), 3 * BLOCK_BYTES);
      assert.deepEqual(
        [0, 1, 2].map((block) => memory[block * BLOCK_BYTES]),
        [0, 1, 2],
      );
      if (!file.direct) return;
      const never = (): void => assert.fail('was answered');
      assert.throws(() => disk.write(file, [memory.subarray(0, BLOCK_BYTES)], 512, never), AssertionError);
      assert.throws(() => disk.write(file, [memory.subarray(0, 100)], 0, never), AssertionError);
      assert.throws(() => disk.write(file, [memory.subarray(512, 512 + BLOCK_BYTES)], 0, never), AssertionError);
      assert.throws(() => disk.read(file, memory.subarray(0, 100), 0, never), AssertionError);
    },
  },
  {
    promise: 'a durable file is written as any other, directly or not, beside a handle that is not',
    async run(world) {
      const plain = await open(world, 'a', { mode: 'write' });
      const durable = await open(world, 'a', { mode: 'write', durable: true });
      assert.deepEqual([plain.durable, durable.durable], [false, true]);
      await write(world, plain, [bytes(1, 2, 3)], 0);
      await write(world, durable, [bytes(7), bytes(8)], 1);
      assert.deepEqual([...(await readAll(world, 'a'))], [1, 7, 8]);
      const direct = await open(world, 'b', { mode: 'write', direct: true, durable: true });
      const memory = alignedMemory(BLOCK_BYTES);
      memory.fill(5);
      await write(world, direct, [memory], 0);
      assert.equal((await readAll(world, 'b'))[BLOCK_BYTES - 1], 5);
      await ask(world, (done) => world.disk.sync(plain, done));
    },
  },
  {
    promise: 'a durable write that is under way when its file is closed is answered before the close is',
    async run(world) {
      const file = await open(world, 'a', { mode: 'write', durable: true });
      const order: string[] = [];
      world.disk.write(file, [bytes(1)], 0, (error) => order.push(`written ${error}`));
      await ask<void>(world, (done) =>
        world.disk.close(file, (error) => {
          order.push('closed');
          done(error);
        }),
      );
      assert.deepEqual(order, ['written null', 'closed']);
    },
  },
  {
    promise: 'a direct read at an end inside a block answers what is there',
    async run(world) {
      await close(world, await fileWith(world, 'a', new Uint8Array(BLOCK_BYTES + 100).fill(4)));
      const file = await open(world, 'a', { mode: 'read', direct: true });
      const memory = alignedMemory(2 * BLOCK_BYTES);
      assert.equal(await ask(world, (done) => world.disk.read(file, memory, 0, done)), BLOCK_BYTES + 100);
      assert.equal(memory[BLOCK_BYTES + 99], 4);
    },
  },
  {
    promise: 'a place in a file that is none is a defect of the caller',
    async run(world) {
      const file = await open(world, 'a', { mode: 'write' });
      for (const position of [-1, 0.5, Number.NaN, 2 ** 53]) {
        assert.throws(() => world.disk.write(file, [bytes(1)], position, () => {}), AssertionError);
        assert.throws(() => world.disk.read(file, bytes(1), position, () => {}), AssertionError);
        assert.throws(() => world.disk.truncate(file, position, () => {}), AssertionError);
      }
    },
  },
  {
    promise: 'syncs files and folders, and says when a folder is missing',
    async run(world) {
      await makeFolder(world, 'f');
      const file = await fileWith(world, 'f/a', bytes(1));
      await ask(world, (done) => world.disk.sync(file, done));
      await ask(world, (done) => world.disk.syncFolder('f', done));
      await ask(world, (done) => world.disk.syncFolder('.', done));
      assert.equal(await refusal(world, (done) => world.disk.syncFolder('none', done)), 'ENOENT');
    },
  },
  {
    promise: 'knows how much room there is',
    async run(world) {
      const space = await ask<DiskSpace>(world, (done) => world.disk.space(done));
      assert(space.freeBytes > 0 && space.freeBytes <= space.totalBytes && Number.isSafeInteger(space.totalBytes));
    },
  },
];
