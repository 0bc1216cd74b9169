/** Connections over real sockets: requests carried out across shards, bounds kept, bad clients turned away. */

import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import { fieldsCodec } from '../../runtime/envelope.ts';
import { batchesIn, crcHolds, readBaseOffset } from '../../src/model/batch.ts';
import { id } from '../../src/model/ids.ts';
import { OUTBOX_BYTES_MAX, REQUESTS_IN_FLIGHT_MAX } from '../../src/model/limits.ts';
import { encodeHello, encodeRequest } from '../../src/protocols/native/codec.ts';
import type {
  DescribeTopicReply,
  FetchReply,
  FetchRequest,
  GroupsReply,
  NodeReply,
  OffsetsReply,
  ProduceReply,
  ProduceRequest,
  RefusedReply,
  ResolveReply,
} from '../../src/protocols/request.ts';
import { batchOf, ConnectionWorld, SOME_GROUP } from './connection-world.ts';

const place = (partition: number, topic = 1) => ({ topic: id<never>(topic), partition: id<never>(partition) });
const produce = (
  ...parts: readonly (readonly [partition: number, batch: Uint8Array, topic?: number])[]
): ProduceRequest => ({
  call: 'produce',
  acks: 'all',
  timeoutMs: 60_000,
  parts: parts.map(([partition, batch, topic]) => ({ ...place(partition, topic), batch })),
});
const fetchOf = (fields: Partial<FetchRequest>): FetchRequest => ({
  call: 'fetch',
  session: 0,
  add: [],
  drop: [],
  bytesMin: 1,
  bytesMax: 8 << 20,
  waitMs: 60_000,
  ...fields,
});
const add = (partition: number, offset = 0) => ({ ...place(partition), offset: id<never>(offset), bytesMax: 8 << 20 });
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function eventually(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries === 3_000) throw new Error(`not in time: ${condition}`);
    await pause(20);
  }
}

async function inWorld(run: (world: ConnectionWorld) => Promise<void>, options = {}): Promise<void> {
  const world = new ConnectionWorld(options);
  try {
    await run(world);
    if (world.failures.length > 0) throw new Error(world.failures.join('\n'));
  } finally {
    await world.close();
  }
}

test('what is produced on two shards is fetched from them, small and large', async (t) => {
  await inWorld(async (world) => {
    const client = await world.client();
    const made = await client.ask<ProduceReply>(produce([0, batchOf(3)], [1, batchOf(2, 100_000)]));
    t.deepEqual(made.parts, [
      { ...place(0), baseOffset: id(0), beginOffset: id(0) },
      { ...place(1), baseOffset: id(0), beginOffset: id(0) },
    ]);
    const fetched = await client.ask<FetchReply>(fetchOf({ add: [add(0), add(1)], bytesMin: 200_000 }));
    const sizes = fetched.parts.map((part) => [part.partition, part.end, [...batchesIn(part.bytes)].length]);
    t.deepEqual(sizes.sort(), [
      [0, 3, 1],
      [1, 2, 1],
    ]);
    for (const part of fetched.parts)
      for (const batch of batchesIn(part.bytes)) t.true(crcHolds(batch, 0, (bytes) => crc32c(bytes as Buffer)));
  });
});

test('pipelined batches of one partition keep their order, also when the topic must be looked up', async (t) => {
  await inWorld(async (world) => {
    const client = await world.client();
    const frames = Array.from({ length: 100 }, (_, n) =>
      encodeRequest(fieldsCodec, 1_000 + n, produce([n % 2, batchOf(1 + n)])),
    ).flat();
    client.write(...frames);
    await client.until(() => client.replies.length === 100);
    for (const partition of [0, 1]) {
      const counts = world.logOf(64 + partition).batches.map(({ base, next }) => next - base);
      t.deepEqual(
        counts,
        Array.from({ length: 50 }, (_, n) => 1 + 2 * n + partition),
      );
    }
  });
});

test('acks none: stored, never answered', async (t) => {
  await inWorld(async (world) => {
    const client = await world.client();
    client.send({ ...produce([0, batchOf(1)], [1, batchOf(1, 20_000)]), acks: 'none' });
    await client.ask(produce([0, batchOf(1)], [1, batchOf(1)]));
    t.is(client.replies.length, 1);
    t.is(world.logOf(64).committed, 2);
    t.is(world.logOf(65).committed, 2);
  });
});

