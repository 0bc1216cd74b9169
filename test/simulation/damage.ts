/**
 * Bits that flip at rest, and what they excuse: where in the node's folder a single copy can still be judged, so that the
 * code has to notice. Tells the judge which partitions were hit. Decides nothing about when.
 */
import { crc32c } from '@node-rs/crc32';
import type { SimulatedDisk } from '../../runtime/simulated/disk.ts';
import type { SeededRandom } from '../../runtime/simulated/random.ts';
import { ENTRY_BYTES, readEntry } from '../../src/log/entry.ts';
import { groupBytes } from '../../src/log/group.ts';
import { FileScan, type FoundGroup } from '../../src/log/journal-scan.ts';
import { JOURNAL_FOLDER, PARTITIONS_FOLDER, parseJournalName } from '../../src/log/paths.ts';
import { FIRST_USER_PARTITION } from '../../src/model/ids.ts';
import type { Checker } from './checker.ts';

const NO_ENTRIES = new Uint8Array(0);

export interface DamageEvents {
  /** A bit was flipped. */
  flipped(where: string): void;
}

export class Damage {
  readonly #disk: () => SimulatedDisk;
  readonly #checker: Checker;
  readonly #random: SeededRandom;
  readonly #events: DamageEvents;

  constructor(disk: () => SimulatedDisk, checker: Checker, random: SeededRandom, events: DamageEvents) {
    this.#disk = disk;
    this.#checker = checker;
    this.#random = random;
    this.#events = events;
  }

  /**
   * In what a partition has: segments as far as their sidecars name batches, sidecars, manifest, producers. A large batch
   * behind that is in its segment alone: if it was the last thing that was written, nobody could tell it from a torn tail.
   */
  flipInPartition(): void {
    const disk = this.#disk();
    disk.list(PARTITIONS_FOLDER, (_error, folders = []) => {
      const folder = this.#pick(folders);
      if (folder === undefined) return;
      const partition = Number(folder.name);
      disk.list(`${PARTITIONS_FOLDER}/${folder.name}`, (_failure, entries = []) => {
        const file = this.#pick(entries.filter(({ name }) => isKept(name, partition)));
        const path = `${PARTITIONS_FOLDER}/${folder.name}/${file?.name}`;
        const names = new Set(entries.map(({ name }) => name));
        const position = file === undefined ? null : this.#placeIn(disk, path, names);
        if (file === undefined || position === null) return;
        if (partition < FIRST_USER_PARTITION) this.#checker.ownFlipped();
        else this.#checker.flipped(partition, file.name === 'producers');
        disk.flip(path, position, this.#random.below(8));
        const what = /\.log$/.test(file.name) ? 'segment' : /\.entries$/.test(file.name) ? 'sidecar' : file.name;
        this.#events.flipped(`${what} of ${partition < FIRST_USER_PARTITION ? 'the node' : 'a topic'}`);
      });
    });
  }

  /** In a group of the journal that later groups prove to be durable: the last ones look torn, and nobody could tell. */
  flipInJournal(): void {
    const disk = this.#disk();
    disk.list(JOURNAL_FOLDER, (_error, entries = []) => {
      const file = this.#pick(entries.filter(({ name }) => parseJournalName(name) !== null));
      if (file === undefined) return;
      const path = `${JOURNAL_FOLDER}/${file.name}`;
      const group = this.#pick(provenIn(disk.peek(path), parseJournalName(file.name)?.sequence ?? 0));
      if (group === undefined) return;
      for (const { entry } of group.batches)
        if (entry.partition < FIRST_USER_PARTITION) this.#checker.ownFlipped();
        else this.#checker.flipped(entry.partition, true);
      const { count, bodyBytes } = group.header;
      disk.flip(path, group.position + this.#random.below(groupBytes(count, bodyBytes)), this.#random.below(8));
      this.#events.flipped('journal');
    });
  }

  /** Of a state of producers, which is mostly zeros, something that says something. */
  #placeIn(disk: SimulatedDisk, path: string, names: ReadonlySet<string>): number | null {
    if (!path.endsWith('/producers')) {
      const length = judged(disk, path, names);
      return length === 0 ? null : this.#random.below(length);
    }
    const bytes = disk.peek(path);
    const slot = this.#random.below(2) * (bytes.length / 2);
    const length = bytes.subarray(slot, slot + bytes.length / 2).indexOf(0);
    return length <= 0 ? null : slot + this.#random.below(length);
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from.length === 0 ? undefined : from[this.#random.below(from.length)];
  }
}

/** The node's own logs have one segment that is cut at its beginning and open at its end: only what is listed is judged. */
function isKept(name: string, partition: number): boolean {
  const own = partition < FIRST_USER_PARTITION;
  return own ? /\.log$|^manifest$/.test(name) : /\.(log|entries)$|^(manifest|producers)$/.test(name);
}

/** Bytes at the beginning of a file that can be judged: of a segment those that its sidecar names, where it has one. */
function judged(disk: SimulatedDisk, path: string, names: ReadonlySet<string>): number {
  if (!path.endsWith('.log')) return disk.peek(path).length;
  const sidecar = path.replace(/log$/, 'entries');
  const entries = names.has(sidecar.slice(sidecar.lastIndexOf('/') + 1)) ? disk.peek(sidecar) : NO_ENTRIES;
  const last = Math.floor(entries.length / ENTRY_BYTES) - 1;
  if (last < 0) return 0;
  const { position, length } = readEntry(entries, last * ENTRY_BYTES);
  return Math.min(position + length, disk.peek(path).length);
}

/** Groups below a durable mark whose own group is below another: at least two later ones vouch for each. */
function provenIn(bytes: Uint8Array, sequence: number): FoundGroup[] {
  const scan = new FileScan(sequence, crc32c);
  const { groups } = scan.scan(bytes, 0, true);
  const durableBy = (below: number): number =>
    Math.max(0, ...groups.filter(({ header }) => header.number <= below).map(({ header }) => header.durable));
  const proven = durableBy(durableBy(Number.POSITIVE_INFINITY));
  return groups.filter(({ header }) => header.number <= proven);
}
