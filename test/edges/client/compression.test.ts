/** Judges the four codecs of record batches: both ways, on what other clients write, on garbage and on bombs. */
import { once } from 'node:events';
import { createGzip, createZstdCompress, gzipSync, zstdCompressSync } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import lz4 from 'lz4-napi';
import snappy from 'snappy';
import { type CompressionCodec, compressorFor, decompress } from '../../../src/edges/client/compression.ts';
import { lz4FrameContentBytes, openLz4Frame } from '../../../src/edges/client/lz4-frame.ts';

const codecs: readonly CompressionCodec[] = ['gzip', 'snappy', 'lz4', 'zstd'];

function compress(codec: CompressionCodec, bytes: Uint8Array): Uint8Array {
  const compressor = compressorFor(codec);
  if (!compressor.ok) throw new Error(compressor.fault.message);
  return compressor.value(bytes);
}

/** Bytes that compress a little, some or hardly. */
const content = fc
  .tuple(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 400 }), fc.uint8Array({ maxLength: 40 }))
  .map(([unit, times, tail]) => Uint8Array.from([...Buffer.concat(Array(times).fill(unit)), ...tail]));

for (const codec of codecs) {
  test(`${codec}: what was compressed comes back, also from a view on shared memory`, (t) => {
    fc.assert(
      fc.property(content, (bytes) => {
        const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 8)).subarray(3, 3 + bytes.length);
        shared.set(bytes);
        const opened = decompress(codec, compress(codec, shared), bytes.length);
        return opened.ok && Buffer.compare(opened.value, bytes) === 0;
      }),
      { numRuns: 60 },
    );
    t.pass();
  });

  test(`${codec}: one byte beyond the bound is refused by name`, (t) => {
    const bytes = new Uint8Array(200_000).fill(7);
    const packed = compress(codec, bytes);
    t.true(decompress(codec, packed, 200_000).ok);
    const opened = decompress(codec, packed, 199_999);
    t.is(opened.ok ? '' : opened.fault.code, 'BATCH_TOO_LARGE');
  });

  test(`${codec}: garbage and mutilated input is a fault, never an error`, (t) => {
    const packed = compress(codec, Buffer.from('some text, some more text, and some more text again'.repeat(30)));
    const mutilated = fc
      .tuple(fc.nat(packed.length), fc.nat(packed.length - 1), fc.nat(255))
      .map(([length, at, byte]) => {
        const copy = packed.slice(0, length);
        if (at < length) copy[at] = byte;
        return copy;
      });
    fc.assert(
      fc.property(fc.oneof(mutilated, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        const opened = decompress(codec, bytes, 10_000);
        return opened.ok
          ? opened.value.length <= 10_000
          : ['CORRUPT_BATCH', 'BATCH_TOO_LARGE'].includes(opened.fault.code);
      }),
      { numRuns: 2_500 },
    );
    t.pass();
  });
}

test('a bomb of 64 MiB and more is refused without its memory', (t) => {
  const zeros = new Uint8Array(64 << 20);
  const bombs: [CompressionCodec, Uint8Array][] = [
    ['gzip', gzipSync(zeros)],
    ['zstd', zstdCompressSync(zeros)],
    ['lz4', lz4.compressFrameSync(Buffer.from(zeros.buffer))],
    // A raw snappy block that says it holds 4 GiB.
    ['snappy', Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 0x00)],
  ];
  const before = process.memoryUsage().rss;
  for (const [codec, bomb] of bombs) {
    const opened = decompress(codec, bomb, 1 << 20);
    t.is(opened.ok ? '' : opened.fault.code, 'BATCH_TOO_LARGE', codec);
  }
  t.true(process.memoryUsage().rss - before < 32 << 20);
});

test('snappy is written in the frame of the Java client, in blocks of 32 KiB', (t) => {
  const packed = compress('snappy', new Uint8Array(40_000));
  t.is(Buffer.from(packed.subarray(0, 16)).toString('hex'), '82534e41505059000000000100000001');
  const first = Buffer.from(packed).readInt32BE(16);
  t.is((snappy.uncompressSync(packed.subarray(20, 20 + first), { asBuffer: true }) as Buffer).length, 32_768);
});

