/**
 * The four codecs of record batches, both ways, as Kafka's clients write and read them: gzip, snappy (framed as
 * snappy-java's streams do it; raw accepted), lz4 frames, zstd. Output is bounded before or while it is produced. The
 * packages for snappy and lz4 are loaded when first used; zstd is there from Node 22.15 on.
 */
import { createRequire } from 'node:module';
import * as zlib from 'node:zlib';
import type { Codec } from '../../model/batch.ts';
import { failed, ok, type Result } from '../../model/faults.ts';
import { KIB } from '../../model/limits.ts';
import type { Decompress } from '../../model/record.ts';
import { lz4FrameContentBytes } from './lz4-frame.ts';
import { frameSnappy, unframeSnappy } from './snappy-frame.ts';

export type CompressionCodec = Exclude<Codec, 'none'>;
export type Compress = (bytes: Uint8Array) => Uint8Array;

const require = createRequire(import.meta.url);

/** The compressor of a codec, or why this process has none: asked once, when a producer is made. */
export function compressorFor(codec: CompressionCodec): Result<Compress> {
  const missing = missingCodec(codec);
  if (missing !== null) return failed('UNSUPPORTED_BATCH', missing);
  return ok((bytes) => compress(codec, bytes));
}

/** Undoes a codec; see {@link Decompress}. */
export const decompress: Decompress = (codec, bytes, bytesMax) => {
  if (codec === 'none') return ok(bytes);
  const missing = missingCodec(codec);
  if (missing !== null) return failed('UNSUPPORTED_BATCH', missing);
  try {
    const opened = decompressWith(codec, bytes, bytesMax);
    return opened.ok && opened.value.length > bytesMax ? tooLarge(codec, bytesMax) : opened;
  } catch (error) {
    if (isTooLarge(error)) return tooLarge(codec, bytesMax);
    return failed('CORRUPT_BATCH', `${codec}: ${error instanceof Error ? error.message : String(error)}`);
  }
};

/** Why a codec cannot be used in this process; null when it can. */
function missingCodec(codec: CompressionCodec): string | null {
  if (codec === 'zstd' && typeof zlib.zstdCompressSync !== 'function')
    return `zstd needs Node 22.15 or newer; this is ${process.version}`;
  const name = codec === 'snappy' ? 'snappy' : codec === 'lz4' ? 'lz4-napi' : null;
  if (name === null) return null;
  try {
    require(name);
    return null;
  } catch (error) {
    return `${codec}: the package ${name} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const snappy = (): typeof import('snappy') => require('snappy');
const lz4 = (): typeof import('lz4-napi') => require('lz4-napi');

/** @throws when this process has no such codec. */
export function compress(codec: CompressionCodec, bytes: Uint8Array): Uint8Array {
  switch (codec) {
    case 'gzip':
      return zlib.gzipSync(bytes);
    case 'snappy':
      return frameSnappy(bytes, (block) => snappy().compressSync(block));
    case 'lz4':
      return lz4().compressFrameSync(bufferOf(bytes));
    case 'zstd':
      return zlib.zstdCompressSync(bytes);
  }
}

function decompressWith(codec: CompressionCodec, bytes: Uint8Array, bytesMax: number): Result<Uint8Array> {
  switch (codec) {
    case 'gzip':
      return ok(zlib.gunzipSync(bytes, bounded(bytes, bytesMax)));
    case 'snappy':
      return unframeSnappy(bytes, bytesMax, (block) => snappy().uncompressSync(block, { asBuffer: true }) as Buffer);
    case 'lz4': {
      const length = lz4FrameContentBytes(bytes, bytesMax);
      if (length < 0) return failed('CORRUPT_BATCH', 'lz4: not a whole frame');
      return length > bytesMax ? tooLarge(codec, bytesMax) : ok(lz4().decompressFrameSync(bufferOf(bytes)));
    }
    case 'zstd':
      return ok(zlib.zstdDecompressSync(bytes, bounded(bytes, bytesMax)));
  }
}

/** Output comes in pieces: of large ones larger than zlib's 16 KiB, for fewer calls, and fewer holes in memory behind them. */
const PIECE_BYTES_MAX = 128 * KIB;
const PIECE_BYTES_MIN = 4 * KIB;
/** A small batch gets a piece that it fills: what stays empty of a piece is held as long as what is in it. */
const GROWTH = 4;

const bounded = (bytes: Uint8Array, bytesMax: number) => ({
  // zlib knows no bound of 0.
  maxOutputLength: Math.max(bytesMax, 1),
  chunkSize: Math.min(PIECE_BYTES_MAX, Math.max(PIECE_BYTES_MIN, GROWTH * bytes.length)),
});

function tooLarge(codec: CompressionCodec, bytesMax: number): Result<never> {
  return failed('BATCH_TOO_LARGE', `${codec}: more than ${bytesMax} bytes when decompressed`);
}

function isTooLarge(error: unknown): boolean {
  return error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
}

/** The same memory: the package for lz4 takes Buffers only. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