test('each part of a produce has its own fate', async (t) => {
  await inWorld(async (world) => {
    const client = await world.client();
    const corrupt = batchOf(1);
    corrupt[70] = (corrupt[70] ?? 0) ^ 1;
    const { parts } = await client.ask<ProduceReply>(
      produce([0, batchOf(1)], [1, corrupt], [2, batchOf(1)], [0, batchOf(1), 77], [0, batchOf(1), 3]),
    );
    const told = parts.map((part) => ('fault' in part ? part.fault.code : part.baseOffset));
    t.deepEqual(told, [0, 'CORRUPT_BATCH', 'UNKNOWN_PARTITION', 'UNKNOWN_TOPIC', 'UNAVAILABLE'] as never);
    t.is(world.logOf(65).appends, 0);
  });
});

test('a partition that does not answer costs the request its time and no more', async (t) => {
  await inWorld(async (world) => {
    const client = await world.client();
    const began = Date.now();
    const slow = client.send({ ...produce([0, batchOf(1), 2]), timeoutMs: 300 });
    const quick = await client.ask<ProduceReply>(produce([0, batchOf(1)]));
    t.true('baseOffset' in (quick.parts[0] ?? {}));
    const late = (await client.reply(slow)) as ProduceReply;
    t.like(late.parts[0], { fault: { code: 'TIMED_OUT' } });
    t.true(Date.now() - began >= 299);
  });
});

test('a fetch waits for records and is woken by them; an answer per fetch', async (t) => {
  await inWorld(async (world) => {
    const [reader, writer] = [await world.client(0), await world.client(1)];
    const opened = await reader.ask<FetchReply>(fetchOf({ add: [add(0), add(1)], waitMs: 0 }));
    t.deepEqual(opened.parts, []);
    const waiting = reader.send(fetchOf({ session: opened.session }));
    await writer.ask(produce([1, batchOf(4)]));
    const fetched = (await reader.reply(waiting)) as FetchReply;
    t.deepEqual(
      fetched.parts.map((part) => [part.partition, part.end]),
      [[1, 4]] as never,
    );
    const began = Date.now();
    const empty = await reader.ask<FetchReply>(fetchOf({ session: opened.session, waitMs: 200 }));
    t.deepEqual(empty.parts, []);
    t.true(Date.now() - began >= 199);
    const closed = await reader.ask<FetchReply>(fetchOf({ session: opened.session, close: true }));
    t.is(closed.parts.length, 0);
    await eventually(() => world.unwatched.length === 2);
    t.like(await reader.ask(fetchOf({ session: opened.session })), {
      call: 'refused',
      fault: { code: 'INVALID_REQUEST' },
    });
  });
});

test('a partition that crashes under a watch is followed again', async (t) => {
  await inWorld(async (world) => {
    const client = await world.client();
    const { session } = await client.ask<FetchReply>(fetchOf({ add: [{ ...add(0), ...place(0, 3) }], waitMs: 0 }));
    const waiting = client.send(fetchOf({ session }));
    await pause(20);
    await client.ask(produce([0, batchOf(1), 3]));
    await pause(50);
    const log = world.logOf(67);
    const bytes = batchOf(2);
    log.append({ type: 'append', request: 1, acks: 'all', bytes }, () => {});
    const fetched = (await client.reply(waiting)) as FetchReply;
    t.deepEqual(
      fetched.parts.map((part) => [part.end, readBaseOffset(part.bytes)]),
      [[2, 0]] as never,
    );
  });
});

test('the other calls reach who can answer them', async (t) => {
  await inWorld(async (world) => {
    const client = await world.client();
    const resolved = await client.ask<ResolveReply>({ call: 'resolve', names: ['orders', 'nothing'], create: false });
    t.deepEqual(
      resolved.topics.map((one) => ('topic' in one ? one.topic.id : one.fault.code)),
      [1, 'UNKNOWN_TOPIC'] as never,
    );
    t.like(await client.ask({ call: 'topics' }), { call: 'topics', topics: { length: 3 } });
    t.like(await client.ask({ call: 'createTopic', name: 'new', settings: {} }), {
      call: 'createTopic',
      topic: { name: 'new' },
    });
    t.like(await client.ask({ call: 'deleteTopic', name: 'new' }), { call: 'deleteTopic', topic: { name: 'new' } });
    t.like(await client.ask({ call: 'producer' }), { producerId: 7, epoch: 0 });
    await client.ask(produce([1, batchOf(5)]));
    const offsets = await client.ask<OffsetsReply>({
      call: 'offsets',
      parts: [
        { ...place(1), at: 'end' },
        { ...place(9), at: 'end' },
      ],
    });
    t.deepEqual(
      offsets.parts.map((part) => ('fault' in part ? part.fault.code : part.offset)),
      [5, 'UNKNOWN_PARTITION'] as never,
    );
    const described = await client.ask<DescribeTopicReply>({ call: 'describeTopic', name: 'orders' });
    t.deepEqual(
      described.partitions.map((one) => ('fault' in one ? one.fault : [one.id, one.end])),
      [
        [64, 0],
        [65, 5],
      ] as never,
    );
    const groups = await client.ask<GroupsReply>({ call: 'groups' });
    t.deepEqual(groups.groups, [SOME_GROUP]);
    const node = await client.ask<NodeReply>({ call: 'node' });
    t.like(node, { version: '1.2.3', topics: 3, partitions: 4, storage: { freeBytes: 10, direct: true } });
    t.deepEqual(
      node.shards.map(({ shard, state }) => [shard, state]),
      [
        [0, 'running'],
        [1, 'running'],
      ] as never,
    );
  });
});

