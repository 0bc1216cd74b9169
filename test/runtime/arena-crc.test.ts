/** The faster checksum is the plain one, bit for bit, wherever in an arena the bytes lie and whatever came before. */
import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import fc from 'fast-check';
import { crcInArenas, FOLDED_BYTES_MIN } from '../../runtime/arena-crc.ts';
import { createArena } from '../../runtime/arena-memory.ts';
import type { Crc32c } from '../../src/model/crc.ts';
import { BLOCK_BYTES, KIB, MIB } from '../../src/model/limits.ts';

const created = createArena(2 * MIB);
const arena = new Uint8Array(created.pages);
let state = 1;
for (let at = 0; at < arena.length; at++) {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  arena[at] = state >>> 24;
}

/** Counts what the plain one is asked for. */
function counting(): { crc: Crc32c; bytes: number } {
  const counted = {
    bytes: 0,
    crc: (bytes: Uint8Array, seed?: number): number => {
      counted.bytes += bytes.length;
      return crc32c(bytes, seed);
    },
  };
  return counted;
}

test('it is the plain checksum', (t) => {
  const folded = crcInArenas(crc32c, [created], () => [created.memory]);
  const length = fc.oneof(
    fc.integer({ min: FOLDED_BYTES_MIN - 70, max: FOLDED_BYTES_MIN + 70 }),
    fc.integer({ min: FOLDED_BYTES_MIN, max: 200_000 }),
    fc.integer({ min: 0, max: MIB }),
  );
  const begin = fc.option(fc.nat(0xffff_ffff), { nil: undefined });
  fc.assert(
    fc.property(length, fc.nat(MIB), begin, (length, at, seed) => {
      const bytes = arena.subarray(at, at + length);
      t.is(folded(bytes, seed), crc32c(bytes, seed));
    }),
    { numRuns: 500 },
  );
});

test('it reads to the very end of an arena, and not beyond', (t) => {
  const folded = crcInArenas(crc32c, [created], () => [created.memory]);
  for (let length = 100 * KIB; length < 100 * KIB + 130; length++) {
    const bytes = arena.subarray(arena.length - length);
    t.is(folded(bytes), crc32c(bytes));
  }
});

test('every flipped bit changes it', (t) => {
  const folded = crcInArenas(crc32c, [created], () => [created.memory]);
  const bytes = arena.subarray(5, 5 + 64 * KIB);
  const whole = folded(bytes);
  for (let at = 0; at < bytes.length; at += 61) {
    bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
    t.not(folded(bytes), whole);
    bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
  }
  t.is(folded(bytes), whole);
});

test('the plain one is asked for the end alone, and for what is short or lies elsewhere', (t) => {
  const plain = counting();
  const other = createArena(BLOCK_BYTES);
  const folded = crcInArenas(plain.crc, [other, created], () => [other.memory, created.memory]);
  folded(arena.subarray(3, 3 + MIB));
  t.true(plain.bytes < 6 * KIB, `${plain.bytes}`);
  plain.bytes = 0;
  folded(arena.subarray(0, FOLDED_BYTES_MIN - 1));
  t.is(plain.bytes, FOLDED_BYTES_MIN - 1);
  plain.bytes = 0;
  const elsewhere = arena.slice(0, MIB);
  t.is(folded(elsewhere), crc32c(elsewhere));
  t.is(plain.bytes, MIB);
});

test('memories are borrowed once, with the first bytes that are worth it', (t) => {
  let borrowed = 0;
  const folded = crcInArenas(crc32c, [created], () => {
    borrowed += 1;
    return [created.memory];
  });
  folded(arena.subarray(0, FOLDED_BYTES_MIN - 1));
  t.is(borrowed, 0);
  folded(arena.subarray(0, MIB));
  folded(arena.subarray(0, MIB));
  t.is(borrowed, 1);
});

test('an arena that was posted to another thread, and its memory by itself, is known there', async (t) => {
  const { pages, table, memory } = created;
  const { port1, port2 } = new MessageChannel();
  port1.postMessage([memory]);
  const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const code = `
    import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
    const { crcInArenas } = await import(${url('../../runtime/arena-crc.ts')});
    let plainBytes = 0;
    const plain = (bytes) => { plainBytes += bytes.length; return 0; };
    const folded = crcInArenas(plain, [workerData], () => receiveMessageOnPort(workerData.memories).message);
    folded(new Uint8Array(workerData.pages, 0, ${MIB}));
    parentPort.postMessage(plainBytes);`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
    workerData: { pages, table, memories: port2 },
    transferList: [port2],
  });
  const [plainBytes] = (await once(worker, 'message')) as [number];
  t.true(plainBytes > 0 && plainBytes < 6 * KIB, `${plainBytes}`);
  await worker.terminate();
});
