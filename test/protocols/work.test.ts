/**
 * What bytes that nobody should send cost the conversations before anybody knows them for what they are: what is allocated
 * for them grows with their number and not faster. Counted by the engine, whatever else the machine does.
 */
import { randomBytes } from 'node:crypto';
import { getHeapStatistics } from 'node:v8';
import { encode } from '@msgpack/msgpack';
import test, { type ExecutionContext } from 'ava';
import { GROUP_BOUNDS } from '../../src/model/group-settings.ts';
import { FRAME_BYTES_MAX, KIB } from '../../src/model/limits.ts';
import { TOPIC_DEFAULTS } from '../../src/model/topic.ts';
import { KafkaSession } from '../../src/protocols/kafka/session.ts';
import { calls } from '../../src/protocols/native/calls.ts';
import { encodeHello } from '../../src/protocols/native/codec.ts';
import { NativeSession } from '../../src/protocols/native/session.ts';
import { calls as kafkaCalls } from './kafka/calls.ts';
import { frame as native } from './native/frames.ts';
import { msgpackFields } from './native/msgpack.ts';

/** Each size is sent so often in a round: the engine counts by pieces of some KiB. */
const SIZES = [
  [4 * KIB, 32],
  [64 * KIB, 8],
  [512 * KIB, 2],
] as const;
/** The same for a byte of few and of many: a field of seven bytes is a key of a table that doubles while it grows. */
const HEAP_FOR_BYTE_MAX = 256;
/** For a frame, however short: the fault and its sentence. */
const HEAP_FOR_FRAME_MAX = 64 * KIB;
const ROUNDS = 3;

/** In the heap of this thread and beside it since it began, collected or not. Not yet among Node's types. */
function allocated(): number {
  const { total_allocated_bytes: heap } = getHeapStatistics() as unknown as { readonly total_allocated_bytes: number };
  return heap;
}

/** The least of all rounds, since whatever else allocates only adds. */
function cost(times: number, act: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const before = allocated();
    for (let time = 0; time < times; time++) act();
    least = Math.min(least, (allocated() - before) / times);
  }
  return Math.round(least);
}

type Hostile = readonly [what: string, frame: (bytes: number) => Uint8Array];

/** @returns the most that any of them took for a byte. */
function judge(t: ExecutionContext, hostile: readonly Hostile[], take: (frame: Uint8Array) => void): number {
  let most = 0;
  for (const [what, make] of hostile)
    for (const [size, times] of SIZES) {
      const frame = make(size);
      const heap = cost(times, () => take(frame));
      most = Math.max(most, heap / frame.length);
      t.true(heap <= HEAP_FOR_BYTE_MAX * frame.length + HEAP_FOR_FRAME_MAX, `${what}: ${heap} for ${frame.length}`);
    }
  return most;
}

// ---- the native protocol

const codec = msgpackFields();
const limits = {
  frameBytes: FRAME_BYTES_MAX,
  requestsInFlight: 1,
  fetchSessions: 1,
  fetchBytes: 1,
  waitMs: 1,
  idleMs: 1,
};
const about = { software: '0', node: 1, cluster: 'c', features: [], limits };
const hello = new Uint8Array(Buffer.concat(encodeHello(codec, 1, { versions: [1], client: 'x', features: [] })));

function greeted(): NativeSession {
  const session = new NativeSession(codec, about);
  session.take(hello, 1);
  return session;
}

const many = <T>(count: number, of: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => of(index));
const place = (topic: number) => ({ topic, partition: 0, offset: 0, bytesMax: 1 });
const fetching = { session: 0, drop: [], bytesMin: 0, bytesMax: 1, waitMs: 0 };
/** Names of which `{"names": ` is followed by an array of 2^32 - 1. */
const claims = Buffer.from('81a56e616d6573ddffffffff', 'hex');

const natives: readonly Hostile[] = [
  ['numbers for names', (n) => native(calls.resolve.kind, encode({ names: many(n, () => 0), create: false }))],
  ['empty names', (n) => native(calls.resolve.kind, encode({ names: many(n, () => ''), create: false }))],
  [
    'unknown fields',
    (n) => native(calls.topics.kind, encode(Object.fromEntries(many(n / 8, (one) => [`f${one}`, 0])))),
  ],
  [
    'arrays in arrays',
    (n) => native(calls.resolve.kind, Buffer.concat([claims.subarray(0, 7), Buffer.alloc(n, 0x91)])),
  ],
  ['a count that lies', (n) => native(calls.resolve.kind, Buffer.concat([claims, Buffer.alloc(n)]))],
  ['places', (n) => native(calls.fetch.kind, encode({ ...fetching, add: many(n / 40, place) }))],
  ['parts', (n) => native(calls.produce.kind, partsOf(n / 40), new Uint8Array(Math.floor(n / 40)))],
  ['noise for fields', (n) => native(calls.commit.kind, randomBytes(n))],
  ['noise for a batch', (n) => native(calls.produce.kind, partsOf(1), new Uint8Array(randomBytes(n)))],
];

function partsOf(count: number): Uint8Array {
  const parts = many(count, (topic) => ({ topic, partition: 0, length: 1 }));
  return encode({ acks: 'all', timeoutMs: 1, parts });
}

test.serial('native: what is allocated for hostile bytes grows with the bytes and not faster', (t) => {
  const most = judge(t, natives, (frame) => greeted().take(frame, 1));
  t.log(`at most ${most.toFixed(1)} bytes of heap for a byte, short frames included`);
  t.true(most > 0.1, 'something was counted');
});

// ---- Kafka's

const kafka = (): KafkaSession =>
  new KafkaSession(
    {
      node: 1,
      cluster: 'c',
      version: '0',
      host: 'h',
      port: 9092,
      defaults: { partitions: 1, settings: TOPIC_DEFAULTS },
      autoCreate: true,
      offsetRetentionMs: 60_000,
      migration: 'bidirectional',
      groupBounds: GROUP_BOUNDS,
    },
    FRAME_BYTES_MAX,
  );

/** Every call in its newest version, with a body that is nothing but this. */
const bodies: readonly (readonly [string, (bytes: number) => Uint8Array])[] = [
  ['zeros', (n) => new Uint8Array(n)],
  ['ones', (n) => new Uint8Array(n).fill(1)],
  ['twos', (n) => new Uint8Array(n).fill(2)],
  ['counts that lie', (n) => new Uint8Array(n).fill(0x7f)],
  ['noise', (n) => randomBytes(n)],
];

test.serial('Kafka: what is allocated for hostile bytes grows with the bytes and not faster', (t) => {
  let most = 0;
  for (const call of kafkaCalls) {
    const version = call.versions[1];
    const head = Buffer.from([0, 0, 0, 0, 0, call.key, 0, version, 0, 0, 0, 9, 0, 1, 0x78]);
    const frame = (body: Uint8Array): Uint8Array => {
      const bytes = Buffer.concat([head, body]);
      bytes.writeInt32BE(bytes.length - 4, 0);
      return new Uint8Array(bytes);
    };
    const hostile = bodies.map(([what, body]): Hostile => [`${call.name}: ${what}`, (bytes) => frame(body(bytes))]);
    most = Math.max(
      most,
      judge(t, hostile, (bytes) => kafka().take(bytes, 1)),
    );
  }
  t.log(`at most ${most.toFixed(1)} bytes of heap for a byte, short frames included`);
  t.true(most > 0.1, 'something was counted');
});
