/**
 * Clients that take their time: silent, byte by byte, half gone, or never reading. Each costs what is stated and no
 * more, is let go of in time, and nobody else waits for it.
 */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { FRAME_MS_MAX, HELLO_MS_MAX, KIB, MIB, WRITE_MS_MAX } from '../../src/model/limits.ts';
import { calls } from '../../src/protocols/native/calls.ts';
import { LONG, sized } from '../long.ts';
import { batchOf } from '../model/batches.ts';
import { codeOf, type Fields, frame, HELLO, Hostile, partsOf } from './hostile.ts';
import { attacks, SMALL, type Target, targetOf } from './target.ts';

/** Heap enough for ten thousand connections. */
const target = targetOf(test, [], 768);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Late by so much is still in time: the machine has other work, ms. */
const LATE_MS = 60_000;

/** Sends a byte now and then, for ever. */
function trickle(hostile: Hostile, bytes: Uint8Array, everyMs: number): void {
  let at = 0;
  const timer = setInterval(() => {
    if (at < bytes.length) hostile.send(bytes.subarray(at, ++at));
  }, everyMs);
  void hostile.closed.then(() => clearInterval(timer));
}

test.serial(
  'who does not say hello in time is closed: silent, byte by byte, or one of many',
  attacks(target, SMALL, async (t, { port }) => {
    const began = performance.now();
    const slow = await Promise.all(Array.from({ length: sized(200, 2_000) }, () => Hostile.silent(port)));
    const hello = frame(0, 1, HELLO);
    slow.forEach((hostile, number) => {
      if (number % 2 === 0) trickle(hostile, hello, 1_000);
    });
    await Promise.all(slow.map((one) => one.closed));
    const tookMs = performance.now() - began;
    t.true(tookMs > HELLO_MS_MAX - 1_000 && tookMs < HELLO_MS_MAX + LATE_MS, `closed after ${tookMs} ms`);
    t.deepEqual(new Set(slow.map((one) => one.answers.length)), new Set([0]), 'without a word');
  }),
);

test.serial(
  'a frame that does not become whole in time ends its connection',
  attacks(target, SMALL, async (t, { port, honest }) => {
    const began = performance.now();
    const slow = await Promise.all(Array.from({ length: 20 }, () => Hostile.greeted(port)));
    const resolve = frame(calls.resolve.kind, 1, { names: ['x'.repeat(200)], create: true });
    for (const one of slow) trickle(one, resolve, 500);
    if (LONG) {
      await Promise.all(slow.map((one) => one.closed));
      const tookMs = performance.now() - began;
      t.true(tookMs > FRAME_MS_MAX - 1_000 && tookMs < FRAME_MS_MAX + LATE_MS, `closed after ${tookMs} ms`);
    } else {
      await honest.advance(20);
      t.false(slow.some((one) => one.ended));
    }
  }),
);

test.serial(
  'who closes his half in the middle of a frame, a request or a wait is let go of',
  attacks(target, SMALL, async (t, { port, honest }) => {
    const whole = frame(calls.resolve.kind, 1, { names: ['honest'], create: false });
    const wait = { session: 0, add: [], drop: [], bytesMin: 1, bytesMax: MIB, waitMs: 60_000 };
    const ways: readonly ((hostile: Hostile) => void)[] = [
      (hostile) => hostile.send(whole.subarray(0, 9)),
      (hostile) => hostile.send(whole.subarray(0, 20)),
      (hostile) => hostile.shout('fetch', wait),
      (hostile) => hostile.shout('heartbeat', { group: 'half', member: 'm', epoch: 5, waitMs: 60_000 }),
      (hostile) => hostile.shout('topics', {}),
    ];
    for (const way of ways) {
      const half = await Promise.all(Array.from({ length: 20 }, () => Hostile.greeted(port)));
      for (const hostile of half) {
        way(hostile);
        hostile.socket.end();
      }
      await Promise.all(half.map((one) => one.closed));
    }
    t.true(honest.rounds > 0);
  }),
);

/** The timers that the system runs for the node's side of a connection: 2 is keep-alive. @see proc_net_tcp */
function timersAt(port: number): string[] {
  const own = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', , state]) => local.endsWith(own) && state === '01')
    .map(([, , , , , timer = '']) => timer.slice(0, 2));
}

