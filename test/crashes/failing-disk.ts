/**
 * A disk that fails on a word from the test, also from other threads: answers EIO, or ENOSPC once files have grown by more
 * than a quota. What it does not fail it does. A write that is durable by itself fails as a sync does: after its bytes
 * were written.
 */
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { diskError } from '../../runtime/disk-error.ts';
import type { Disk, Done } from '../../runtime/ports.ts';

const WORDS = 'callboard-failing-disk';
const NO_QUOTA = 0x7fff_ffff;
const KIB = 1024;
/** Places in the shared words. */
const [FAILING, QUOTA_KIB, USED_KIB, FAILED] = [0, 1, 2, 3] as const;
const OPERATIONS = { write: 1, sync: 2, read: 4 } as const;
type Operation = keyof typeof OPERATIONS;

/** The test's end of it. */
export class Trouble {
  readonly #words = new Int32Array(new SharedArrayBuffer(4 * 4));

  /** Before the node starts: its threads are handed the words. */
  constructor() {
    this.#words[QUOTA_KIB] = NO_QUOTA;
    setEnvironmentData(WORDS, this.#words.buffer);
  }

  /** These answer EIO from now on; none: all is well again. */
  fail(...operations: Operation[]): void {
    Atomics.store(
      this.#words,
      FAILING,
      operations.reduce((mask, operation) => mask | OPERATIONS[operation], 0),
    );
  }

  /** Files may grow by so much from now on; null: without bound. */
  allow(kib: number | null): void {
    Atomics.store(this.#words, QUOTA_KIB, kib === null ? NO_QUOTA : Atomics.load(this.#words, USED_KIB) + kib);
  }

  /** How many calls were refused. */
  get failed(): number {
    return Atomics.load(this.#words, FAILED);
  }
}

/** Changes the disk itself, so that the steps of its own calls fail, too. */
export function failingDisk(disk: Disk): Disk {
  const words = new Int32Array(getEnvironmentData(WORDS) as SharedArrayBuffer);
  const write = disk.write.bind(disk);
  const sync = disk.sync.bind(disk);
  const read = disk.read.bind(disk);
  const rename = disk.rename.bind(disk);
  const sizes = new Map<string, number>();
  const fails = (operation: Operation): boolean => (Atomics.load(words, FAILING) & OPERATIONS[operation]) !== 0;
  const refuse = (done: (error: ReturnType<typeof diskError>) => void, code: 'EIO' | 'ENOSPC', what: string): void => {
    Atomics.add(words, FAILED, 1);
    setImmediate(done, diskError(code, `${code}: on a word from the test, ${what}`));
  };
  const grows = (path: string, end: number): boolean => {
    const kib = Math.ceil(Math.max(0, end - (sizes.get(path) ?? 0)) / KIB);
    if (Atomics.load(words, USED_KIB) + kib > Atomics.load(words, QUOTA_KIB)) return false;
    Atomics.add(words, USED_KIB, kib);
    sizes.set(path, Math.max(end, sizes.get(path) ?? 0));
    return true;
  };
  disk.write = (file, views, position, done) => {
    const end = views.reduce((sum, view) => sum + view.length, position);
    if (fails('write')) refuse(done, 'EIO', `write ${file.path}`);
    else if (!grows(file.path, end)) refuse(done, 'ENOSPC', `write ${file.path}`);
    else if (file.durable && fails('sync'))
      write(file, views, position, () => refuse(done, 'EIO', `durable write ${file.path}`));
    else write(file, views, position, done);
  };
  disk.sync = (file, done) => {
    if (fails('sync')) refuse(done, 'EIO', `sync ${file.path}`);
    else sync(file, done);
  };
  disk.read = (file, into, position, done) => {
    if (fails('read')) refuse(done, 'EIO', `read ${file.path}`);
    else read(file, into, position, done);
  };
  disk.rename = (from, to, done: Done) => {
    sizes.set(to, sizes.get(from) ?? 0);
    sizes.delete(from);
    rename(from, to, done);
  };
  return disk;
}
