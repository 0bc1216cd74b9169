/**
 * The journal's file that is being written: opened under its name, written, fsynced, closed. It is open twice, because
 * groups that nobody waits to be durable would pay for a durable write. A plain class inside the journal's actor; when to
 * do what, src/log decides.
 */

import type { Context } from '../runtime/actor.ts';
import type { DiskError, DiskFile } from '../runtime/ports.ts';
import { JOURNAL_FOLDER } from '../src/log/paths.ts';
import { assert } from '../src/model/assert.ts';
import { type Step, step } from './step.ts';

type OnDisk = (error: DiskError | null) => void;

interface Handles {
  readonly plain: DiskFile;
  readonly durable: DiskFile;
}

export class JournalFile {
  readonly #context: Context<Step>;
  #handles: Handles | null = null;

  constructor(context: Context<Step>) {
    this.#context = context;
  }

  /** Opens the file, a free one of the name `recycle` or a new one. Its name is durable before anything in it is acknowledged. */
  prepare(name: string, recycle: string | null, done: OnDisk): void {
    const { disk } = this.#context;
    const path = `${JOURNAL_FOLDER}/${name}`;
    const open = (error: DiskError | null): void => {
      if (error !== null) done(error);
      else this.#open(path, named);
    };
    const named = (error: DiskError | null): void => {
      if (error !== null) done(error);
      else disk.syncFolder(JOURNAL_FOLDER, (failure) => step(() => this.#synced(failure, done)));
    };
    if (recycle === null) open(null);
    else disk.rename(`${JOURNAL_FOLDER}/${recycle}`, path, (error) => step(() => open(error)));
  }

  write(bytes: Uint8Array, position: number, durable: boolean, done: OnDisk): void {
    assert(this.#handles !== null, 'the journal writes into a file');
    const file = durable ? this.#handles.durable : this.#handles.plain;
    const written = (error: DiskError | null): void => {
      // Behind the batches that have come meanwhile, so that they are part of the group that is begun now.
      const behind = step(() => done(error));
      if (this.#context.send(this.#context.self, behind) === 'full') behind.run();
    };
    this.#context.disk.write(file, [bytes], position, (error) => step(() => written(error)));
  }

  /** Also what was written without being durable. */
  sync(done: OnDisk): void {
    assert(this.#handles !== null, 'the journal syncs a file');
    this.#context.disk.sync(this.#handles.plain, (error) => step(() => done(error)));
  }

  close(): void {
    if (this.#handles === null) return;
    const { plain, durable } = this.#handles;
    this.#handles = null;
    this.#closeOne(plain);
    this.#closeOne(durable);
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
              else this.#handles = { plain, durable };
              done(failure);
            }),
          );
      }),
    );
  }

  /** A file whose name may not be durable is not used. */
  #synced(error: DiskError | null, done: OnDisk): void {
    if (error !== null) this.close();
    done(error);
  }

  #closeOne(file: DiskFile): void {
    this.#context.disk.close(file, () => step(() => {}));
  }
}