test('group calls go to one coordinator with the name of the client', async (t) => {
  await inWorld(async (world) => {
    const client = await world.client();
    const beat = client.send({ call: 'heartbeat', group: 'g', member: 'm', epoch: 0, waitMs: 1_000 });
    await client.until(() => world.asked.length === 1);
    t.like(world.asked[0]?.message, { client: 'tester', ask: { call: 'heartbeat', member: 'm' } });
    world.asked[0]?.answer({ call: 'heartbeat', member: 'm', epoch: 3, heartbeatMs: 10 });
    t.like(await client.reply(beat), { call: 'heartbeat', epoch: 3 });
  });
});

test('drain: what waits is answered, what is in flight is answered, then the connection ends', async (t) => {
  await inWorld(async (world) => {
    const client = await world.client();
    const { session } = await client.ask<FetchReply>(fetchOf({ add: [add(0)], waitMs: 0 }));
    const fetch = client.send(fetchOf({ session }));
    const beat = client.send({ call: 'heartbeat', group: 'g', member: 'm', epoch: 0, waitMs: 60_000 });
    world.logOf(65).hold = true;
    const written = client.send(produce([1, batchOf(1)]));
    await client.until(() => world.asked.length === 1 && world.logOf(65).appends === 1);
    let drained = false;
    world.shards.shard(0).drain(1, 60_000, () => {
      drained = true;
    });
    t.like(await client.reply(fetch), { call: 'fetch', parts: { length: 0 } });
    t.like(await client.reply(beat), { call: 'refused', fault: { code: 'SHUTTING_DOWN' } });
    t.false(client.replies.some((one) => one.correlation === written));
    world.logOf(65).release();
    t.like(await client.reply(written), { parts: [{ baseOffset: 0 }] });
    await t.throwsAsync(
      client.until(() => false),
      { message: 'the connection is closed' },
    );
    await eventually(() => drained && world.connections() === 0);
  });
});

test('garbage, another protocol and frames before hello: told why, and closed; others notice nothing', async (t) => {
  await inWorld(async (world) => {
    const honest = await world.client();
    const first = async (...views: readonly Uint8Array[]): Promise<string> => {
      const stranger = await world.stranger();
      stranger.write(...views);
      await t.throwsAsync(
        stranger.until(() => false),
        { message: 'the connection is closed' },
      );
      return (stranger.replies[0]?.reply as RefusedReply | undefined)?.fault.code ?? 'nothing';
    };
    t.is(await first(Buffer.from('GET / HTTP/1.1\r\n\r\n')), 'FRAME_TOO_LARGE');
    t.is(await first(new Uint8Array(64)), 'BAD_FRAME');
    t.is(await first(...encodeRequest(fieldsCodec, 1, { call: 'topics' })), 'HELLO_REQUIRED');
    t.is(
      await first(...encodeHello(fieldsCodec, 1, { versions: [9], client: '', features: [] })),
      'UNSUPPORTED_VERSION',
    );
    t.is(await first(...encodeRequest(fieldsCodec, 1, produce([0, batchOf(1, 10_000)]))), 'FRAME_TOO_LARGE');
    await honest.ask(produce([0, batchOf(1)]));
    await eventually(() => world.connections() === 1);
    t.pass();
  });
});

