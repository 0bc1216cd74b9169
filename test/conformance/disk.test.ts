/** One judge for every disk, and disks with one defect each that the judge must find. */
import test from 'ava';
import type { Disk } from '../../runtime/ports.ts';
import { diskClauses } from './disk-clauses.ts';
import { firstBroken, judge, type PortsWorld, simulatedWorld } from './worlds.ts';

/** By world: the clauses that it does not support, with the reason. */
const unsupported: Readonly<Record<string, ReadonlyMap<string, string>>> =
  process.platform === 'win32'
    ? {
        Node: new Map([
          [
            'a file that is open stays what it is when its name goes elsewhere or away',
            'Windows refuses to move or remove a file that is open',
          ],
          [
            'makes folders with those above, lists by name and tells files from folders',
            'Windows does not tell names by the case of their letters',
          ],
        ]),
      }
    : {};

judge(test, diskClauses, unsupported);

function simulatedWith(defect: (disk: Disk) => Partial<Disk>): () => PortsWorld {
  return () => {
    const world = simulatedWorld();
    const { disk } = world;
    const changed = defect(disk);
    const broken = new Proxy(disk, {
      get(target, name: keyof Disk) {
        const member = changed[name] ?? target[name];
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
    return { ...world, disk: broken };
  };
}

const defects: Readonly<Record<string, (disk: Disk) => Partial<Disk>>> = {
  'a read that answers what was asked for at the end of the file': (disk) => ({
    read: (file, into, position, done) =>
      disk.read(file, into, position, (error) => (error === null ? done(null, into.length) : done(error))),
  }),
  'a write that begins at the start whatever the position': (disk) => ({
    write: (file, views, _position, done) => disk.write(file, views, 0, done),
  }),
  'a write that takes the first view alone': (disk) => ({
    write: (file, views, position, done) => disk.write(file, views.slice(0, 1), position, done),
  }),
  'an answer before the call has returned': () => ({ space: (done) => done(null, { freeBytes: 1, totalBytes: 1 }) }),
  'an answer given twice': (disk) => ({
    syncFolder: (path, done) =>
      disk.syncFolder(path, (error) => {
        done(error);
        done(error);
      }),
  }),
  'an exclusive open that takes what is there': (disk) => ({
    open: (path, options, done) => disk.open(path, { ...options, mode: 'write' }, done),
  }),
  'a list in the order of creation': (disk) => ({
    list: (path, done) =>
      disk.list(path, (error, entries) => (error === null ? done(null, entries?.toReversed() ?? []) : done(error))),
  }),
  'a remove that fails for what is missing': (disk) => ({
    remove: (path, done) =>
      disk.readAll(path, (error) => (error?.code === 'ENOENT' ? done(error) : disk.remove(path, done))),
  }),
  'a replacement that is a plain write': (disk) => ({
    replace: (path, bytes, done) =>
      disk.open(path, { mode: 'write' }, (error, file) =>
        file === undefined ? done(error) : disk.write(file, [bytes], 0, done),
      ),
  }),
  'a truncate that only cuts': (disk) => ({
    truncate: (file, length, done) =>
      disk.size(file, (_error, size = 0) => disk.truncate(file, Math.min(size, length), done)),
  }),
  'a path that leaves the folder and is listed as the folder': (disk) => ({
    list: (path, done) => disk.list(path.startsWith('..') ? '.' : path, done),
  }),
};

test('the judge finds nothing wrong with a disk passed through as it is', async (t) => {
  t.is(
    await firstBroken(
      diskClauses,
      simulatedWith(() => ({})),
    ),
    null,
  );
});
for (const [name, defect] of Object.entries(defects)) {
  test(`the judge finds ${name}`, async (t) => {
    t.not(await firstBroken(diskClauses, simulatedWith(defect)), null);
  });
}
