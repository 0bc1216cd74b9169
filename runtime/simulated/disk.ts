/**
 * A disk in memory, with the manners of a real one: what is not synced may be lost or torn at sectors in a power cut, names
 * that are not synced too; calls take their time and overtake each other; and it fails as it is told to. Never touches the
 * real one. Every choice comes from its seed.
 */
import { assert } from '../../src/model/assert.ts';
import { BLOCK_BYTES, GIB } from '../../src/model/limits.ts';
import { diskError } from '../disk-error.ts';
import { assertAligned, assertPosition, refuseEntry, refusePath } from '../disk-rules.ts';
import type { Disk, DiskEntry, DiskError, DiskFile, DiskSpace, Done, DoneWith, OpenOptions } from '../ports.ts';
import { Replacements } from '../replacement.ts';
import type { SimulatedClock } from './clock.ts';
import { type DiskEffect, type DiskOperation, Faults } from './faults.ts';
import { SimulatedFile } from './file.ts';
import type { Inode } from './inode.ts';
import type { SeededRandom } from './random.ts';
import { Tree } from './tree.ts';

export interface SimulatedDiskOptions {
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
  /** Each call takes something between; default 0.05 to 1. */
  readonly latencyMs?: readonly [least: number, most: number];
  /** Default: 1 TiB. */
  readonly capacityBytes?: number;
  /** False: direct I/O is refused, as tmpfs and macOS do. Default: true. */
  readonly direct?: boolean;
  /** Told every call as it is answered. */
  readonly trace?: (line: string) => void;
}

/** `process`: its memory is gone, what it wrote is with the system. `power`: what was not synced is at risk. */
export type CrashKind = 'process' | 'power';

type Outcome<T> = { readonly value: T; readonly error?: never } | { readonly error: DiskError; readonly value?: never };
/** A call under way; a crash may find it half done. */
interface Call {
  readonly interrupted: () => void;
}
/** The error that the rules want, and the effects that change bytes. */
interface Trouble {
  readonly error: DiskError | null;
  readonly flip: boolean;
  readonly misdirect: boolean;
}

export class SimulatedDisk implements Disk {
  readonly faults: Faults;
  readonly #options: SimulatedDiskOptions;
  readonly #random: SeededRandom;
  readonly #latencyMs: readonly [number, number];
  #capacityBytes: number;
  readonly #calls = new Set<Call>();
  readonly #replacements = new Replacements(this);
  #tree = new Tree();
  #incarnation = 0;
  #dead = false;

  constructor(options: SimulatedDiskOptions, faults?: Faults) {
    this.#options = options;
    this.#random = options.random;
    this.#latencyMs = options.latencyMs ?? [0.05, 1];
    this.#capacityBytes = options.capacityBytes ?? 1024 * GIB;
    this.faults = faults ?? new Faults(options.random.fork());
  }