test('more connections than allowed are refused by name', async (t) => {
  await inWorld(
    async (world) => {
      const honest = await world.client();
      const refused = await world.stranger();
      await t.throwsAsync(
        refused.until(() => false),
        { message: 'the connection is closed' },
      );
      t.like(refused.replies[0]?.reply, { call: 'refused', fault: { code: 'OVERLOADED' } });
      await honest.ask({ call: 'topics' });
      honest.socket.destroy();
      await eventually(() => world.connections() === 0);
      await world.client();
    },
    { connectionsMax: 1 },
  );
});

test('requests beyond the bound wait in the socket, and all are answered', async (t) => {
  await inWorld(async (world) => {
    const client = await world.client();
    const log = world.logOf(64);
    log.hold = true;
    const count = 3 * REQUESTS_IN_FLIGHT_MAX;
    for (let n = 0; n < count; n++) client.send(produce([0, batchOf(1)]));
    await client.until(() => log.appends === REQUESTS_IN_FLIGHT_MAX);
    await pause(50);
    t.is(log.appends, REQUESTS_IN_FLIGHT_MAX);
    log.release();
    await client.until(() => client.replies.length === count);
    t.is(log.committed, count);
  });
});

test('when memory is short frames wait for it instead of being refused', async (t) => {
  await inWorld(
    async (world) => {
      const client = await world.client();
      const count = 24;
      for (let n = 0; n < count; n++) client.send(produce([n % 2, batchOf(1, 300_000)]));
      await client.until(() => client.replies.length === count);
      t.true(client.replies.every(({ reply }) => reply.call === 'produce' && 'baseOffset' in (reply.parts[0] ?? {})));
    },
    { arenaBytes: 2 << 20 },
  );
});

test('a client that does not read its answers is not served beyond the bound', async (t) => {
  await inWorld(
    async (world) => {
      const client = await world.client();
      for (let n = 0; n < 8; n++) await client.ask(produce([0, batchOf(1, 1_000_000)]));
      client.socket.pause();
      for (let n = 0; n < 16; n++) client.send(fetchOf({ add: [{ ...add(0), bytesMax: 1 }], bytesMax: 1, waitMs: 0 }));
      for (let n = 0; n < 8; n++) client.send(fetchOf({ session: 1 + (n % 16), add: [add(0)], waitMs: 0 }));
      const name = world.connectionNames()[0] ?? '';
      const unsent = (): number => (world.inspect(name) as { unsentBytes: number }).unsentBytes;
      await eventually(() => unsent() > 0);
      await pause(500);
      t.true(unsent() > 0 && unsent() < OUTBOX_BYTES_MAX + (16 << 20), `${unsent()}`);
      client.socket.resume();
      await client.until(() => client.replies.length === 8 + 24);
      await eventually(() => unsent() === 0);
    },
    { arenaBytes: 256 << 20 },
  );
});

test('fetches that gather more together than a client may have unread do not wait for each other', async (t) => {
  await inWorld(
    async (world) => {
      const client = await world.client();
      for (let n = 0; n < 16; n++) await client.ask(produce([0, batchOf(1, 1_000_000)]));
      world.logOf(64).readBytesMax = 1_000_000;
      const asked = { add: [{ ...add(0), bytesMax: 12 << 20 }], bytesMin: 12 << 20, bytesMax: 12 << 20 };
      const before = client.replies.length;
      for (let n = 0; n < 8; n++) client.send(fetchOf(asked));
      await client.until(() => client.replies.length === before + 8, 20_000);
      const gave = ({ reply }: (typeof client.replies)[number]): boolean =>
        (reply as FetchReply).parts.some(({ bytes }) => bytes.length > 0);
      t.true(client.replies.slice(before).every(gave), 'none is empty');
    },
    { arenaBytes: 256 << 20 },
  );
});

test('a client that goes away in the middle leaves nothing behind', async (t) => {
  await inWorld(async (world) => {
    for (let n = 0; n < 10; n++) {
      const client = await world.client();
      await client.ask(fetchOf({ add: [add(0), add(1)], waitMs: 0 }));
      client.send(fetchOf({ session: 1 }));
      client.send(produce([0, batchOf(1, 100_000)]));
      client.write(encodeRequest(fieldsCodec, 5, produce([0, batchOf(1, 100_000)]))[0] ?? new Uint8Array(0));
      await pause(5);
      client.socket.destroy();
    }
    const honest = await world.client();
    await eventually(() => world.connections() === 1);
    // What small leases share stays.
    await eventually(() => world.shards.shard(0).inspect().bytesLeased <= 65_536);
    t.pass();
    await honest.ask({ call: 'topics' });
  });
});