(process.platform === 'linux' ? test.serial : test.serial.skip)(
  'the system itself looks for peers that went without a word',
  attacks(target, SMALL, async (t, { port }) => {
    const silent = await Hostile.greeted(port);
    // Bytes on their way have a timer of their own; with those acknowledged it is keep-alive's.
    for (let looks = 0; looks < 300 && !timersAt(port).includes('02'); looks++) await pause(100);
    t.true(timersAt(port).includes('02'), timersAt(port).join());
    await silent.close();
  }),
);

/** A topic of so many bytes in batches of 256 KiB, which a reader can ask for again and again. */
async function fill(hostile: Hostile, name: string, bytes: number): Promise<number> {
  const made = await hostile.ask('createTopic', { name, partitions: 1, settings: {} });
  const { id } = made.fields.topic as { readonly id: number };
  const batch = batchOf([{ timestamp: 1, key: null, value: 'x'.repeat(256 * KIB), headers: [] }]);
  const parts = [{ topic: id, partition: 0, length: batch.length }];
  for (let stored = 0; stored < bytes; stored += batch.length) {
    const answer = await hostile.ask('produce', { acks: 'all', timeoutMs: 60_000, parts }, batch);
    if (codeOf(partsOf(answer)[0]) !== '') throw new Error(codeOf(partsOf(answer)[0]));
  }
  return id;
}

const fetchAll = (topic: number): Fields => ({
  session: 0,
  add: [{ topic, partition: 0, offset: 0, bytesMax: 16 * MIB }],
  drop: [],
  bytesMin: 1,
  bytesMax: 16 * MIB,
  waitMs: 1_000,
});

/** Asks for everything in every session, again and again, and reads nothing. */
async function deafReader(on: Target, topic: number): Promise<Hostile> {
  const hostile = await Hostile.greeted(on.port);
  hostile.socket.pause();
  for (let session = 1; session <= 16; session++) hostile.shout('fetch', fetchAll(topic));
  for (let session = 1; session <= 16; session++)
    for (let more = 0; more < 10; more++) hostile.shout('fetch', { ...fetchAll(topic), session, bytesMin: 0 });
  return hostile;
}

/** The topic that is written, an answer for each, and what is read ahead of them. */
const UNREAD_MIB = 208;

test.serial(
  'clients that never read their answers hold what one answer takes and not what they asked for',
  attacks(target, { peakMib: UNREAD_MIB, leftMib: UNREAD_MIB }, async (t, on) => {
    const maker = await Hostile.greeted(on.port);
    const topic = await fill(maker, 'unread', 24 * MIB);
    const began = performance.now();
    const deaf = await Promise.all(Array.from({ length: sized(10, 40) }, () => deafReader(on, topic)));
    await on.honest.advance(20);
    if (LONG) {
      // Who never reads does not see the end of his connection either: the node tells how many are left.
      while ((await on.metric('connections')) > on.ownConnections + 1) {
        if (performance.now() - began > WRITE_MS_MAX + LATE_MS) return t.fail('the node has not let go of them');
        await pause(1_000);
      }
      t.true(performance.now() - began > WRITE_MS_MAX / 2, 'who reads slowly is given time');
    }
    await Promise.all(deaf.map((one) => one.close()));
    t.is(codeOf(await maker.ask('deleteTopic', { name: 'unread' })), '');
    await maker.close();
  }),
);

test.serial(
  'ten thousand silent connections cost what is stated',
  attacks(target, { peakMib: 72, leftMib: 72 }, async (t, on) => {
    const count = sized(2_000, 10_000);
    const before = on.memory().now;
    const silent: Hostile[] = [];
    for (let opened = 0; opened < count; opened += 250)
      silent.push(...(await Promise.all(Array.from({ length: 250 }, () => Hostile.greeted(on.port)))));
    t.is(await on.metric('connections'), count + on.ownConnections);
    await on.honest.advance(5);
    const each = (on.memory().now - before) / count;
    t.log(`${Math.round(each / KIB)} KiB for each of ${count}`);
    t.false(silent.some((one) => one.ended));
    await Promise.all(silent.map((one) => one.close()));
  }),
);