test('raw snappy, as clients in C write it, is read', (t) => {
  const opened = decompress('snappy', snappy.compressSync('raw raw raw raw raw raw'), 100);
  t.is(opened.ok ? Buffer.from(opened.value).toString() : '', 'raw raw raw raw raw raw');
});

test('lz4 is written as a version 1 frame with independent blocks, which the Java client demands', (t) => {
  const packed = compress('lz4', new Uint8Array(1_000));
  t.is(Buffer.from(packed).readUInt32LE(0), 0x184d2204);
  t.is((packed[4] ?? 0) & 0xe0, 0x60);
});

test('a frame of lz4 is measured exactly before it is opened', (t) => {
  fc.assert(
    fc.property(content, (bytes) => lz4FrameContentBytes(compress('lz4', bytes), 1 << 30) === bytes.length),
    { numRuns: 60 },
  );
  t.pass();
});

test('a frame of lz4 is opened in own memory as the package opens it, and bytes that are none never throw', (t) => {
  const large = fc
    .integer({ min: 1, max: 300_000 })
    .map((length) => Uint8Array.from({ length }, (_none, at) => at % 251));
  fc.assert(
    fc.property(
      fc.oneof({ weight: 9, arbitrary: content }, { weight: 1, arbitrary: large }),
      fc.boolean(),
      (bytes, sums) => {
        const packed = lz4.compressFrameSync(Buffer.from(bytes), { blockChecksums: sums, contentChecksum: sums });
        const opened = openLz4Frame(packed, bytes.length);
        return opened.ok && Buffer.compare(opened.value, bytes) === 0;
      },
    ),
  );
  fc.assert(
    fc.property(content, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }), (bytes, changes) => {
      const packed = compress('lz4', bytes).slice();
      for (const [at, byte] of changes) packed[7 + (at % (packed.length - 7))] = byte;
      const opened = openLz4Frame(packed, 1 << 20);
      if (opened.ok && opened.value.length > 1 << 20) return false;
      const told = decompress('lz4', packed, 1 << 20);
      // Of a frame without checksums the package knows no more.
      return !told.ok || (opened.ok && Buffer.compare(opened.value, told.value) === 0);
    }),
    { numRuns: 2_000 },
  );
  // A match that goes back beyond the beginning: a literal, and 4 bytes from 9 before.
  const head = compress('lz4', Uint8Array.of(1)).slice(0, 7);
  const beyond = Uint8Array.of(...head, 6, 0, 0, 0, 0x10, 65, 9, 0, 0x10, 66, 0, 0, 0, 0);
  t.like(openLz4Frame(beyond, 100), { ok: false, fault: { code: 'CORRUPT_BATCH' } });
});

test('frames of lz4 with checksums of blocks and content are read, and their checksums judged', (t) => {
  const bytes = Buffer.from('checked '.repeat(20_000));
  const packed = lz4.compressFrameSync(bytes, { blockChecksums: true, contentChecksum: true });
  const opened = decompress('lz4', packed, bytes.length);
  t.deepEqual(opened.ok && Buffer.from(opened.value), bytes);
  const last = packed.length - 1;
  packed[last] = (packed[last] ?? 0) ^ 1;
  t.false(decompress('lz4', packed, bytes.length).ok);
});

test('streams of gzip and zstd that do not tell their length, as Java writes them, are read', async (t) => {
  const bytes = Buffer.from('streamed '.repeat(10_000));
  for (const [codec, stream] of [
    ['gzip', createGzip()],
    ['zstd', createZstdCompress()],
  ] as const) {
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    for (let at = 0; at < bytes.length; at += 10_000) stream.write(bytes.subarray(at, at + 10_000));
    stream.end();
    await once(stream, 'end');
    const opened = decompress(codec, Buffer.concat(pieces), bytes.length);
    t.deepEqual(opened.ok && Buffer.from(opened.value), bytes, codec);
    t.false(decompress(codec, Buffer.concat(pieces), bytes.length - 1).ok, codec);
  }
});

test('what a small batch is opened into holds no memory of a large one', (t) => {
  const bytes = Buffer.from('small '.repeat(1_000));
  for (const codec of codecs) {
    const opened = decompress(codec, compress(codec, bytes), bytes.length);
    // Node's own pool for small buffers, which many share, is 64 KiB.
    t.true(opened.ok && opened.value.buffer.byteLength < 128 * 1_024, codec);
  }
});
