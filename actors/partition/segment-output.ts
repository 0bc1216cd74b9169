/**
 * Writes one segment anew, in place of others: its bytes in whole blocks, fsynced, then its sidecar, which is put into
 * place whole. A plain class inside the partition's actor; nothing finds the files before the manifest names them.
 */
import type { Context, Lease } from '../../runtime/actor.ts';
import type { DiskError, DiskFile } from '../../runtime/ports.ts';
import { ceilBlock } from '../../src/log/chunk.ts';
import { segmentPath, sidecarPath } from '../../src/log/paths.ts';
import { join } from '../../src/model/copy.ts';
import type { Offset, PartitionId } from '../../src/model/ids.ts';
import { type Step, step } from '../step.ts';

type OnDisk = (error: DiskError | null) => void;

export class SegmentOutput {
  readonly #context: Context<Step>;
  readonly #paths: readonly [segment: string, sidecar: string];
  /** Whole blocks, filled before they are written. */
  readonly #lease: Lease;
  #file: DiskFile | null = null;
  /** Where the lease's bytes go. */
  #start = 0;
  #used = 0;
  readonly #entries: Uint8Array[] = [];

  constructor(
    context: Context<Step>,
    place: { partition: PartitionId; base: Offset; generation: number },
    lease: Lease,
  ) {
    const { partition, base, generation } = place;
    this.#context = context;
    this.#paths = [segmentPath(partition, base, generation), sidecarPath(partition, base, generation)];
    this.#lease = lease;
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#start + this.#used;
  }

  /** A try before may have left a longer file. */
  begin(done: OnDisk): void {
    const { disk } = this.#context;
    disk.open(this.#paths[0], { mode: 'write', direct: true }, (error, file) =>
      step(() => {
        this.#file = file ?? null;
        if (file === undefined) done(error);
        else disk.truncate(file, 0, (failure) => step(() => done(failure)));
      }),
    );
  }

  add(bytes: Uint8Array, entries: Uint8Array, done: OnDisk): void {
    this.#entries.push(entries);
    this.#fill(bytes, done);
  }

  #fill(bytes: Uint8Array, done: OnDisk): void {
    const memory = this.#lease.bytes;
    const fits = Math.min(bytes.length, memory.length - this.#used);
    memory.set(bytes.subarray(0, fits), this.#used);
    this.#used += fits;
    if (this.#used < memory.length) {
      done(null);
      return;
    }
    this.#write(memory, (error) => {
      this.#start += memory.length;
      this.#used = 0;
      if (error === null) this.#fill(bytes.subarray(fits), done);
      else done(error);
    });
  }

  #write(bytes: Uint8Array, done: OnDisk): void {
    this.#context.disk.write(this.#opened(), [bytes], this.#start, (error) => step(() => done(error)));
  }

  #opened(): DiskFile {
    if (this.#file === null) throw new Error(`${this.#paths[0]} is not open`);
    return this.#file;
  }

  /** All of it is on disk when `done` is told so: the folder is fsynced with the sidecar. */
  finish(done: OnDisk): void {
    const { disk } = this.#context;
    const last = this.#lease.bytes.subarray(0, ceilBlock(this.#used));
    last.fill(0, this.#used);
    const sync: OnDisk = (error) => {
      if (error !== null) done(error);
      else disk.sync(this.#opened(), (failure) => step(() => this.#close(failure, named)));
    };
    const named: OnDisk = (error) => {
      if (error !== null) done(error);
      else disk.replace(this.#paths[1], join(this.#entries), (failure) => step(() => done(failure)));
    };
    if (last.length > 0) this.#write(last, sync);
    else sync(null);
  }

  #close(error: DiskError | null, done: OnDisk): void {
    const file = this.#file;
    this.#file = null;
    if (file === null) done(error);
    else this.#context.disk.close(file, (failure) => step(() => done(error ?? failure)));
  }

  /** It is not wanted: its files go. The sidecar first, by which a lost manifest would find it. */
  discard(done: () => void): void {
    const { disk } = this.#context;
    const [segment, sidecar] = this.#paths;
    this.#close(null, () => disk.remove(sidecar, () => step(() => disk.remove(segment, () => step(done)))));
  }
}
