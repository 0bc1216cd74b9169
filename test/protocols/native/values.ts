/** Arbitrary requests and answers of every call, within what the protocol allows. */
import fc from 'fast-check';
import { fault, faultCodes } from '../../../src/model/faults.ts';
import type { Hello, HelloAnswer } from '../../../src/protocols/native/calls/hello.ts';
import type { NativeCallName, ReplyOf, RequestOf } from '../../../src/protocols/request.ts';

/** Brands are the type checker's alone; values here are plain. */
type Arb<T> = fc.Arbitrary<T>;
const record = (shape: Record<string, fc.Arbitrary<unknown>>, optional: readonly string[] = []): Arb<never> =>
  fc.record(shape, {
    requiredKeys: Object.keys(shape).filter((key) => !optional.includes(key)),
    noNullPrototype: true,
  }) as unknown as Arb<never>;

const safe = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
const safeOrNone = fc.oneof(fc.constant(-1), safe);
const topicOrGroup = fc.oneof(
  fc.constantFrom('constructor', 'toString', 'hasOwnProperty', '__proto__', 'a'.repeat(249), 'A.b_c-1'),
  fc.stringMatching(/^[a-z0-9_-]{1,20}$/),
);
const words = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).map((text) => text.replace(/\p{Cc}/gu, 'x'));
const bytes = (min: number) => fc.uint8Array({ minLength: min, maxLength: 200 });
const anyFault = fc.tuple(fc.constantFrom(...faultCodes), fc.string()).map(([code, text]) => fault(code, text));
const place = { topic: safe, partition: fc.nat(9_999) };
const parts = (shape: Record<string, fc.Arbitrary<unknown>>, optional: readonly string[] = []) =>
  fc.array(record({ ...place, ...shape }, optional), { maxLength: 5 });
const orFault = (shape: Record<string, fc.Arbitrary<unknown>>) =>
  fc.array(fc.oneof(record({ ...place, ...shape }), record({ ...place, fault: anyFault })), { maxLength: 5 });
const at = fc.oneof(fc.constantFrom('begin', 'end'), record({ timestamp: safe }));
const groupPlaces = fc.array(record({ topic: safe, partitions: fc.array(fc.nat(9_999), { maxLength: 4 }) }), {
  maxLength: 4,
});
const settings = {
  engine: fc.constantFrom('local', 'memory'),
  durability: fc.constantFrom('fsync', 'interval'),
  flushIntervalMs: fc.integer({ min: 10, max: 3_600_000 }),
  retentionMs: safeOrNone,
  retentionBytes: safeOrNone,
  segmentBytes: fc.integer({ min: 2 ** 20, max: 2 ** 30 }),
  segmentMs: fc.integer({ min: 1_000, max: Number.MAX_SAFE_INTEGER }),
  batchBytesMax: fc.integer({ min: 1_024, max: 2 ** 23 }),
  cleanup: fc.constantFrom('delete', 'compact', 'compact,delete'),
  tombstoneRetentionMs: safe,
  compactionLagMsMin: safe,
  compactionLagMsMax: fc.oneof(fc.constant(-1), fc.integer({ min: 1_000, max: Number.MAX_SAFE_INTEGER })),
  dirtyRatioMin: fc.constantFrom(0, 0.25, 0.5, 1),
  timestamps: fc.constantFrom('create', 'append'),
  timestampBeforeMsMax: safeOrNone,
  timestampAfterMsMax: safeOrNone,
  compression: fc.constantFrom('producer', 'none', 'gzip', 'snappy', 'lz4', 'zstd'),
};
const topic = record({
  id: safe,
  name: topicOrGroup,
  createdAt: safe,
  partitions: fc.array(safe, { maxLength: 8 }),
  settings: record(settings),
  version: safe,
});
const someSettings = record(settings, Object.keys(settings));
const call = <C extends NativeCallName>(
  name: C,
  shape: Record<string, fc.Arbitrary<unknown>>,
  optional?: readonly string[],
) => record({ call: fc.constant(name), ...shape }, optional);
const groupState = fc.constantFrom('empty', 'assigning', 'reconciling', 'preparing', 'completing', 'stable');

