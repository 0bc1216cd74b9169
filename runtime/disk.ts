/**
 * Node's disk: callbacks of node:fs, run by libuv's threads. Knows nothing of what the bytes mean, keeps no file open
 * that it was not asked to, and never leaves the data folder.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { assert } from '../src/model/assert.ts';
import { BLOCK_BYTES } from '../src/model/limits.ts';
import { O_DIRECT, probeDirect } from './direct.ts';
import { diskError, fromErrno } from './disk-error.ts';
import { assertAligned, assertPosition, refuseEntry, refusePath } from './disk-rules.ts';
import type { Disk, DiskEntry, DiskError, DiskFile, DiskSpace, Done, DoneWith, OpenOptions } from './ports.ts';
import { Replacements } from './replacement.ts';

/** Elsewhere the flag is missing, or leaves the bytes in the drive's cache. */
const HAS_DSYNC = process.platform === 'linux';

/** Owner writes, group reads: other users of the machine have no business here. */
const FILE_MODE = 0o640;
const FOLDER_MODE = 0o750;

const FLAGS: Readonly<Record<OpenOptions['mode'], number>> = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR | fs.constants.O_CREAT,
  exclusive: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
};

type FileKind = Pick<DiskFile, 'direct' | 'durable'>;

class NodeFile implements DiskFile {
  readonly owner: NodeDisk;
  readonly path: string;
  readonly direct: boolean;
  readonly durable: boolean;
  readonly incarnation: number;
  readonly descriptor: number;
  /** Calls that libuv's threads may still be in: the descriptor's number must not be used again before they are out. */
  busy = 0;
  /** Set by close; runs once nothing is busy. */
  closing: (() => void) | null = null;

  constructor(owner: NodeDisk, path: string, kind: FileKind, incarnation: number, descriptor: number) {
    this.owner = owner;
    this.path = path;
    this.direct = kind.direct;
    this.durable = kind.durable;
    this.incarnation = incarnation;
    this.descriptor = descriptor;
  }

  enter(): number {
    assert(this.closing === null, `${this.path} is used after close`);
    this.busy += 1;
    return this.descriptor;
  }

  leave(): void {
    this.busy -= 1;
    if (this.busy === 0) this.closing?.();
  }
}

export interface NodeDiskOptions {
  /** The data folder; must exist. */
  readonly folder: string;
  /** Told when direct I/O was asked for and is not to be had: once for the folder, again for a file elsewhere below it. */
  readonly buffered?: (reason: string) => void;
  /** How to find out whether the folder takes direct I/O. */
  readonly probe?: typeof probeDirect;
  /** Writes of durable files are durable by a flag; otherwise a sync follows each. Default: as the platform has it. */
  readonly dsync?: boolean;
}

export class NodeDisk implements Disk {
  readonly #folder: string;
  readonly #buffered: (reason: string) => void;
  readonly #probe: typeof probeDirect;
  readonly #dsync: boolean;
  #incarnation = 0;
  /** Null until the first direct open has found out. */
  #takesDirect: boolean | null = null;
  #probeWaiters: (() => void)[] = [];
  readonly #replacements = new Replacements(this);

  constructor(options: NodeDiskOptions) {
    this.#folder = options.folder;
    this.#buffered = options.buffered ?? (() => {});
    this.#probe = options.probe ?? probeDirect;
    this.#dsync = options.dsync ?? HAS_DSYNC;
  }

