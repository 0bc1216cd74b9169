/** Judges the fingerprint of a run: whatever a message, a disk or an answer has that another one has not makes it another. */
import test from 'ava';
import type { Disk, DiskFile } from '../../runtime/ports.ts';
import { Digest } from './digest.ts';
import { simulate } from './simulation.ts';
import { Tap } from './tap.ts';

const of = (take: (digest: Digest) => void): string => {
  const digest = new Digest();
  take(digest);
  return digest.hex;
};

const bytes = (...of: number[]): Uint8Array => Uint8Array.from(of);

/** Not a plain object, as the leases of arenas. */
class Leased {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

test('messages that differ in one value of any kind have different digests', (t) => {
  const messages: readonly unknown[] = [
    { type: 'a', value: 1 },
    { type: 'a', value: 2 },
    { type: 'b', value: 1 },
    { type: 'a', other: 1 },
    { type: 'a', value: true },
    { type: 'a', value: false },
    { type: 'a', value: null },
    { type: 'a', value: undefined },
    { type: 'a', value: 'one' },
    { type: 'a', value: 'eno' },
    { type: 'a', value: bytes(1, 2) },
    { type: 'a', value: bytes(2, 1) },
    { type: 'a', value: [1, 2] },
    { type: 'a', value: [2, 1] },
    { type: 'a', value: [[1], 2] },
    { type: 'a', value: { deep: { deeper: [{ on: true }] } } },
    { type: 'a', value: { deep: { deeper: [{ on: false }] } } },
    { type: 'a', value: new Map([[1, true]]) },
    { type: 'a', value: new Map([[1, false]]) },
    { type: 'a', value: new Set([1]) },
    { type: 'a', value: new Set([2]) },
    { type: 'a', value: new Leased(bytes(1)) },
    { type: 'a', value: new Leased(bytes(2)) },
  ];
  const [first = '', ...others] = messages.map((message) => of((digest) => digest.value(message)));
  t.is(new Set([first, ...others]).size, messages.length);
  t.is(
    of((digest) => digest.value({ type: 'a', value: 1 })),
    first,
  );
});

const FILE = { path: 'a' } as DiskFile;
const done = (): void => {};

/** Every call that changes something or answers bytes; each once more with something else. */
const calls: readonly (readonly [what: string, call: (disk: Disk) => void])[] = [
  ['write', (disk) => disk.write(FILE, [bytes(1)], 0, done)],
  ['other bytes', (disk) => disk.write(FILE, [bytes(2)], 0, done)],
  ['another place', (disk) => disk.write(FILE, [bytes(1)], 1, done)],
  ['read', (disk) => disk.read(FILE, bytes(1), 0, done)],
  ['other bytes read', (disk) => disk.read(FILE, bytes(2), 0, done)],
  ['read whole', (disk) => disk.readAll('a', done)],
  ['sync', (disk) => disk.sync(FILE, done)],
  ['rename', (disk) => disk.rename('a', 'b', done)],
  ['another name', (disk) => disk.rename('a', 'c', done)],
  ['replace', (disk) => disk.replace('a', bytes(1), done)],
  ['replace by others', (disk) => disk.replace('a', bytes(2), done)],
  ['remove', (disk) => disk.remove('a', done)],
  ['remove another', (disk) => disk.remove('b', done)],
  ['truncate', (disk) => disk.truncate(FILE, 1, done)],
  ['truncate more', (disk) => disk.truncate(FILE, 0, done)],
  ['a folder', (disk) => disk.makeFolder('a', done)],
  ['sync of a folder', (disk) => disk.syncFolder('a', done)],
];

test('every effect on a disk, its place and its bytes count', (t) => {
  const disk = new Proxy({} as Disk, {
    get: (_, name) => (_path: unknown, second: unknown, _third: unknown, fourth: unknown) => {
      if (name === 'read') (fourth as (error: null, count: number) => void)(null, 1);
      if (name === 'readAll') (second as (error: null, bytes: Uint8Array) => void)(null, bytes(9));
    },
  });
  const events = { effect: done, message: done, astray: () => 0, broken: () => t.fail() };
  const digests = calls.map(([, call]) => of((digest) => call(new Tap(digest, events).disk(disk))));
  t.is(new Set([...digests, new Digest().hex]).size, calls.length + 1);
});

test('another seed is another run, and a run that is watched is the same', (t) => {
  const short = { loadMs: 5_000 };
  const { digest } = simulate({ seed: 4, ...short });
  t.not(simulate({ seed: 5, ...short }).digest, digest);
  let lines = 0;
  t.is(simulate({ seed: 4, ...short, trace: () => lines++ }).digest, digest);
  t.true(lines > 100);
});
