/**
 * CRC-32C of long runs of bytes in arenas, at two to three times the speed of a plain one: the processor's instruction for it
 * waits for its own last result, so that one run of it is bound to 8 bytes in 3 cycles. The result is the same, bit for bit.
 *
 * A checksum is the remainder of a polynomial over {0, 1}, in which a byte weighs less by x^8 the further on it stands. There
 * x^(8·5843) leaves the same remainder as x^(8·3359) + x^(8·1367) + 1. So a byte may be taken away where it is added, which is
 * xor, to those that stand 2,484, 4,476 and 5,843 behind it. This does so from the first byte on, with whole vectors, until
 * only the last few KiB are left; of these the plain checksum is taken. What was added where lies in a scratch memory:
 *
 *     scratch:  the last 5,888 bytes of the rounds before | a round of 16 KiB | what is left
 *
 * The data is only read. Lives on: its thread; each has a scratch of its own.
 */
import type { Crc32c } from '../src/model/crc.ts';
import { KIB } from '../src/model/limits.ts';
import { foldingCode, STEP_BYTES } from './arena-crc-code.ts';
import type { ArenaMemory, SharedMemory } from './arena-memory.ts';

/**
 * How far behind a byte it is added, bytes. Of all such places these are among the nearest that are far enough away (2 KiB)
 * for a core to have stored what it is to load there.
 */
const [NEAR, MIDDLE, FAR] = [2_484, 4_476, 5_843] as const;
/** What is added lies in here, in whole steps. */
const REACH_BYTES = Math.ceil(FAR / STEP_BYTES) * STEP_BYTES;
const ROUND_BYTES = 16 * KIB;
const LEFT_AT = REACH_BYTES + ROUND_BYTES;
/** For less the plain one is as fast. */
export const FOLDED_BYTES_MIN = 24 * KIB;
/** The plain one, told that this came before, begins with a remainder of 0. */
const NO_REMAINDER = 0xffff_ffff;

type Fold = (at: number, end: number, from: number, to: number) => void;

/** The part of WebAssembly used here; TypeScript knows it only beside the browser's types. */
declare const WebAssembly: {
  readonly Memory: new (options: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: { readonly fold: Fold } };
  readonly validate: (code: Uint8Array) => boolean;
};

/**
 * Made with the first bytes that are worth it: a start waits for nothing, and a node at rest has no engine of WebAssembly.
 * @param plain is asked for what is short or lies elsewhere.
 * @param arenas as this thread knows them.
 * @param borrow gives their memories, in the same order.
 */
export function crcInArenas(
  plain: Crc32c,
  arenas: readonly ArenaMemory[],
  borrow: () => readonly SharedMemory[],
): Crc32c {
  let foldings: ReadonlyMap<ArrayBufferLike, Folding> | null = null;
  return (bytes, seed) => {
    if (bytes.length < FOLDED_BYTES_MIN) return plain(bytes, seed);
    foldings ??= foldingsOf(plain, arenas, borrow());
    const folding = foldings.get(bytes.buffer);
    return folding === undefined ? plain(bytes, seed) : folding.crc(bytes, seed ?? 0);
  };
}

/** By the arena's pages; none where the processor has no vectors. */
function foldingsOf(
  plain: Crc32c,
  arenas: readonly ArenaMemory[],
  memories: readonly SharedMemory[],
): ReadonlyMap<ArrayBufferLike, Folding> {
  const foldings = new Map<ArrayBufferLike, Folding>();
  const code = foldingCode(FAR - MIDDLE, FAR - NEAR);
  if (!WebAssembly.validate(code)) return foldings;
  const module = new WebAssembly.Module(code);
  const scratch = new WebAssembly.Memory({ initial: 1 });
  for (const [index, { pages }] of arenas.entries()) {
    const { fold } = new WebAssembly.Instance(module, { m: { scratch, data: memories[index] } }).exports;
    foldings.set(pages, new Folding(plain, fold, new Uint8Array(scratch.buffer)));
  }
  return foldings;
}

/** For the bytes of one memory. */
class Folding {
  readonly #plain: Crc32c;
  readonly #fold: Fold;
  readonly #scratch: Uint8Array;
  /** What is added to the first four bytes: the remainder of what came before. */
  readonly #begin: DataView;
  readonly #left: Uint8Array;

  constructor(plain: Crc32c, fold: Fold, scratch: Uint8Array) {
    this.#plain = plain;
    this.#fold = fold;
    this.#scratch = scratch;
    this.#begin = new DataView(scratch.buffer, REACH_BYTES - FAR, 4);
    this.#left = scratch.subarray(LEFT_AT, LEFT_AT + REACH_BYTES);
  }

  crc(bytes: Uint8Array, seed: number): number {
    const folded = bytes.length - REACH_BYTES - (bytes.length % STEP_BYTES);
    const from = bytes.byteOffset;
    this.#scratch.fill(0, 0, REACH_BYTES);
    this.#begin.setUint32(0, ~seed, true);
    for (let at = 0; at < folded; at += ROUND_BYTES) this.#foldRound(from + at, Math.min(ROUND_BYTES, folded - at));
    // What is left takes what was added to it, and is not taken away.
    this.#scratch.fill(0, REACH_BYTES, 2 * REACH_BYTES);
    this.#fold(from + folded, from + folded + REACH_BYTES, REACH_BYTES - FAR, LEFT_AT);
    const crc = this.#plain(this.#left, NO_REMAINDER);
    const behind = folded + REACH_BYTES;
    return behind === bytes.length ? crc : this.#plain(bytes.subarray(behind), crc);
  }

  #foldRound(at: number, length: number): void {
    this.#fold(at, at + length, REACH_BYTES - FAR, REACH_BYTES);
    this.#scratch.copyWithin(0, length, length + REACH_BYTES);
  }
}