  open(path: string, options: OpenOptions, done: DoneWith<DiskFile>): void {
    const full = this.#entry(path, done);
    if (full === null) return;
    const durable = options.durable === true;
    if (options.direct !== true) this.#open(path, full, options.mode, { direct: false, durable }, done);
    else
      this.#whenProbed(() =>
        this.#open(path, full, options.mode, { direct: this.#takesDirect === true, durable }, done),
      );
  }

  close(file: DiskFile, done: Done): void {
    const node = this.#own(file);
    assert(node.closing === null, `${file.path} is closed twice`);
    const close = (): void => fs.close(node.descriptor, answer(done));
    node.closing = close;
    if (node.busy === 0) close();
  }

  write(file: DiskFile, views: readonly Uint8Array[], position: number, done: Done): void {
    const node = this.#own(file);
    assertPosition(position);
    if (node.direct) assertAligned(views, position);
    const left = views.filter((view) => view.length > 0);
    this.#writeAll(node, left, position, node.durable && !this.#dsync ? synced(node, done) : done);
  }

  read(file: DiskFile, into: Uint8Array, position: number, done: DoneWith<number>): void {
    const node = this.#own(file);
    assertPosition(position);
    if (node.direct) assertAligned([into], position);
    this.#readOn(node, into, 0, position, done);
  }

  sync(file: DiskFile, done: Done): void {
    const node = this.#own(file);
    fs.fdatasync(node.enter(), (error) => {
      node.leave();
      done(error && fromErrno(error));
    });
  }

  size(file: DiskFile, done: DoneWith<number>): void {
    const node = this.#own(file);
    fs.fstat(node.enter(), (error, stats) => {
      node.leave();
      if (error) done(fromErrno(error));
      else done(null, stats.size);
    });
  }

  truncate(file: DiskFile, length: number, done: Done): void {
    const node = this.#own(file);
    assertPosition(length);
    fs.ftruncate(node.enter(), length, (error) => {
      node.leave();
      done(error && fromErrno(error));
    });
  }

  makeFolder(path: string, done: Done): void {
    const full = this.#within(path, done);
    if (full !== null) fs.mkdir(full, { recursive: true, mode: FOLDER_MODE }, answer(done));
  }

  syncFolder(path: string, done: Done): void {
    const full = this.#within(path, done);
    if (full === null) return;
    // Windows opens no folders; NTFS keeps its own order of names there.
    if (process.platform === 'win32') {
      setImmediate(done, null);
      return;
    }
    fs.open(full, fs.constants.O_RDONLY, (openError, descriptor) => {
      if (openError) return done(fromErrno(openError));
      fs.fsync(descriptor, (syncError) => {
        fs.close(descriptor, (closeError) => answer(done)(syncError ?? closeError ?? null));
      });
    });
  }

  rename(from: string, to: string, done: Done): void {
    const source = this.#entry(from, done);
    if (source === null) return;
    const target = this.#entry(to, done);
    if (target !== null) fs.rename(source, target, answer(done));
  }

  remove(path: string, done: Done): void {
    const full = this.#entry(path, done);
    if (full !== null) fs.rm(full, { recursive: true, force: true }, answer(done));
  }

  /** In order of names. What is neither file nor folder (the lock's socket, a link) is left out. */
  list(path: string, done: DoneWith<readonly DiskEntry[]>): void {
    const full = this.#within(path, done);
    if (full === null) return;
    fs.readdir(full, { withFileTypes: true }, (error, found) => {
      if (error) return done(fromErrno(error));
      const entries: DiskEntry[] = [];
      for (const entry of found) {
        if (entry.isFile()) entries.push({ name: entry.name, kind: 'file' });
        else if (entry.isDirectory()) entries.push({ name: entry.name, kind: 'directory' });
      }
      done(null, entries.sort(byName));
    });
  }

  readAll(path: string, done: DoneWith<Uint8Array>): void {
    const full = this.#within(path, done);
    if (full === null) return;
    fs.readFile(full, (error, bytes) => {
      if (error) done(fromErrno(error));
      else done(null, bytes);
    });
  }

  replace(path: string, bytes: Uint8Array, done: Done): void {
    if (this.#entry(path, done) !== null) this.#replacements.replace(path, bytes, done);
  }

  space(done: DoneWith<DiskSpace>): void {
    fs.statfs(this.#folder, (error, stats) => {
      if (error) done(fromErrno(error));
      else done(null, { freeBytes: stats.bavail * stats.bsize, totalBytes: stats.blocks * stats.bsize });
    });
  }

  #own(file: DiskFile): NodeFile {
    assert(file instanceof NodeFile && file.owner === this, `${file.path} was not opened by this disk`);
    return file;
  }

  /** The full path of the data folder or something in it, or null when `done` will be told the refusal. */
  #within(path: string, done: Done): string | null {
    return this.#full(path, refusePath(path), done);
  }

  #entry(path: string, done: Done): string | null {
    return this.#full(path, refuseEntry(path), done);
  }

  #full(path: string, refusal: string | null, done: Done): string | null {
    if (refusal === null) return join(this.#folder, path);
    setImmediate(done, diskError('EACCES', refusal));
    return null;
  }

  #open(path: string, full: string, mode: OpenOptions['mode'], kind: FileKind, done: DoneWith<DiskFile>): void {
    const dsync = kind.durable && this.#dsync ? fs.constants.O_DSYNC : 0;
    fs.open(full, FLAGS[mode] | (kind.direct ? O_DIRECT : 0) | dsync, FILE_MODE, (error, descriptor) => {
      if (error === null) {
        this.#incarnation += 1;
        done(null, new NodeFile(this, path, kind, this.#incarnation, descriptor));
      } else if (kind.direct && error.code === 'EINVAL') {
        // Another file system is mounted below the folder. An exclusive open has created the file before it was refused.
        this.#buffered(`${path}: ${error.message}`);
        this.#open(path, full, mode === 'exclusive' ? 'write' : mode, { ...kind, direct: false }, done);
      } else done(fromErrno(error));
    });
  }

  #whenProbed(then: () => void): void {
    if (this.#takesDirect !== null) {
      then();
      return;
    }
    this.#probeWaiters.push(then);
    if (this.#probeWaiters.length > 1) return;
    this.#probe(this.#folder, (refusal) => {
      this.#takesDirect = refusal === null;
      if (refusal !== null) this.#buffered(refusal);
      const waiters = this.#probeWaiters;
      this.#probeWaiters = [];
      for (const waiter of waiters) waiter();
    });
  }

  #writeAll(file: NodeFile, views: readonly Uint8Array[], position: number, done: Done): void {
    const whole = views.reduce((sum, view) => sum + view.length, 0);
    const written = (error: NodeJS.ErrnoException | null, count: number): void => {
      file.leave();
      if (error) done(fromErrno(error));
      else if (count >= whole) done(null);
      else if (count === 0) done(diskError('SHORT', `${file.path}: wrote nothing of ${whole} bytes at ${position}`));
      else this.#writeAll(file, rest(views, count), position + count, done);
    };
    const first = views[0];
    if (first === undefined) setImmediate(done, null);
    else if (views.length === 1) fs.write(file.enter(), first, 0, first.length, position, written);
    else fs.writev(file.enter(), views, position, written);
  }

  #readOn(file: NodeFile, into: Uint8Array, filled: number, position: number, done: DoneWith<number>): void {
    fs.read(file.enter(), into, filled, into.length - filled, position + filled, (error, count) => {
      file.leave();
      if (error) return done(fromErrno(error));
      const total = filled + count;
      // A direct read that ends inside a block has met the end of the file, and could not go on from there.
      const ended = count === 0 || (file.direct && total % BLOCK_BYTES !== 0);
      if (ended || total === into.length) done(null, total);
      else this.#readOn(file, into, total, position, done);
    });
  }
}

/** Where there is no flag for it: a write is answered once the sync behind it is, and the file stays open so long. */
function synced(file: NodeFile, done: Done): Done {
  const descriptor = file.enter();
  return (error) => {
    const finish = (failure: DiskError | null): void => {
      file.leave();
      done(failure);
    };
    if (error === null) fs.fdatasync(descriptor, answer(finish));
    else finish(error);
  };
}

function answer(done: Done): (error: NodeJS.ErrnoException | null) => void {
  return (error) => done(error && fromErrno(error));
}

/** What is left of `views` after the first `count` bytes. */
function rest(views: readonly Uint8Array[], count: number): Uint8Array[] {
  const left: Uint8Array[] = [];
  let skip = count;
  for (const view of views) {
    if (skip < view.length) left.push(view.subarray(skip));
    skip = Math.max(0, skip - view.length);
  }
  return left;
}

function byName(a: DiskEntry, b: DiskEntry): number {
  return a.name < b.name ? -1 : 1;
}
