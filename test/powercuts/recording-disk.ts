/**
 * A disk that does what another does and writes down every change and every sync, with the bytes as they were when the
 * call was made. Changes nothing, and keeps errors as they are: a call that failed is one that never got done.
 */
import { folderOf } from '../../runtime/disk-rules.ts';
import type { Disk, DiskEntry, DiskFile, DiskSpace, Done, DoneWith, OpenOptions } from '../../runtime/ports.ts';
import { Replacements } from '../../runtime/replacement.ts';
import type { Change, Trace } from './trace.ts';

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const names = (path: string, entry: number | 'folder' | null): Change => ({
  type: 'names',
  folder: folderOf(path),
  names: [[nameOf(path), entry]],
});

export class RecordingDisk implements Disk {
  readonly #disk: Disk;
  readonly #trace: Trace;
  /** What is there now, by path. */
  readonly #there = new Map<string, number | 'folder'>();
  readonly #numbers = new WeakMap<DiskFile, number>();
  /** Made of the calls of this disk, so that its steps are written down. */
  readonly #replacements = new Replacements(this);
  #files = 0;

  /** The folder of `disk` is empty, but for what others keep there. */
  constructor(disk: Disk, trace: Trace) {
    this.#disk = disk;
    this.#trace = trace;
  }

  open(path: string, options: OpenOptions, done: DoneWith<DiskFile>): void {
    const known = this.#there.get(path);
    if (known !== undefined || options.mode === 'read') {
      this.#disk.open(path, options, (error, file) => {
        if (file !== undefined && typeof known === 'number') this.#numbers.set(file, known);
        done(error, file);
      });
      return;
    }
    const number = ++this.#files;
    this.#there.set(path, number);
    const call = this.#trace.begin([names(path, number)]);
    this.#disk.open(path, options, (error, file) => {
      if (file !== undefined) {
        this.#numbers.set(file, number);
        this.#trace.done(call);
      } else this.#there.delete(path);
      done(error, file);
    });
  }

  close(file: DiskFile, done: Done): void {
    this.#disk.close(file, done);
  }

  write(file: DiskFile, views: readonly Uint8Array[], position: number, done: Done): void {
    const bytes = Uint8Array.from(Buffer.concat(views));
    const change: Change = { type: 'write', file: this.#number(file), position, bytes };
    const call = this.#trace.begin([change], file.durable ? file.path : null);
    this.#disk.write(file, views, position, this.#noted(call, done));
  }

  read(file: DiskFile, into: Uint8Array, position: number, done: DoneWith<number>): void {
    this.#disk.read(file, into, position, done);
  }

  sync(file: DiskFile, done: Done): void {
    this.#disk.sync(file, this.#noted(this.#trace.sync(this.#number(file), file.path), done));
  }

  size(file: DiskFile, done: DoneWith<number>): void {
    this.#disk.size(file, done);
  }

  truncate(file: DiskFile, length: number, done: Done): void {
    const call = this.#trace.begin([{ type: 'truncate', file: this.#number(file), length }]);
    this.#disk.truncate(file, length, this.#noted(call, done));
  }

  makeFolder(path: string, done: Done): void {
    const changes: Change[] = [];
    for (let folder = path; folder !== '.' && !this.#there.has(folder); folder = folderOf(folder)) {
      this.#there.set(folder, 'folder');
      changes.unshift(names(folder, 'folder'));
    }
    this.#disk.makeFolder(path, this.#noted(this.#trace.begin(changes), done));
  }

  syncFolder(path: string, done: Done): void {
    this.#disk.syncFolder(path, this.#noted(this.#trace.sync(path, path), done));
  }

  rename(from: string, to: string, done: Done): void {
    const number = this.#there.get(from);
    if (typeof number !== 'number' || folderOf(from) !== folderOf(to))
      throw new Error(`only files are renamed, and stay in their folder: ${from} to ${to}`);
    this.#there.delete(from);
    this.#there.set(to, number);
    const both = [
      [nameOf(from), null],
      [nameOf(to), number],
    ] as const;
    const call = this.#trace.begin([{ type: 'names', folder: folderOf(from), names: both }]);
    this.#disk.rename(from, to, this.#noted(call, done));
  }

  /** What lies below a folder goes one by one, in any order as far as the disk is concerned. */
  remove(path: string, done: Done): void {
    const gone = [...this.#there.keys()].filter((name) => name === path || name.startsWith(`${path}/`));
    for (const name of gone) this.#there.delete(name);
    const call = this.#trace.begin(gone.map((name) => names(name, null)));
    this.#disk.remove(path, this.#noted(call, done));
  }

  list(path: string, done: DoneWith<readonly DiskEntry[]>): void {
    this.#disk.list(path, done);
  }

  readAll(path: string, done: DoneWith<Uint8Array>): void {
    this.#disk.readAll(path, done);
  }

  replace(path: string, bytes: Uint8Array, done: Done): void {
    this.#replacements.replace(path, bytes, done);
  }

  space(done: DoneWith<DiskSpace>): void {
    this.#disk.space(done);
  }

  #number(file: DiskFile): number {
    const number = this.#numbers.get(file);
    if (number === undefined) throw new Error(`${file.path} was there before the recording`);
    return number;
  }

  #noted(call: number, done: Done): Done {
    return (error) => {
      if (error === null) this.#trace.done(call);
      done(error);
    };
  }
}