  /** Ends this disk, whose calls are never answered, and answers the one that is found afterwards. */
  crash(kind: CrashKind): SimulatedDisk {
    assert(!this.#dead, 'a disk crashes once');
    this.#dead = true;
    for (const call of this.#calls) if (this.#random.chance(0.5)) call.interrupted();
    const next = new SimulatedDisk(this.#options, this.faults);
    next.#capacityBytes = this.#capacityBytes;
    next.#tree = kind === 'process' ? this.#tree : this.#tree.survivor(this.#random);
    return next;
  }

  get usedBytes(): number {
    return this.#tree.usedBytes;
  }

  /** More or less room than before; what is there stays, whatever it takes. */
  resize(capacityBytes: number): void {
    this.#capacityBytes = capacityBytes;
  }

  /** Flips one bit at rest. */
  flip(path: string, position: number, bit: number): void {
    this.#inode(path).flip(position, bit);
  }

  /** A file loses its end at rest. */
  cut(path: string, length: number): void {
    const inode = this.#inode(path);
    const before = inode.live.length;
    inode.cut(length);
    this.#tree.resized(inode, inode.live.length - before);
  }

  /** What a read would see now. */
  peek(path: string): Uint8Array {
    const { live } = this.#inode(path);
    const bytes = new Uint8Array(live.length);
    live.read(0, bytes);
    return bytes;
  }

  open(path: string, options: OpenOptions, done: DoneWith<DiskFile>): void {
    const direct = options.direct === true && this.#options.direct !== false;
    const kind = { direct, durable: options.durable === true };
    this.#named('open', path, refuseEntry(path), done, () => {
      const { node, error } = this.#find(path, options.mode);
      if (error !== undefined) return { error };
      this.#incarnation += 1;
      return { value: new SimulatedFile(this, path, node, options.mode, kind, this.#incarnation) };
    });
  }

  close(file: DiskFile, done: Done): void {
    this.#own(file).close(() => this.#call('close', file.path, done, () => ({ value: undefined })));
  }

  write(file: DiskFile, views: readonly Uint8Array[], position: number, done: Done): void {
    const node = this.#own(file);
    assertPosition(position);
    if (node.direct) assertAligned(views, position);
    const bytes = (): Uint8Array => joined(views);
    this.#onFile(
      'write',
      node,
      done,
      (trouble) => this.#write(node, bytes(), position, trouble),
      () => this.#writePart(node.inode, bytes(), position),
    );
  }

  read(file: DiskFile, into: Uint8Array, position: number, done: DoneWith<number>): void {
    const node = this.#own(file);
    assertPosition(position);
    if (node.direct) assertAligned([into], position);
    this.#onFile('read', node, done, ({ error, flip }) => {
      if (error !== null) return { error };
      const count = node.inode.live.read(position, into);
      // As Linux does: the device fills whole blocks, and leaves the memory behind them as it is.
      if (node.direct) into.fill(0, count, Math.ceil(count / BLOCK_BYTES) * BLOCK_BYTES);
      if (flip && count > 0) this.#flipOne(into.subarray(0, count));
      return { value: count };
    });
  }

