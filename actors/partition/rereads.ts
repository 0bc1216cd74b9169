/**
 * Which segments are read again and again: those are read by way of the operating system's cache, all others past it. One
 * who reads a log once would only put out of the cache what others come for, and filling it costs several times what the
 * reading does. Knows no file and reads nothing. Lives on: its shard. View: the partitions there.
 */
import type { Segment } from '../../src/log/segment.ts';

/** What nobody has read for so long makes room for others, ms. */
const STALE_MS = 600_000;
/** So many segments are remembered, those read last. */
const SEGMENTS_MAX = 1_000;

interface Seen {
  /** Read since it was seen first, or refused last. */
  bytes: number;
  /** What it counts for in the cache; 0: it is not to be there. */
  cached: number;
  /** When it was read last, ms. */
  at: number;
}

export class Rereads {
  readonly #bytesMax: number;
  #bytesCached = 0;
  /** Least recently read first. */
  readonly #seen = new Map<Segment, Seen>();

  /** @param bytesMax of all segments that the cache is to have. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytesCached(): number {
    return this.#bytesCached;
  }

  isCached(segment: Segment): boolean {
    return (this.#seen.get(segment)?.cached ?? 0) > 0;
  }

  /** A segment that was read through once is worth it from now on: most of those are read by many, or for ever again. */
  read(segment: Segment, bytes: number, now: number): void {
    const seen = this.#seen.get(segment) ?? { bytes: 0, cached: 0, at: now };
    this.#seen.delete(segment);
    this.#seen.set(segment, seen);
    seen.bytes += bytes;
    seen.at = now;
    if (seen.cached === 0 && seen.bytes >= segment.bytes) this.#cache(segment, seen);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > SEGMENTS_MAX && oldest !== undefined) this.forget(oldest);
  }

  /** It is gone, or what the cache had was not what was written. */
  forget(segment: Segment): void {
    this.#bytesCached -= this.#seen.get(segment)?.cached ?? 0;
    this.#seen.delete(segment);
  }

  /** Those that are still read are never put out: of a log that is larger than the cache, a part stays there. */
  #cache(segment: Segment, seen: Seen): void {
    for (const [other, { cached, at }] of this.#seen) {
      if (this.#bytesCached + segment.bytes <= this.#bytesMax || seen.at - at < STALE_MS) break;
      if (cached > 0) this.forget(other);
    }
    if (this.#bytesCached + segment.bytes > this.#bytesMax) seen.bytes = 0;
    else {
      seen.cached = segment.bytes;
      this.#bytesCached += segment.bytes;
    }
  }
}
