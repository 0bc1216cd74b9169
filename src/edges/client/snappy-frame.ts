/**
 * Snappy as Kafka's Java client writes it: the stream format of snappy-java (by xerial), blocks of raw snappy behind a
 * header. Clients in C write raw snappy, so both are read. Compression itself is handed in.
 *
 * ```
 * 0x82 "SNAPPY" 0x00 | version i32 = 1 | oldest compatible version i32 = 1 | { length i32, raw snappy }*
 * ```
 */
import { readInt32, writeInt32 } from '../../model/bytes.ts';
import { failed, ok, type Result } from '../../model/faults.ts';
import { KIB } from '../../model/limits.ts';

const MAGIC = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00);
const HEADER_BYTES = MAGIC.length + 8;
/** snappy-java's default: readers may keep a buffer of this size. */
const BLOCK_CONTENT_BYTES = 32 * KIB;

export function frameSnappy(bytes: Uint8Array, compress: (block: Uint8Array) => Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = [];
  let length = HEADER_BYTES;
  for (let at = 0; at < bytes.length; at += BLOCK_CONTENT_BYTES) {
    const block = compress(bytes.subarray(at, at + BLOCK_CONTENT_BYTES));
    blocks.push(block);
    length += 4 + block.length;
  }
  const framed = new Uint8Array(length);
  framed.set(MAGIC);
  writeInt32(framed, 8, 1);
  writeInt32(framed, 12, 1);
  let at = HEADER_BYTES;
  for (const block of blocks) {
    writeInt32(framed, at, block.length);
    framed.set(block, at + 4);
    at += 4 + block.length;
  }
  return framed;
}

/** Decompresses framed or raw snappy into at most `bytesMax` bytes. `uncompress` throws on bytes that are no snappy. */
export function unframeSnappy(
  bytes: Uint8Array,
  bytesMax: number,
  uncompress: (block: Uint8Array) => Uint8Array,
): Result<Uint8Array> {
  const blocks = isFramed(bytes) ? blocksOf(bytes) : [bytes];
  if (blocks === null) return failed('CORRUPT_BATCH', 'snappy: a block is cut short');
  let length = 0;
  for (const block of blocks) length += contentBytes(block);
  if (length > bytesMax) return failed('BATCH_TOO_LARGE', `snappy: more than ${bytesMax} bytes when decompressed`);
  const content = new Uint8Array(length);
  let at = 0;
  for (const block of blocks) {
    const opened = uncompress(block);
    if (opened.length > length - at) return failed('CORRUPT_BATCH', 'snappy: a block is longer than it says');
    content.set(opened, at);
    at += opened.length;
  }
  return at === length ? ok(content) : failed('CORRUPT_BATCH', 'snappy: a block is shorter than it says');
}

function isFramed(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER_BYTES && MAGIC.every((byte, index) => bytes[index] === byte);
}

function blocksOf(bytes: Uint8Array): Uint8Array[] | null {
  const blocks: Uint8Array[] = [];
  let at = HEADER_BYTES;
  while (at < bytes.length) {
    const length = bytes.length - at < 4 ? -1 : readInt32(bytes, at);
    at += 4;
    if (length <= 0 || length > bytes.length - at) return null;
    blocks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return blocks;
}

/** Raw snappy begins with its decompressed length, 7 bits a byte, lowest first. What is no length counts as too long. */
function contentBytes(block: Uint8Array): number {
  let length = 0;
  for (let index = 0; index < 5; index++) {
    const byte = block[index];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 128 ** index;
    if (byte < 0x80) return length;
  }
  return Number.POSITIVE_INFINITY;
}
