/**
 * Memory under load that is honest and more than the node can hold: large batches from many connections, consumers that
 * read slowly, very many partitions. What does not fit waits in the sockets of those who sent it, or is answered
 * OVERLOADED. Bounds count what is added to an idle node: half of the setting is arenas, which stay once they were
 * touched; the rest is what the heaps of the threads grow to. Done once more, the same adds next to nothing.
 */
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { KIB, MIB } from '../../src/model/limits.ts';
import { sized } from '../long.ts';
import { batchOf } from '../model/batches.ts';
import { codeOf, type Fields, Hostile, partsOf } from './hostile.ts';
import { attacks, type Target, targetOf } from './target.ts';

const target = targetOf(test);
const batch = (bytes: number): Uint8Array =>
  batchOf([{ timestamp: 1, key: null, value: 'x'.repeat(bytes), headers: [] }]);

async function create(on: Target, name: string, partitions: number): Promise<number> {
  const hostile = await Hostile.greeted(on.port);
  const settings = { retentionBytes: 32 * MIB, segmentBytes: 8 * MIB };
  const made = await hostile.ask('createTopic', { name, partitions, settings });
  await hostile.close();
  return (made.fields.topic as { readonly id: number }).id;
}

async function remove(on: Target, name: string): Promise<string> {
  const hostile = await Hostile.greeted(on.port);
  const code = codeOf(await hostile.ask('deleteTopic', { name }));
  await hostile.close();
  return code;
}

/** Sends so many batches, each to one of some partitions, with so many in flight. Answers how many were stored. */
async function pour(
  on: Target,
  topic: number,
  places: readonly number[],
  bytes: Uint8Array,
  count: number,
): Promise<number> {
  const hostile = await Hostile.greeted(on.port);
  let [next, stored] = [0, 0];
  const store = async (partition: number): Promise<void> => {
    const parts = [{ topic, partition, length: bytes.length }];
    for (;;) {
      const answer = await hostile.ask('produce', { acks: 'all', timeoutMs: 60_000, parts }, bytes);
      const code = codeOf(partsOf(answer)[0]);
      if (code === '') stored++;
      if (code !== 'OVERLOADED') return;
      // Full is an answer: the node says so and takes no more for now.
      await pause(20);
    }
  };
  const lane = async (): Promise<void> => {
    while (next < count) await store(places[next++ % places.length] ?? 0);
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  await hostile.close();
  return stored;
}

/** Reads everything there is, a piece now and then. */
async function sip(on: Target, topic: number, until: Promise<unknown>): Promise<void> {
  const hostile = await Hostile.greeted(on.port);
  const fields: Fields = { drop: [], bytesMin: 1, bytesMax: 4 * MIB, waitMs: 200 };
  const add = [0, 1].map((partition) => ({ topic, partition, offset: 0, bytesMax: 4 * MIB }));
  let over = false;
  void until.then(() => {
    over = true;
  });
  const { session } = (await hostile.ask('fetch', { ...fields, session: 0, add })).fields;
  while (!over) {
    const answer = await hostile.ask('fetch', { ...fields, session, add: [] });
    if (codeOf(answer) !== '') throw new Error(codeOf(answer));
    hostile.answers.length = 0;
    await pause(20);
  }
  await hostile.close();
}

async function largeBatches(t: ExecutionContext, on: Target): Promise<void> {
  const topic = await create(on, 'large', 4);
  const connections = sized(20, 60);
  const each = sized(10, 400);
  const poured = Array.from({ length: connections }, (_, number) =>
    pour(on, topic, [number % 4], batch(number % 2 === 0 ? 900 * KIB : 200 * KIB), each),
  );
  const stored = await Promise.all(poured);
  t.is(
    stored.reduce((sum, one) => sum + one, 0),
    connections * each,
    'all were stored in the end',
  );
  t.is(await remove(on, 'large'), '');
}

test.serial(
  'large batches from many connections take the arenas and no more',
  attacks(target, { peakMib: 232, leftMib: 232 }, largeBatches),
);

test.serial(
  'consumers that read slowly while others write',
  attacks(target, { peakMib: 128, leftMib: 128 }, async (t, on) => {
    const topic = await create(on, 'sipped', 2);
    const all = [0, 1].map((place) => pour(on, topic, [place], batch(500 * KIB), sized(60, 2_000)));
    const sips = Array.from({ length: 10 }, () => sip(on, topic, Promise.all(all)));
    t.deepEqual(await Promise.all(all), [sized(60, 2_000), sized(60, 2_000)]);
    await Promise.all(sips);
    t.is(await remove(on, 'sipped'), '');
  }),
);

test.serial(
  'a thousand partitions, each with something to write',
  attacks(target, { peakMib: 160, leftMib: 160 }, async (t, on) => {
    const topic = await create(on, 'many', 1_000);
    const lanes = Array.from({ length: 10 }, (_, lane) => Array.from({ length: 100 }, (_, at) => 100 * lane + at));
    const stored = await Promise.all(lanes.map((places) => pour(on, topic, places, batch(KIB), sized(200, 5_000))));
    t.deepEqual(new Set(stored), new Set([sized(200, 5_000)]));
    t.is(await remove(on, 'many'), '');
  }),
);

/** MiB. The short form does not touch all of the arenas the first time. */
const AGAIN_MIB = sized(128, 48);

test.serial(
  'the same again takes what is there already',
  attacks(target, { peakMib: AGAIN_MIB, leftMib: AGAIN_MIB }, largeBatches),
);
