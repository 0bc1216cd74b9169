/** Entries, groups and manifests: what is written is read back, and no flipped bit goes unseen. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import fc from 'fast-check';
import {
  DIRECT_FLAG,
  ENTRY_BYTES,
  type Entry,
  entryHolds,
  readEntry,
  SIDECAR_SEED,
  writeEntry,
} from '../../src/log/entry.ts';
import { GroupWriter, groupBytes, headersAgree, paddingIsZero, readEntries, readHeader } from '../../src/log/group.ts';
import { decodeManifest, encodeManifest } from '../../src/log/manifest.ts';
import { parseJournalName, parsePartitionName, parseSegmentName, segmentPath } from '../../src/log/paths.ts';
import { id } from '../../src/model/ids.ts';

const whole = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
const big = fc.maxSafeInteger().map((value) => Math.abs(value));
const entries: fc.Arbitrary<Entry> = fc
  .record({
    partition: big,
    base: whole(2 ** 50),
    count: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    segment: big,
    position: whole(2 ** 32 - 1),
    length: whole(0xff_ffff),
    epoch: whole(2 ** 31 - 1),
    maxTimestamp: fc.oneof(fc.constant(-1), big),
    crc: whole(2 ** 32 - 1),
    durable: big,
    flags: whole(3),
  })
  .map(({ count, ...rest }) => ({ ...rest, next: rest.base + count }) as unknown as Entry);

test('an entry is read back as it was written', (t) => {
  fc.assert(
    fc.property(entries, whole(2 ** 32 - 1), whole(100), (entry, seed, at) => {
      const bytes = new Uint8Array(at + ENTRY_BYTES);
      writeEntry(bytes, at, entry, seed, crc32c);
      t.true(entryHolds(bytes, at, seed, crc32c));
      t.deepEqual(readEntry(bytes, at), entry);
    }),
    { numRuns: 300 },
  );
});

test('every flipped bit of an entry is seen, and an entry of another place is none', (t) => {
  const [entry] = fc.sample(entries, 1);
  const bytes = new Uint8Array(ENTRY_BYTES);
  writeEntry(bytes, 0, entry as Entry, SIDECAR_SEED, crc32c);
  for (let bit = 0; bit < ENTRY_BYTES * 8; bit++) {
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    t.false(entryHolds(bytes, 0, SIDECAR_SEED, crc32c));
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
  }
  t.false(entryHolds(bytes, 0, 1, crc32c));
});

const place = { shard: 3, shards: 4, sequence: 77, number: 2 ** 40, durable: 2 ** 40 - 1 };

function group(sizes: readonly (number | null)[]): { bytes: Uint8Array; bodies: (Uint8Array | null)[] } {
  const memory = new Uint8Array(64 * 1024).fill(0xaa);
  const writer = new GroupWriter(memory, crc32c);
  const bodies = sizes.map((size, i) => (size === null ? null : new Uint8Array(size).fill(i + 1)));
  writer.begin(sizes.length);
  for (const [i, body] of bodies.entries()) {
    const bytes = new Uint8Array(ENTRY_BYTES);
    const fields = { partition: id(i), base: id(10), next: id(12), segment: id(0), position: 0, epoch: id(0) };
    const flags = body === null ? DIRECT_FLAG : 0;
    const rest = { length: body?.length ?? 100_000, maxTimestamp: -1, crc: 7, durable: id(3), flags };
    writeEntry(bytes, 0, { ...fields, ...rest } as unknown as Entry, SIDECAR_SEED, crc32c);
    writer.copyIntoGroup(bytes, body);
  }
  return { bytes: writer.finish(place).slice(), bodies };
}

test('a group is taken apart into the entries and bodies that it was put together from', (t) => {
  fc.assert(
    fc.property(fc.array(fc.option(whole(3000)), { minLength: 1, maxLength: 12 }), (sizes) => {
      const { bytes, bodies } = group(sizes);
      const header = readHeader(bytes, 0, crc32c);
      if (header === null) return t.fail();
      t.like(header, { ...place, count: sizes.length });
      t.is(groupBytes(header.count, header.bodyBytes), bytes.length);
      const found = readEntries(bytes, 0, header, crc32c);
      for (const [i, body] of bodies.entries()) {
        const { entryAt, bodyAt, clean } = found[i] as (typeof found)[number];
        t.true(clean);
        t.is(Number(readEntry(bytes, entryAt).partition), i);
        if (body === null) t.is(bodyAt, -1);
        else t.deepEqual(bytes.subarray(bodyAt, bodyAt + body.length), body);
      }
      t.true(paddingIsZero(bytes, 0, header) && headersAgree(bytes, 0, header));
    }),
    { numRuns: 60 },
  );
});

/** What a verifier sees outside of the bodies, which have checksums of their own. */
function faultless(bytes: Uint8Array): boolean {
  const header = readHeader(bytes, 0, crc32c);
  if (header === null) return false;
  const clean = readEntries(bytes, 0, header, crc32c).every((entry) => entry.clean);
  return clean && paddingIsZero(bytes, 0, header) && headersAgree(bytes, 0, header);
}

test('every flipped bit of a group outside its bodies is seen, and none hides an entry', (t) => {
  const { bytes } = group([70, null, 500]);
  t.true(faultless(bytes));
  const bodiesFrom = 64 + 3 * 64;
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const at = bit >> 3;
    if (at >= bodiesFrom && at < bodiesFrom + 570) continue;
    bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7));
    t.false(faultless(bytes), `bit ${bit}`);
    const header = readHeader(bytes, 0, crc32c) ?? readHeader(bytes, bytes.length - 64, crc32c);
    if (header === null) return t.fail('both headers are gone');
    t.true(readEntries(bytes, 0, header, crc32c).every((entry) => entry.entryAt >= 0));
    bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7));
  }
});

test('a manifest is read back, and every flipped bit of it is seen', (t) => {
  const sealed = { base: id(0), end: id(9), bytes: 700, entries: 9, maxTimestamp: 5, openedAt: 1, sealed: true };
  const manifest = {
    partition: id(64),
    begin: id(3),
    clean: false,
    cleanedTo: id(2),
    producers: true,
    segments: [sealed],
  } as never;
  const bytes = encodeManifest(manifest, crc32c);
  t.deepEqual(decodeManifest(bytes, crc32c), manifest);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    t.is(typeof decodeManifest(flipped, crc32c), 'string', `bit ${bit}`);
  }
  t.is(typeof decodeManifest(bytes.subarray(0, 20), crc32c), 'string');
});

test('names mean what they were made from, and foreign names nothing', (t) => {
  t.deepEqual(parseJournalName('3-120'), { shard: 3, sequence: 120 });
  for (const name of ['', '3', '-', '03-1', '1-2.damaged', '1-2-3', '../1-2']) t.is(parseJournalName(name), null);
  t.is(Number(parsePartitionName('64')), 64);
  for (const name of ['', '064', '-1', '1.5', '__proto__']) t.is(parsePartitionName(name), null);
  t.deepEqual(parseSegmentName(segmentPath(id(1), id(42)).split('/').at(-1) as string), {
    base: id(42),
    generation: 0,
    kind: 'log',
  });
  const again = segmentPath(id(1), id(42), 3).split('/').at(-1) as string;
  t.deepEqual(parseSegmentName(again), { base: id(42), generation: 3, kind: 'log' });
  t.is(parseSegmentName('manifest'), null);
});
