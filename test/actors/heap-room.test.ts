/** What clients make a shard remember is bounded: those beyond are refused, and whoever leaves gives back what it took. */
import test from 'ava';
import { CONNECTION_BYTES, FOLLOWED_BYTES } from '../../actors/heap-room.ts';
import { id } from '../../src/model/ids.ts';
import type { FetchReply, FetchRequest, RefusedReply } from '../../src/protocols/request.ts';
import { ConnectionWorld } from './connection-world.ts';

const fetchOf = (fields: Partial<FetchRequest>): FetchRequest => ({
  call: 'fetch',
  session: 0,
  add: [],
  drop: [],
  bytesMin: 1,
  bytesMax: 1 << 20,
  waitMs: 0,
  ...fields,
});
const place = (partition: number) => ({ topic: id<never>(1), partition: id<never>(partition) });
const add = (partition: number) => ({ ...place(partition), offset: id<never>(0), bytesMax: 1 << 20 });

async function eventually(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries === 3_000) throw new Error(`not in time: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function inWorld(heapRoomBytes: number, run: (world: ConnectionWorld) => Promise<void>): Promise<void> {
  const world = new ConnectionWorld({ heapRoomBytes });
  try {
    await run(world);
    if (world.failures.length > 0) throw new Error(world.failures.join('\n'));
  } finally {
    await world.close();
  }
}

test('a session that would follow too much is refused; what is dropped, closed or left makes room', async (t) => {
  await inWorld(2 * CONNECTION_BYTES + 2 * FOLLOWED_BYTES, async (world) => {
    const first = await world.client();
    const second = await world.client();
    const both = await first.ask<FetchReply>(fetchOf({ add: [add(0), add(1)] }));
    t.is(both.call, 'fetch');
    t.is(world.heapRoom.bytes, 2 * CONNECTION_BYTES + 2 * FOLLOWED_BYTES);
    const refused = await second.ask<RefusedReply>(fetchOf({ add: [add(0)] }));
    t.like(refused, { call: 'refused', fault: { code: 'OVERLOADED' } });
    t.regex(refused.fault.message, /clients follow too many partitions here/);

    await first.ask(fetchOf({ session: both.session, drop: [place(1)] }));
    const one = await second.ask<FetchReply>(fetchOf({ add: [add(0)] }));
    t.is(one.call, 'fetch');
    const again = await second.ask<RefusedReply>(fetchOf({ session: one.session, add: [add(1)] }));
    t.like(again, { call: 'refused', fault: { code: 'OVERLOADED' } });
    await first.ask(fetchOf({ session: both.session, close: true }));
    t.is(world.heapRoom.bytes, 2 * CONNECTION_BYTES + FOLLOWED_BYTES);
    t.is((await second.ask<FetchReply>(fetchOf({ session: one.session, add: [add(1)] }))).call, 'fetch');

    second.socket.destroy();
    await eventually(() => world.heapRoom.bytes === CONNECTION_BYTES);
    first.socket.destroy();
    await eventually(() => world.heapRoom.bytes === 0);
  });
});

test('what fails or is followed twice takes no room', async (t) => {
  await inWorld(CONNECTION_BYTES + 4 * FOLLOWED_BYTES, async (world) => {
    const client = await world.client();
    const nowhere = { ...add(0), topic: id<never>(99) };
    const fetched = await client.ask<FetchReply>(fetchOf({ add: [add(0), add(0), nowhere] }));
    t.deepEqual(
      fetched.parts.map((part) => part.fault?.code),
      ['UNKNOWN_TOPIC'],
    );
    t.is(world.heapRoom.bytes, CONNECTION_BYTES + FOLLOWED_BYTES);
  });
});

test('a connection that finds no room is refused, and room comes with the end of another', async (t) => {
  await inWorld(CONNECTION_BYTES, async (world) => {
    const first = await world.client();
    const second = await world.stranger();
    await t.throwsAsync(
      second.until(() => false),
      { message: 'the connection is closed' },
    );
    t.like(second.replies[0]?.reply, { call: 'refused', fault: { code: 'OVERLOADED' } });
    first.socket.destroy();
    await eventually(() => world.heapRoom.bytes === 0);
    await world.client();
    t.is(world.connections(), 1);
  });
});
