/**
 * Memory that held what somebody else has sent is used again and again, and is not cleaned: none of it may be seen by those
 * who never asked for it, however short their frames, records and answers are. Marked bytes go through the node's memory
 * first; then everything that comes out of its ports is looked through.
 */
import { connect } from 'node:net';
import test from 'ava';
import { KIB, MIB } from '../../src/model/limits.ts';
import { calls } from '../../src/protocols/native/calls.ts';
import type { NativeCallName } from '../../src/protocols/request.ts';
import { sized } from '../long.ts';
import { batchOf, smallBatch } from '../model/batches.ts';
import { codeOf, frame, Hostile, partsOf } from './hostile.ts';
import { attacks, type Target, targetOf } from './target.ts';

const target = targetOf(test);
const MARK = 'canary-in-the-memory-of-others';
const marked = (bytes: number): string => MARK.repeat(Math.ceil(bytes / MARK.length)).slice(0, bytes);

/** Everything that came out of the node for those who have no business with the marked bytes. */
class Heard {
  bytes = 0;
  /** Where the mark was seen. */
  readonly leaks: string[] = [];
  #last = Buffer.alloc(0);

  /** A mark may be cut in two by pieces of a socket. */
  take(from: string, piece: Buffer): void {
    this.bytes += piece.length;
    const both = Buffer.concat([this.#last, piece]);
    if (both.includes(MARK.slice(0, 12))) this.leaks.push(`${from}: ${both.toString('latin1').slice(0, 200)}`);
    this.#last = both.subarray(-MARK.length);
  }
}

/** Fills frames, chunks of segments, the journal and answers with the mark, of all sizes. */
async function mark(on: Target, rounds: number): Promise<void> {
  const hostile = await Hostile.greeted(on.port, marked(200));
  const made = await hostile.ask('createTopic', { name: 'marked', partitions: 8, settings: { engine: 'memory' } });
  const { id: topic } = made.fields.topic as { readonly id: number };
  for (let round = 0; round < rounds; round++)
    for (const bytes of [200, 3 * KIB, 40 * KIB, 700 * KIB]) {
      const batch = batchOf([{ timestamp: 1, key: null, value: marked(bytes), headers: [] }]);
      const parts = [{ topic, partition: round % 8, length: batch.length }];
      await hostile.ask('produce', { acks: 'all', timeoutMs: 60_000, parts }, batch);
      const add = [{ topic, partition: round % 8, offset: 0, bytesMax: MIB }];
      const sizes = { drop: [], bytesMin: 0, bytesMax: MIB, waitMs: 0 };
      const { session } = (await hostile.ask('fetch', { ...sizes, session: 0, add })).fields;
      await hostile.ask('fetch', { ...sizes, session, add: [], close: true });
    }
  await hostile.ask('deleteTopic', { name: 'marked' });
  await hostile.close();
}

/** Whoever listens to everything that is said to it. */
async function listening(on: Target, heard: Heard): Promise<Hostile> {
  const hostile = await Hostile.greeted(on.port);
  hostile.socket.on('data', (piece: Buffer) => heard.take('native', piece));
  return hostile;
}

/** Small records, read back at every size of answer. */
async function ownRecords(on: Target, heard: Heard): Promise<number> {
  const hostile = await listening(on, heard);
  const made = await hostile.ask('createTopic', { name: 'own', partitions: 2, settings: {} });
  const { id: topic } = made.fields.topic as { readonly id: number };
  let stored = 0;
  for (let count = 1; count <= 40; count++) {
    const batch = smallBatch(count);
    const parts = [{ topic, partition: count % 2, length: batch.length }];
    const answer = await hostile.ask('produce', { acks: 'all', timeoutMs: 60_000, parts }, batch);
    if (codeOf(partsOf(answer)[0]) === '') stored++;
    // A byte less than was said, and one more: refused, and what it says of that is all it says.
    for (const length of [batch.length - 1, batch.length + 1, 700 * KIB])
      await hostile.ask('produce', { acks: 'all', timeoutMs: 1, parts: [{ topic, partition: 0, length }] }, batch);
  }
  for (const bytesMax of [1, 100, 4_095, 4_096, 4_097, MIB])
    for (const partition of [0, 1]) {
      const add = [{ topic, partition, offset: 0, bytesMax }];
      await hostile.ask('fetch', { session: 0, add, drop: [], bytesMin: 0, bytesMax, waitMs: 0 });
    }
  await hostile.ask('deleteTopic', { name: 'own' });
  await hostile.close();
  return stored;
}

/** Frames that are half there, say more than they bring, or are nothing, in every call. */
async function shortFrames(on: Target, heard: Heard): Promise<void> {
  for (const call of Object.keys(calls) as NativeCallName[])
    for (const bytes of [
      frame(calls[call].kind, 9, {}),
      frame(calls[call].kind, 9, Buffer.from('dfffffffff', 'hex')),
    ]) {
      const hostile = await listening(on, heard);
      hostile.send(bytes);
      hostile.send(frame(calls.produce.kind, 10, { parts: [] }, new Uint8Array(50)).subarray(0, 30));
      hostile.socket.end();
      await hostile.closed;
    }
}

/** Bytes to another port, and all that is said to them. */
function said(port: number, bytes: Uint8Array | string, heard: (piece: Buffer) => void): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('data', heard);
    // A reset may be the answer.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve());
    socket.end(bytes);
  });
}

test.serial(
  'nothing of what others have sent is in what comes out for those who did not ask for it',
  attacks(target, { peakMib: 128, leftMib: 128 }, async (t, on) => {
    const heard = new Heard();
    for (let round = 0; round < sized(2, 20); round++) {
      await mark(on, sized(16, 40));
      t.is(await ownRecords(on, heard), 40);
      await shortFrames(on, heard);
      for (let key = 0; key < 75; key++)
        for (const body of [0, 8, 60]) {
          const bytes = Buffer.alloc(15 + body);
          bytes.writeInt32BE(bytes.length - 4, 0);
          bytes.writeInt16BE(key, 4);
          bytes.writeInt16BE(-1, 12);
          await said(on.node.kafkaPort, bytes, (piece) => heard.take('kafka', piece));
        }
      for (const path of ['/metrics', '/health/ready', '/x'])
        await said(on.node.adminPort, `GET ${path} HTTP/1.0\r\n\r\n`, (piece) => heard.take('admin', piece));
    }
    t.deepEqual(heard.leaks, []);
    t.true(heard.bytes > 50 * KIB, `only ${heard.bytes} bytes were looked through`);
    t.log(`${heard.bytes} bytes were looked through`);
    // The look itself: who asks for marked bytes gets them, and they are seen.
    const seen = new Heard();
    const hostile = await Hostile.greeted(on.port);
    hostile.socket.on('data', (piece: Buffer) => seen.take('native', piece));
    await hostile.ask('resolve', { names: [MARK], create: false });
    await hostile.close();
    t.true(seen.leaks.length > 0, 'an answer that has the mark is found out');
  }),
);