  /** Saves what had been written when it was called, not when it is done. */
  sync(file: DiskFile, done: Done): void {
    const node = this.#own(file);
    const mark = node.inode.mark();
    this.#onFile('sync', node, done, ({ error }) => {
      if (error === null) node.inode.sync(mark);
      else node.inode.forget(mark);
      return result(error);
    });
  }

  size(file: DiskFile, done: DoneWith<number>): void {
    const node = this.#own(file);
    this.#onFile('size', node, done, ({ error }) => (error === null ? { value: node.inode.live.length } : { error }));
  }

  truncate(file: DiskFile, length: number, done: Done): void {
    const node = this.#own(file);
    assertPosition(length);
    const run = (): void => this.#resize(node.inode, () => node.inode.truncate(length));
    const act = ({ error }: Trouble): Outcome<undefined> => {
      if (error !== null) return { error };
      if (!node.writable) return { error: diskError('EINVAL', `${file.path} is open for reading`) };
      if (length - node.inode.live.length > this.#freeBytes()) return { error: this.#full(file.path) };
      run();
      return { value: undefined };
    };
    this.#onFile('truncate', node, done, act, () => act(NO_TROUBLE));
  }

  makeFolder(path: string, done: Done): void {
    this.#named('makeFolder', path, refusePath(path), done, () => result(this.#tree.makeFolder(path)));
  }

  syncFolder(path: string, done: Done): void {
    this.#named('syncFolder', path, refusePath(path), done, () => {
      const { node, error } = this.#tree.folder(path);
      if (node !== undefined) this.#tree.syncFolder(node);
      return result(error ?? null);
    });
  }

  rename(from: string, to: string, done: Done): void {
    const refusal = refuseEntry(from) ?? refuseEntry(to);
    this.#named('rename', from, refusal, done, () => result(this.#tree.rename(from, to)));
  }

  remove(path: string, done: Done): void {
    this.#named('remove', path, refuseEntry(path), done, () => result(this.#tree.remove(path)));
  }

  list(path: string, done: DoneWith<readonly DiskEntry[]>): void {
    this.#named('list', path, refusePath(path), done, () => {
      const { node, error } = this.#tree.folder(path);
      if (error !== undefined) return { error };
      const entries: DiskEntry[] = [...node.entries].map(([name, { kind }]) => ({ name, kind }));
      return { value: entries.sort((a, b) => (a.name < b.name ? -1 : 1)) };
    });
  }

  readAll(path: string, done: DoneWith<Uint8Array>): void {
    const refusal = refuseEntry(path);
    this.#named('read', path, refusal, done, ({ flip }) => {
      const { error } = this.#tree.file(path);
      if (error !== undefined) return { error };
      const bytes = this.peek(path);
      if (flip && bytes.length > 0) this.#flipOne(bytes);
      return { value: bytes };
    });
  }

  replace(path: string, bytes: Uint8Array, done: Done): void {
    const refusal = refuseEntry(path);
    if (refusal === null) this.#replacements.replace(path, bytes, done);
    else this.#named('open', path, refusal, done, () => ({ value: undefined }));
  }

  space(done: DoneWith<DiskSpace>): void {
    this.#named('space', '.', null, done, () => ({
      value: { freeBytes: this.#freeBytes(), totalBytes: this.#capacityBytes },
    }));
  }

  // ---- how a call goes

  /** A call by path: refused, wrong by a rule, or done whole; a crash may find it done. */
  #named<T>(
    operation: DiskOperation,
    path: string,
    refusal: string | null,
    done: DoneWith<T>,
    act: (trouble: Trouble) => Outcome<T>,
  ): void {
    const run = (trouble: Trouble): Outcome<T> => {
      if (refusal !== null) return { error: diskError('EACCES', refusal) };
      return trouble.error === null ? act(trouble) : { error: trouble.error };
    };
    this.#call(operation, path, done, run, () => run(NO_TROUBLE));
  }

  #onFile<T>(
    operation: DiskOperation,
    file: SimulatedFile,
    done: DoneWith<T>,
    act: (trouble: Trouble) => Outcome<T>,
    interrupted?: () => void,
  ): void {
    file.enter();
    const left: DoneWith<T> = (error, value) => {
      file.leave();
      if (error === null) done(null, value as T);
      else done(error);
    };
    this.#call(operation, file.path, left, act, interrupted);
  }

  #call<T>(
    operation: DiskOperation,
    path: string,
    done: DoneWith<T>,
    act: (trouble: Trouble) => Outcome<T>,
    interrupted: () => void = () => {},
  ): void {
    const effects = this.faults.take(operation, path);
    let ms = this.#random.between(...this.#latencyMs);
    for (const effect of effects) if (effect.kind === 'slow') ms += effect.ms;
    const call: Call = { interrupted };
    this.#calls.add(call);
    this.#options.clock.after(ms, () => {
      if (this.#dead) return;
      this.#calls.delete(call);
      const { error, value } = act(troubleOf(effects, operation, path));
      this.#options.trace?.(`${this.#options.clock.monotonic()} ${operation} ${path} ${error?.code ?? 'ok'}`);
      if (error === undefined) done(null, value as T);
      else done(error);
    });
  }

  // ---- what a call does

  #find(path: string, mode: OpenOptions['mode']): ReturnType<Tree['file']> {
    const found = this.#tree.file(path);
    if (found.error?.code === 'ENOENT' && mode !== 'read') return this.#tree.create(path);
    if (found.error?.code !== 'ENOENT' && mode === 'exclusive')
      return { error: diskError('EEXIST', `${path} is there already`) };
    return found;
  }

  #write(file: SimulatedFile, bytes: Uint8Array, position: number, trouble: Trouble): Outcome<undefined> {
    if (!file.writable) return { error: diskError('OTHER', `${file.path} is open for reading`) };
    if (trouble.error !== null) {
      this.#writePart(file.inode, bytes, position);
      return { error: trouble.error };
    }
    if (trouble.flip && bytes.length > 0) this.#flipOne(bytes);
    const [inode, at] = trouble.misdirect ? this.#elsewhere(file.inode, position) : [file.inode, position];
    const room = this.#freeBytes() + inode.live.length - at;
    if (bytes.length <= room) return this.#writeWhole(file, inode, bytes, at);
    if (room > 0) this.#resize(inode, () => inode.write(at, bytes.subarray(0, room)));
    return { error: this.#full(file.path) };
  }

  /** A durable file's write is a sync, too, and fails as one. */
  #writeWhole(file: SimulatedFile, inode: Inode, bytes: Uint8Array, at: number): Outcome<undefined> {
    if (!file.durable) this.#resize(inode, () => inode.write(at, bytes));
    else {
      const { error } = troubleOf(this.faults.take('sync', file.path), 'sync', file.path);
      this.#resize(inode, () => (error === null ? inode.writeThrough(at, bytes) : inode.writeLost(at, bytes)));
      if (error !== null) return { error };
    }
    return { value: undefined };
  }

  /** As far as it got. */
  #writePart(inode: Inode, bytes: Uint8Array, position: number): void {
    const room = this.#freeBytes() + inode.live.length - position;
    const count = Math.min(this.#random.below(bytes.length + 1), Math.max(0, room));
    if (count > 0) this.#resize(inode, () => inode.write(position, bytes.subarray(0, count)));
  }

  /** Where a misdirected write goes: the same place of another file, or another block of this one. */
  #elsewhere(inode: Inode, position: number): [Inode, number] {
    const others = this.#tree.files().filter((other) => other !== inode);
    if (others.length > 0 && this.#random.chance(0.5))
      return [others[this.#random.below(others.length)] as Inode, position];
    const blocks = Math.ceil(inode.live.length / BLOCK_BYTES) + 1;
    const moved = (Math.floor(position / BLOCK_BYTES) + 1 + this.#random.below(blocks)) % (blocks + 1);
    return [inode, moved * BLOCK_BYTES + (position % BLOCK_BYTES)];
  }

  #flipOne(bytes: Uint8Array): void {
    const index = this.#random.below(bytes.length);
    bytes[index] = (bytes[index] as number) ^ (1 << this.#random.below(8));
  }

  #resize(inode: Inode, change: () => void): void {
    const before = inode.live.length;
    change();
    this.#tree.resized(inode, inode.live.length - before);
  }

  #freeBytes(): number {
    return Math.max(0, this.#capacityBytes - this.#tree.usedBytes);
  }

  #full(path: string): DiskError {
    return diskError('ENOSPC', `no space left for ${path}`);
  }

  #own(file: DiskFile): SimulatedFile {
    assert(file instanceof SimulatedFile && file.owner === this, `${file.path} was not opened by this disk`);
    return file;
  }

  #inode(path: string): Inode {
    const { node, error } = this.#tree.file(path);
    assert(node !== undefined, error?.message ?? path);
    return node;
  }
}

const NO_TROUBLE: Trouble = { error: null, flip: false, misdirect: false };

function troubleOf(effects: readonly DiskEffect[], operation: DiskOperation, path: string): Trouble {
  const failing = effects.find((effect) => effect.kind === 'error');
  return {
    error: failing === undefined ? null : diskError(failing.code, `${operation} of ${path} was made to fail`),
    flip: effects.some((effect) => effect.kind === 'flip'),
    misdirect: effects.some((effect) => effect.kind === 'misdirect'),
  };
}

function result(error: DiskError | null): Outcome<undefined> {
  return error === null ? { value: undefined } : { error };
}

function joined(views: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(views.reduce((sum, view) => sum + view.length, 0));
  let at = 0;
  for (const view of views) {
    whole.set(view, at);
    at += view.length;
  }
  return whole;
}
