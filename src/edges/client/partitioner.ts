/**
 * Which partition a message goes to: by key as Kafka's DefaultPartitioner does it, so that both kinds of client agree;
 * without a key to one partition until its batch is full, then to the next. It never looks at the network.
 */
import { CallboardError } from './errors.ts';
import type { Random } from './ports.ts';

/** A function of your own: the message's key, topic and number of partitions in, the partition's number out. */
export type Partitioner = (
  key: Uint8Array | null,
  partitions: number,
  message: { readonly topic: string; readonly value: Uint8Array | null },
) => number;

/** MurmurHash2 with Kafka's seed; the answer is a signed 32-bit number. */
export function murmur2(bytes: Uint8Array): number {
  const m = 0x5bd1e995;
  const length = bytes.length;
  const whole = length & ~3;
  let h = 0x9747b28c ^ length;
  for (let at = 0; at < whole; at += 4) {
    let k =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    h = Math.imul(h, m) ^ Math.imul(k, m);
  }
  const rest = length - whole;
  if (rest > 2) h ^= (bytes[whole + 2] as number) << 16;
  if (rest > 1) h ^= (bytes[whole + 1] as number) << 8;
  if (rest > 0) h = Math.imul(h ^ (bytes[whole] as number), m);
  h ^= h >>> 13;
  h = Math.imul(h, m);
  return h ^ (h >>> 15);
}

/** The partition of a key, as Kafka's Java client chooses it: `positive(murmur2(key)) % partitions`. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitions;
}

/** The partition that messages without key go to now; {@link Sticky.turn} moves on when a batch is closed. */
export class Sticky {
  #at: number;

  constructor(random: Random) {
    this.#at = Math.floor(random.next() * 0x7fff_ffff);
  }

  of(partitions: number): number {
    return this.#at % partitions;
  }

  /** Moves on, but only if `partition` is where it stands: a batch filled by keyed messages moves nothing. */
  turn(partition: number, partitions: number): void {
    if (this.of(partitions) === partition) this.#at = (this.of(partitions) + 1) % partitions;
  }
}

/** Checks what the caller or a partitioner of theirs chose. */
export function checkPartition(partition: number, partitions: number, topic: string): number {
  if (Number.isInteger(partition) && partition >= 0 && partition < partitions) return partition;
  throw new CallboardError(
    'UNKNOWN_PARTITION',
    `topic ${topic} has partitions 0 to ${partitions - 1}, not ${partition}`,
  );
}
