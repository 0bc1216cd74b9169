/**
 * The file of a partition's producers' state: made anew by its first write after each start and when its slots no longer
 * suit, written in place otherwise, which is one durable write. One write at a time, in the order of their calls. A
 * plain class inside the partition's actor; when to write, others decide.
 */
import type { Context } from '../../runtime/actor.ts';
import type { DiskError, DiskFile } from '../../runtime/ports.ts';
import { producersPath } from '../../src/log/paths.ts';
import type { ProducersSnapshot } from '../../src/log/producers.ts';
import { firstSlots, nextSlot, type SlotPlace, type SlotWrite } from '../../src/log/slots.ts';
import type { Crc32c } from '../../src/model/crc.ts';
import type { PartitionId } from '../../src/model/ids.ts';
import { type Step, step } from '../step.ts';

type OnDisk = (error: DiskError | null) => void;

export class ProducersFile {
  readonly #context: Context<Step>;
  readonly #partition: PartitionId;
  readonly #crc32c: Crc32c;
  /** Null: what the file holds may be in a cache alone, or is not to be believed; the next write makes it anew. */
  #place: SlotPlace | null = null;
  #file: DiskFile | null = null;
  #busy = false;
  readonly #waiting: (() => void)[] = [];

  constructor(context: Context<Step>, partition: PartitionId, crc32c: Crc32c) {
    this.#context = context;
    this.#partition = partition;
    this.#crc32c = crc32c;
  }

  get idle(): boolean {
    return !this.#busy;
  }

  /** The state may come back that was written before this one, if a bit flips in it; it may not where `alone`. */
  write(state: ProducersSnapshot, alone: boolean, done: OnDisk): void {
    const run = (): void => {
      this.#busy = true;
      this.#write(state, alone, (error, place) => {
        this.#busy = false;
        this.#place = place;
        if (error !== null) this.close();
        this.#waiting.shift()?.();
        done(error);
      });
    };
    if (this.#busy) this.#waiting.push(run);
    else run();
  }

  #write(
    state: ProducersSnapshot,
    alone: boolean,
    done: (error: DiskError | null, place: SlotPlace | null) => void,
  ): void {
    const place = alone ? null : this.#place;
    const next = place === null ? null : nextSlot(place, this.#partition, state, this.#crc32c);
    const write = next ?? firstSlots(this.#partition, state, this.#crc32c);
    const { slotBytes, sequence } = write;
    const written: OnDisk = (error) => done(error, error === null ? { slotBytes, sequence } : null);
    if (next === null) this.#make(write, written);
    else this.#writeSlot(next, written);
  }

  #make({ bytes }: SlotWrite, done: OnDisk): void {
    this.close();
    this.#context.disk.replace(producersPath(this.#partition), bytes, (error) => step(() => done(error)));
  }

  #writeSlot(slot: SlotWrite, done: OnDisk): void {
    const { disk } = this.#context;
    if (this.#file !== null) {
      disk.write(this.#file, [slot.bytes], slot.position, (error) => step(() => done(error)));
      return;
    }
    disk.open(producersPath(this.#partition), { mode: 'write', durable: true }, (error, file) =>
      step(() => {
        if (file === undefined) {
          done(error);
          return;
        }
        this.#file = file;
        this.#writeSlot(slot, done);
      }),
    );
  }

  close(): void {
    if (this.#file !== null) this.#context.disk.close(this.#file, () => step(() => {}));
    this.#file = null;
  }
}