export const anyRequest: { readonly [C in NativeCallName]: Arb<RequestOf<C>> } = {
  produce: call('produce', {
    acks: fc.constantFrom('none', 'leader', 'all'),
    timeoutMs: fc.integer({ min: 1, max: 60_000 }),
    parts: parts({ batch: bytes(1) }),
  }),
  fetch: call(
    'fetch',
    {
      session: fc.nat(2 ** 31 - 1),
      add: parts({ offset: safe, bytesMax: fc.integer({ min: 1, max: 2 ** 24 }) }),
      drop: parts({}),
      bytesMin: fc.nat(2 ** 24),
      bytesMax: fc.integer({ min: 1, max: 2 ** 24 }),
      waitMs: fc.nat(60_000),
      close: fc.boolean(),
    },
    ['close'],
  ),
  offsets: call('offsets', { parts: parts({ at }) }),
  resolve: call('resolve', { names: fc.array(topicOrGroup, { maxLength: 5 }), create: fc.boolean() }),
  topics: call('topics', {}),
  createTopic: call(
    'createTopic',
    { name: topicOrGroup, partitions: fc.integer({ min: 1, max: 10_000 }), settings: someSettings },
    ['partitions'],
  ),
  alterTopic: call(
    'alterTopic',
    { name: topicOrGroup, partitions: fc.integer({ min: 1, max: 10_000 }), settings: someSettings },
    ['partitions'],
  ),
  deleteTopic: call('deleteTopic', { name: topicOrGroup }),
  describeTopic: call('describeTopic', { name: topicOrGroup }),
  producer: call('producer', {}),
  heartbeat: call(
    'heartbeat',
    {
      group: topicOrGroup,
      member: words,
      epoch: fc.integer({ min: -2, max: 2 ** 40 }),
      instance: words,
      topics: fc.array(topicOrGroup, { maxLength: 4 }),
      assignor: fc.constantFrom('range', 'roundrobin', 'sticky'),
      pattern: fc.oneof(fc.constant(''), words),
      rack: words,
      owned: groupPlaces,
      sessionMs: fc.integer({ min: 1_000, max: 1_800_000 }),
      rebalanceMs: fc.integer({ min: 1_000, max: 3_600_000 }),
      waitMs: fc.nat(60_000),
    },
    ['instance', 'topics', 'assignor', 'pattern', 'rack', 'owned', 'sessionMs', 'rebalanceMs'],
  ),
  commit: call('commit', {
    group: topicOrGroup,
    member: fc.oneof(fc.constant(''), words),
    epoch: safeOrNone,
    offsets: parts({ offset: safe, metadata: words }, ['metadata']),
  }),
  committed: call('committed', { group: topicOrGroup, places: parts({}), member: words, epoch: safe }, [
    'places',
    'member',
    'epoch',
  ]),
  groups: call('groups', {}),
  describeGroup: call('describeGroup', { group: topicOrGroup }),
  resetGroup: call('resetGroup', {
    group: topicOrGroup,
    places: parts({ to: fc.oneof(at, record({ offset: safe })) }),
    dryRun: fc.boolean(),
  }),
  deleteGroup: call('deleteGroup', { group: topicOrGroup }),
  node: call('node', {}),
};

