/**
 * LZ4 frames. How many bytes one would decompress to is found by walking its blocks without decompressing: the bound
 * against bombs has to hold before the package is asked, which knows none. And a decompressor that owns its memory: what the
 * package gives back is only let go of by the event loop, which a job that opens many batches does not see. Never checks checksums.
 *
 * ```
 * magic u32le = 0x184D2204 | FLG u8 | BD u8 | content size u64le? | dictionary id u32le? | header checksum u8
 * | { block size u32le (high bit: stored as it is), block, block checksum u32le? }* | end mark u32le = 0 | content checksum u32le?
 * ```
 */
import { failed, ok, type Result } from '../../model/faults.ts';

const MAGIC = 0x184d2204;
const VERSION_MASK = 0xc0;
const VERSION_1 = 0x40;
const BLOCK_CHECKSUM_FLAG = 0x10;
const CONTENT_SIZE_FLAG = 0x08;
const DICTIONARY_FLAG = 0x01;
const STORED_FLAG = 0x8000_0000;
/** A length nibble or byte at its most goes on in the next byte. */
const NIBBLE_MORE = 15;
const BYTE_MORE = 255;
const SHORTEST_MATCH_BYTES = 4;

/** Decompressed size of the frame at the beginning of `bytes`; -1 when it is none; stops early beyond `bytesMax`. */
export function lz4FrameContentBytes(bytes: Uint8Array, bytesMax: number): number {
  const flags = bytes[4] ?? 0;
  if (bytes.length < 7 || readUint32Le(bytes, 0) !== MAGIC || (flags & VERSION_MASK) !== VERSION_1) return -1;
  if ((flags & DICTIONARY_FLAG) !== 0) return -1;
  let at = blocksAt(flags);
  let content = 0;
  while (content <= bytesMax) {
    if (at + 4 > bytes.length) return -1;
    const size = readUint32Le(bytes, at);
    at += 4;
    if (size === 0) return content;
    const length = size & ~STORED_FLAG;
    if (length > bytes.length - at) return -1;
    const block = size >= STORED_FLAG ? length : blockContentBytes(bytes, at, at + length);
    if (block < 0) return -1;
    content += block;
    at += length + ((flags & BLOCK_CHECKSUM_FLAG) === 0 ? 0 : 4);
  }
  return content;
}

const blocksAt = (flags: number): number => ((flags & CONTENT_SIZE_FLAG) === 0 ? 7 : 15);

/** Decompresses the frame at the beginning of `bytes`, in memory of its own. */
export function openLz4Frame(bytes: Uint8Array, bytesMax: number): Result<Uint8Array> {
  const length = lz4FrameContentBytes(bytes, bytesMax);
  if (length < 0) return failed('CORRUPT_BATCH', 'lz4: not a whole frame');
  if (length > bytesMax) return failed('BATCH_TOO_LARGE', `lz4: more than ${bytesMax} bytes when decompressed`);
  const content = new Uint8Array(length);
  const flags = bytes[4] ?? 0;
  let to = 0;
  for (let at = blocksAt(flags); to >= 0; ) {
    const size = readUint32Le(bytes, at);
    if (size === 0) break;
    const end = at + 4 + (size & ~STORED_FLAG);
    if (size >= STORED_FLAG) {
      content.set(bytes.subarray(at + 4, end), to);
      to += end - at - 4;
    } else to = openBlock(bytes.subarray(at + 4, end), content, to);
    at = end + ((flags & BLOCK_CHECKSUM_FLAG) === 0 ? 0 : 4);
  }
  return to === length ? ok(content) : failed('CORRUPT_BATCH', 'lz4: a match goes back beyond the beginning');
}

/** @returns where the content goes on behind the block, which was walked before; -1 where it refers to what is not there. */
function openBlock(block: Uint8Array, content: Uint8Array, start: number): number {
  let to = start;
  for (let at = 0; at < block.length; ) {
    const token = block[at++] ?? 0;
    let literals = token >>> 4;
    if (literals === NIBBLE_MORE)
      for (let more = BYTE_MORE; more === BYTE_MORE; literals += more) more = block[at++] ?? 0;
    content.set(block.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    if (at === block.length) return to;
    const back = (block[at] ?? 0) | ((block[at + 1] ?? 0) << 8);
    at += 2;
    let match = token & 0x0f;
    if (match === NIBBLE_MORE) for (let more = BYTE_MORE; more === BYTE_MORE; match += more) more = block[at++] ?? 0;
    match += SHORTEST_MATCH_BYTES;
    if (back === 0 || back > to) return -1;
    copyBack(content, to, back, match);
    to += match;
  }
  return to;
}

/** Repeats what begins `back` bytes before `to`, in pieces that double: a match may reach into itself. */
function copyBack(content: Uint8Array, to: number, back: number, length: number): void {
  let copied = 0;
  while (copied < length) {
    const piece = Math.min(back + copied, length - copied);
    content.copyWithin(to + copied, to - back, to - back + piece);
    copied += piece;
  }
}

/** Adds up the literals and matches of one block's sequences; each step goes forward, so that the walk is linear. */
function blockContentBytes(bytes: Uint8Array, from: number, to: number): number {
  let content = 0;
  let at = from;
  while (at < to) {
    const token = bytes[at++] ?? 0;
    let literals = token >>> 4;
    if (literals === NIBBLE_MORE) {
      for (let more = BYTE_MORE; more === BYTE_MORE; literals += more) more = at < to ? (bytes[at++] ?? 0) : 0;
    }
    at += literals;
    content += literals;
    // The last sequence of a block is literals alone.
    if (at >= to) return at === to ? content : -1;
    at += 2;
    let match = token & 0x0f;
    if (match === NIBBLE_MORE) {
      for (let more = BYTE_MORE; more === BYTE_MORE; match += more) more = at < to ? (bytes[at++] ?? 0) : 0;
    }
    content += match + SHORTEST_MATCH_BYTES;
  }
  return at === to ? content : -1;
}

function readUint32Le(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
  );
}
