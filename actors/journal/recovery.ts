/**
 * Gives partitions that start what the journal has of them: all that ask meanwhile are served by one pass over the files,
 * window by window; the next window comes when everybody has taken the last. A plain class inside the journal's actor.
 */
import type { Address, Context, Lease } from '../../runtime/actor.ts';
import type { Journal } from '../../src/log/journal.ts';
import { FileScan, type FoundGroup } from '../../src/log/journal-scan.ts';
import { parseJournalName } from '../../src/log/paths.ts';
import type { TailBatch } from '../../src/log/replay.ts';
import type { Crc32c } from '../../src/model/crc.ts';
import type { Offset, PartitionId } from '../../src/model/ids.ts';
import type { Step } from '../step.ts';
import type { JournalAnswer } from './contract.ts';
import { JournalScanner } from './scanner.ts';

interface Asker {
  readonly offset: Offset;
  readonly address: Address;
  /** Where its batches are: file names, and the group number behind the last that counts. */
  files: ReadonlyMap<string, number>;
  era: number;
}

export class JournalRecovery {
  readonly #context: Context<Step>;
  readonly #crc32c: Crc32c;
  readonly #scanner: JournalScanner;
  /** For the next pass, and of the present one. */
  #asking = new Map<PartitionId, Asker>();
  #serving = new Map<PartitionId, Asker>();
  /** Those that have the present window, and what follows when none is left. */
  readonly #holders = new Set<PartitionId>();
  #next: (() => void) | null = null;
  #running = false;

  constructor(context: Context<Step>, crc32c: Crc32c) {
    this.#context = context;
    this.#crc32c = crc32c;
    this.#scanner = new JournalScanner(context, crc32c);
  }

  get asked(): boolean {
    return this.#asking.size > 0;
  }

  ask(partition: PartitionId, offset: Offset, address: Address): void {
    this.#drop(partition);
    this.#context.watch(address);
    this.#asking.set(partition, { offset, address, files: new Map(), era: 0 });
  }

  /** The journal stands still. One pass at a time; it may go on writing while the pass reads. */
  run(journal: Journal<Address>): void {
    if (!this.#running && this.asked) this.#begin(journal);
    journal.release();
  }

  #begin(journal: Journal<Address>): void {
    this.#running = true;
    this.#serving = this.#asking;
    this.#asking = new Map();
    const names = new Map<string, number>();
    for (const [partition, asker] of this.#serving) {
      asker.era = journal.forget(partition);
      const files = journal.files.holding(partition);
      asker.files = new Map(files);
      for (const [name] of files) names.set(name, parseJournalName(name)?.sequence ?? 0);
    }
    const ordered = [...names].sort((a, b) => a[1] - b[1]);
    const goOn = (index: number): void => {
      const file = ordered[index];
      if (file === undefined) this.#end(journal);
      else {
        const scan = new FileScan(file[1], this.#crc32c);
        this.#scanner.scan(file[0], scan, this.#window(file[0], journal), () => goOn(index + 1));
      }
    };
    goOn(0);
  }

  #end(journal: Journal<Address>): void {
    for (const { address, era } of this.#serving.values()) {
      this.#context.reply(address, { type: 'recovered', era } as JournalAnswer);
      this.#context.unwatch(address);
    }
    this.#serving.clear();
    this.#running = false;
    if (this.asked) journal.hold();
  }

  #window(name: string, journal: Journal<Address>) {
    return (groups: readonly FoundGroup[], lease: Lease, next: () => void): void => {
      for (const [partition, asker] of this.#serving) {
        const batches = batchesOf(groups, partition, asker.offset, asker.files.get(name) ?? 0);
        if (batches.length === 0) continue;
        const durable = journal.durable.get(partition) ?? (0 as Offset);
        this.#holders.add(partition);
        const tail: JournalAnswer = { type: 'tail', batches, durable, lease: lease.retain() };
        this.#context.reply(asker.address, tail);
      }
      this.#next = next;
      this.#moveOn();
    };
  }

  taken(partition: PartitionId): void {
    this.#holders.delete(partition);
    this.#moveOn();
  }

  /** A partition that asked is gone: nobody waits for it. */
  down(address: Address): void {
    for (const asked of [this.#asking, this.#serving])
      for (const [partition, asker] of asked)
        if (asker.address.name === address.name && asker.address.incarnation === address.incarnation)
          this.#drop(partition);
  }

  #drop(partition: PartitionId): void {
    this.#asking.delete(partition);
    this.#serving.delete(partition);
    this.taken(partition);
  }

  #moveOn(): void {
    if (this.#holders.size > 0) return;
    const next = this.#next;
    this.#next = null;
    next?.();
  }
}

function batchesOf(
  groups: readonly FoundGroup[],
  partition: PartitionId,
  offset: Offset,
  behind: number,
): readonly TailBatch[] {
  const batches: TailBatch[] = [];
  for (const group of groups) {
    if (group.header.number >= behind) break;
    for (const batch of group.batches)
      if (batch.entry.partition === partition && batch.entry.next > offset) batches.push(batch);
  }
  return batches;
}
