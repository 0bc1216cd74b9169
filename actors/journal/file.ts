/**
 * The journal's file that is being written, and the next one that is made ready meanwhile: opened under its name, filled,
 * written, fsynced, closed. It is open twice, because groups that nobody waits to be durable would pay for a durable write.
 * A plain class inside the journal's actor; when to do what, src/log decides.
 */

import type { Context, Lease } from '../../runtime/actor.ts';
import type { DiskError, DiskFile } from '../../runtime/ports.ts';
import type { Preparation } from '../../src/log/journal-files.ts';
import { JOURNAL_FOLDER } from '../../src/log/paths.ts';
import { assert } from '../../src/model/assert.ts';
import { KIB } from '../../src/model/limits.ts';
import { type Step, step } from '../step.ts';

type OnDisk = (error: DiskError | null) => void;

interface Handles {
  readonly plain: DiskFile;
  readonly durable: DiskFile;
}

/** A new file is filled in pieces, so that the writes of the current one need not wait for long. */
const PIECE_BYTES = 256 * KIB;

export class JournalFile {
  readonly #context: Context<Step>;
  #handles: Handles | null = null;
  #next: Handles | null = null;

  constructor(context: Context<Step>) {
    this.#context = context;
  }

  /** Makes the next file ready: a free one of the name `recycle` or a new one. Its name is durable before it is used. */
  prepare({ name, recycle, fillBytes }: Preparation, done: OnDisk): void {
    const { disk } = this.#context;
    const path = `${JOURNAL_FOLDER}/${name}`;
    const then =
      (next: () => void): OnDisk =>
      (error) =>
        error === null ? next() : this.#unready(error, done);
    const nameIt = (): void => disk.syncFolder(JOURNAL_FOLDER, (error) => step(() => then(() => done(null))(error)));
    const fill = (): void => this.#fill(fillBytes, then(nameIt));
    const open = (): void => this.#open(path, then(fill));
    if (recycle === null) open();
    else disk.rename(`${JOURNAL_FOLDER}/${recycle}`, path, (error) => step(() => then(open)(error)));
  }

  /** The file that was made ready is written from now on. */
  use(): void {
    assert(this.#handles === null && this.#next !== null, 'the file before is closed, the next one is ready');
    this.#handles = this.#next;
    this.#next = null;
  }

  write(bytes: Uint8Array, position: number, durable: boolean, done: OnDisk): void {
    assert(this.#handles !== null, 'the journal writes into a file');
    const file = durable ? this.#handles.durable : this.#handles.plain;
    this.#context.disk.write(file, [bytes], position, (error) => step(() => done(error)));
  }

  /** Also what was written without being durable. */
  sync(done: OnDisk): void {
    assert(this.#handles !== null, 'the journal syncs a file');
    this.#context.disk.sync(this.#handles.plain, (error) => step(() => done(error)));
  }

  close(): void {
    this.#closeBoth(this.#handles);
    this.#handles = null;
  }

  /** A file whose name may not be durable is not used. */
  #unready(error: DiskError, done: OnDisk): void {
    this.#closeBoth(this.#next);
    this.#next = null;
    done(error);
  }

  #open(path: string, done: OnDisk): void {
    const { disk } = this.#context;
    disk.open(path, { mode: 'write', direct: true }, (error, plain) =>
      step(() => {
        if (plain === undefined) done(error);
        else
          disk.open(path, { mode: 'write', direct: true, durable: true }, (failure, durable) =>
            step(() => {
              if (durable === undefined) this.#closeOne(plain);
              else this.#next = { plain, durable };
              done(failure);
            }),
          );
      }),
    );
  }

  /** Without memory the file grows by its groups. */
  #fill(bytes: number, done: OnDisk): void {
    const lease = bytes === 0 ? null : this.#context.lease(PIECE_BYTES);
    if (lease === null) {
      done(null);
      return;
    }
    lease.bytes.fill(0);
    this.#fillFrom(0, bytes, lease, (error) => {
      lease.release();
      done(error);
    });
  }

  #fillFrom(position: number, end: number, lease: Lease, done: OnDisk): void {
    const { disk } = this.#context;
    assert(this.#next !== null, 'the file that is filled is open');
    const { plain } = this.#next;
    if (position >= end) {
      disk.sync(plain, (error) => step(() => done(error)));
      return;
    }
    const piece = lease.bytes.subarray(0, Math.min(PIECE_BYTES, end - position));
    disk.write(plain, [piece], position, (error) =>
      step(() => {
        if (error !== null) done(error);
        else this.#fillFrom(position + piece.length, end, lease, done);
      }),
    );
  }

  #closeBoth(handles: Handles | null): void {
    if (handles === null) return;
    this.#closeOne(handles.plain);
    this.#closeOne(handles.durable);
  }

  #closeOne(file: DiskFile): void {
    this.#context.disk.close(file, () => step(() => {}));
  }
}
