/**
 * Replaces small files so that a crash leaves the old or the new one, whole: a temporary beside it, written and synced,
 * then moved over it, then the folder synced. One at a time for each path: two would share the temporary.
 */
import { folderOf } from './disk-rules.ts';
import type { Disk, DiskFile, Done } from './ports.ts';

export class Replacements {
  readonly #disk: Disk;
  /** By path: those that wait for the one in work. */
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  replace(path: string, bytes: Uint8Array, done: Done): void {
    const run = (): void => this.#create(path, bytes, (error) => this.#finish(path, error, done));
    const waiting = this.#waiting.get(path);
    if (waiting !== undefined) {
      waiting.push(run);
      return;
    }
    this.#waiting.set(path, []);
    run();
  }

  #finish(path: string, error: Parameters<Done>[0], done: Done): void {
    const next = this.#waiting.get(path)?.shift();
    if (next === undefined) this.#waiting.delete(path);
    else next();
    done(error);
  }

  #create(path: string, bytes: Uint8Array, done: Done): void {
    const temporary = `${path}.new`;
    this.#disk.open(temporary, { mode: 'write' }, (error, file) => {
      if (file === undefined) done(error);
      else
        this.#fill(file, bytes, (fillError) => {
          if (fillError === null) this.#move(temporary, path, done);
          else done(fillError);
        });
    });
  }

  /** Leaves the file closed. The temporary of an earlier try may have been longer. */
  #fill(file: DiskFile, bytes: Uint8Array, done: Done): void {
    const disk = this.#disk;
    const close: Done = (error) => disk.close(file, (closeError) => done(error ?? closeError));
    disk.truncate(file, 0, (truncateError) => {
      if (truncateError !== null) close(truncateError);
      else
        disk.write(file, [bytes], 0, (writeError) => {
          if (writeError !== null) close(writeError);
          else disk.sync(file, close);
        });
    });
  }

  #move(temporary: string, path: string, done: Done): void {
    this.#disk.rename(temporary, path, (error) => {
      if (error !== null) done(error);
      else this.#disk.syncFolder(folderOf(path), done);
    });
  }
}