export const anyReply: { readonly [C in NativeCallName]: Arb<ReplyOf<C>> } = {
  produce: call('produce', { parts: orFault({ baseOffset: safe, beginOffset: safe }) }),
  fetch: call('fetch', {
    session: fc.nat(2 ** 31 - 1),
    parts: parts({ fault: anyFault, begin: safe, end: safe, bytes: bytes(0) }, ['fault']),
  }),
  offsets: call('offsets', { parts: orFault({ offset: safe, timestamp: safeOrNone }) }),
  resolve: call('resolve', {
    topics: fc.array(fc.oneof(record({ topic }), record({ name: words, fault: anyFault })), { maxLength: 4 }),
  }),
  topics: call('topics', { topics: fc.array(topic, { maxLength: 4 }) }),
  createTopic: call('createTopic', { topic }),
  alterTopic: call('alterTopic', { topic }),
  deleteTopic: call('deleteTopic', { topic }),
  describeTopic: call('describeTopic', {
    topic,
    partitions: fc.array(
      fc.oneof(
        record({
          partition: fc.nat(9_999),
          id: safe,
          begin: safe,
          end: safe,
          durable: safe,
          appended: safe,
          bytes: safe,
          segments: safe,
          damaged: fc.array(fc.tuple(safe, safe), { maxLength: 3 }),
        }),
        record({ partition: fc.nat(9_999), fault: anyFault }),
      ),
      { maxLength: 4 },
    ),
  }),
  producer: call('producer', { producerId: safe, epoch: fc.nat(32_767) }),
  heartbeat: call(
    'heartbeat',
    { member: words, epoch: fc.integer({ min: -2, max: 2 ** 40 }), heartbeatMs: safe, assignment: groupPlaces },
    ['assignment'],
  ),
  commit: call('commit', { parts: parts({ fault: anyFault }, ['fault']) }),
  committed: call('committed', {
    parts: parts({ offset: safeOrNone, metadata: words, leaderEpoch: safe }, ['leaderEpoch']),
  }),
  groups: call('groups', {
    groups: fc.array(
      record({
        group: topicOrGroup,
        state: groupState,
        members: safe,
        kind: fc.constantFrom('consumer', 'classic'),
        protocolType: fc.string(),
      }),
      { maxLength: 4 },
    ),
  }),
  describeGroup: call('describeGroup', {
    group: topicOrGroup,
    state: groupState,
    epoch: safe,
    assignor: words,
    members: fc.array(
      record(
        {
          member: words,
          instance: words,
          client: words,
          epoch: safe,
          topics: fc.array(topicOrGroup, { maxLength: 3 }),
          owned: groupPlaces,
          target: groupPlaces,
        },
        ['instance'],
      ),
      { maxLength: 3 },
    ),
    partitions: parts({
      topicName: topicOrGroup,
      committed: safeOrNone,
      begin: safeOrNone,
      end: safeOrNone,
      member: words,
      lag: fc.oneof(
        fc.constant('unknown'),
        record({ messages: safe, bytes: safe, seconds: fc.double({ min: 0, max: 1e9, noNaN: true }).map(Math.abs) }),
      ),
    }),
  }),
  resetGroup: call('resetGroup', { parts: orFault({ from: safeOrNone, to: safe }) }),
  deleteGroup: call('deleteGroup', { group: topicOrGroup }),
  node: call('node', {
    version: words,
    node: safe,
    cluster: words,
    startedAt: safe,
    shards: fc.array(record({ shard: safe, incarnation: safe, state: fc.constantFrom('running', 'starting') }), {
      maxLength: 3,
    }),
    topics: safe,
    partitions: safe,
    storage: record({
      folder: words,
      direct: fc.boolean(),
      freeBytes: safe,
      totalBytes: safe,
      refusingWrites: fc.boolean(),
    }),
  }),
};

export const anyHello: Arb<Hello> = record({
  versions: fc.array(fc.nat(255), { maxLength: 16 }),
  client: fc.oneof(fc.constant(''), words),
  features: fc.array(words, { maxLength: 5 }),
});
export const anyHelloAnswer: Arb<HelloAnswer> = record({
  version: fc.nat(255),
  software: words,
  node: safe,
  cluster: words,
  features: fc.array(words, { maxLength: 5 }),
  limits: record({
    frameBytes: safe,
    requestsInFlight: safe,
    fetchSessions: safe,
    fetchBytes: safe,
    waitMs: safe,
    idleMs: safe,
  }),
});
