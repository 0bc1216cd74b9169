/** Judges the conversation alone: what it asks when, in which order it answers, and how long it needs a frame. */
import test from 'ava';
import { fault } from '../../../src/model/faults.ts';
import { GROUP_BOUNDS } from '../../../src/model/group-settings.ts';
import { id } from '../../../src/model/ids.ts';
import { TOPIC_DEFAULTS, type Topic } from '../../../src/model/topic.ts';
import type { Move } from '../../../src/protocols/conversation.ts';
import type { AnyCall } from '../../../src/protocols/kafka/call.ts';
import { apiVersions } from '../../../src/protocols/kafka/calls/api-versions.ts';
import { fetch } from '../../../src/protocols/kafka/calls/fetch.ts';
import { metadata } from '../../../src/protocols/kafka/calls/metadata.ts';
import { produce } from '../../../src/protocols/kafka/calls/produce.ts';
import { NO_UUID } from '../../../src/protocols/kafka/reading.ts';
import type { Codec } from '../../../src/protocols/kafka/schema.ts';
import { KafkaSession } from '../../../src/protocols/kafka/session.ts';
import { Writing } from '../../../src/protocols/kafka/writing.ts';
import type { Reply } from '../../../src/protocols/request.ts';
import { smallBatch } from '../../model/batches.ts';

const settings = { partitions: 1, settings: TOPIC_DEFAULTS };
const session = (): KafkaSession =>
  new KafkaSession(
    {
      node: 1,
      cluster: 'c',
      version: '0',
      host: 'h',
      port: 9092,
      defaults: settings,
      autoCreate: true,
      offsetRetentionMs: 60_000,
      migration: 'bidirectional',
      groupBounds: GROUP_BOUNDS,
    },
    1 << 20,
  );

function frame(call: AnyCall, version: number, request: object, client = 'somebody'): Uint8Array {
  const writing = new Writing();
  writing.begin();
  writing.int16(call.key);
  writing.int16(version);
  writing.int32(7);
  writing.string(false, client);
  if (version >= call.flexible) writing.varint(0);
  (call.request.at(version) as Codec<unknown, object>).write(writing, request);
  return new Uint8Array(Buffer.concat(writing.finish()));
}

const batch = smallBatch(1);
const produceFrame = (acks = -1, name = 'orders'): Uint8Array =>
  frame(produce, 9, {
    transactionalId: null,
    acks,
    timeoutMs: 1_000,
    topicData: [{ name, topicId: NO_UUID, partitionData: [{ index: 0, records: batch }] }],
  });
const metadataFrame = frame(metadata, 12, { topics: null });
const topic: Topic = {
  id: id(5),
  name: 'orders',
  createdAt: id(0),
  partitions: [id(64)],
  settings: TOPIC_DEFAULTS,
  version: 1,
};
const resolved: Reply = { call: 'resolve', topics: [{ topic }] };
const listed: Reply = { call: 'topics', topics: [topic] };
const stored = (baseOffset: number): Reply => ({
  call: 'produce',
  parts: [{ topic: id(5), partition: id(0), baseOffset: id(baseOffset), beginOffset: id(0) }],
});

/** Moves in short: what is asked of the node with `last`, and which frames are answered. */
const told = (moves: readonly Move[]): string[] =>
  moves.map((move) =>
    move.type === 'ask'
      ? `${move.frame} asks ${move.request.call}${move.last ? ', last' : ''}`
      : `${move.frame} ${move.type}`,
  );

test('a produce keeps its frame until its batches were handed over, and looks up a name once', (t) => {
  const kafka = session();
  t.deepEqual(told(kafka.take(produceFrame(), 1)), ['1 asks resolve']);
  t.deepEqual(told(kafka.reply(1, 0, resolved)), ['1 asks produce, last']);
  t.deepEqual(told(kafka.take(produceFrame(), 2)), ['2 asks produce, last']);
  t.deepEqual(told(kafka.reply(1, 0, stored(0))), ['1 answer']);
  t.deepEqual(told(kafka.reply(2, 0, stored(1))), ['2 answer']);
});

test('produces follow each other without a wait, and are answered in their order', (t) => {
  const kafka = session();
  kafka.take(produceFrame(), 1);
  t.deepEqual(told(kafka.take(produceFrame(), 2)), [], 'the first still looks up its topic');
  t.deepEqual(told(kafka.reply(1, 0, resolved)), ['1 asks produce, last', '2 asks produce, last']);
  t.deepEqual(told(kafka.take(metadataFrame, 3)), ['3 asks topics, last']);
  t.deepEqual(told(kafka.take(produceFrame(), 4)), [], 'a call that is no produce makes no room');
  t.deepEqual(told(kafka.reply(2, 0, stored(1))), [], 'the first is not answered yet');
  t.deepEqual(told(kafka.reply(3, 0, listed)), ['4 asks produce, last']);
  t.deepEqual(told(kafka.reply(1, 0, stored(0))), ['1 answer', '2 answer', '3 answer']);
  t.deepEqual(told(kafka.reply(4, 0, stored(2))), ['4 answer']);
});

test('a produce without acks is over in its turn, without a word', (t) => {
  const kafka = session();
  kafka.take(produceFrame(), 1);
  kafka.reply(1, 0, resolved);
  kafka.take(produceFrame(0), 2);
  t.deepEqual(told(kafka.reply(2, 0, null)), []);
  const moves = kafka.reply(1, 0, stored(0));
  t.deepEqual(told(moves), ['1 answer', '2 answer']);
  t.deepEqual(
    moves.map((move) => move.type === 'answer' && move.views.length > 0),
    [true, false],
  );
});

test('what can not be understood ends the connection behind the answers before it', (t) => {
  const kafka = session();
  kafka.take(produceFrame(), 1);
  kafka.reply(1, 0, resolved);
  const unknown = Uint8Array.from(metadataFrame);
  unknown[5] = 99;
  t.deepEqual(told(kafka.take(unknown, 2)), []);
  t.deepEqual(told(kafka.reply(1, 0, stored(0))), ['1 answer', '2 end']);
  const cut = metadataFrame.subarray(0, metadataFrame.length - 1);
  t.deepEqual(told(session().take(cut, 1)), ['1 end']);
});

test('a topic that is gone is looked up anew', (t) => {
  const kafka = session();
  kafka.take(produceFrame(), 1);
  kafka.reply(1, 0, resolved);
  const gone: Reply = {
    call: 'produce',
    parts: [{ topic: id(5), partition: id(0), fault: fault('UNKNOWN_TOPIC', 'gone') }],
  };
  t.deepEqual(told(kafka.reply(1, 0, gone)), ['1 answer']);
  t.deepEqual(told(kafka.take(produceFrame(), 2)), ['2 asks resolve']);
});

test('a node that refuses is told by the call, or by the end of the connection where it cannot tell; never by silence', (t) => {
  const kafka = session();
  const refused: Reply = { call: 'refused', fault: fault('SHUTTING_DOWN', 'the node is stopping') };
  kafka.take(produceFrame(), 1);
  t.deepEqual(told(kafka.reply(1, 0, refused)), ['1 answer']);
  kafka.take(frame(metadata, 13, { topics: null }), 2);
  t.deepEqual(told(kafka.reply(2, 0, refused)), ['2 answer']);
  kafka.take(metadataFrame, 3);
  t.deepEqual(told(kafka.reply(3, 0, refused)), ['3 end'], 'no topics would mean that there are none');
});

test('a client has begun with its first sound request, and its name moves no cursor', (t) => {
  const kafka = session();
  t.false(kafka.begun);
  kafka.take(frame(apiVersions, 0, {}, `evil\u001b[2J${'x'.repeat(400)}`), 1);
  t.true(kafka.begun);
  t.true(kafka.client.startsWith('evil?[2J'));
  t.is(kafka.client.length, 255);
});

test('where the time of requests is counted, an answer waits for what it says about it; a fetch is none the wiser', (t) => {
  const kafka = session();
  const throttled: Reply = { call: 'throttle', throttleMs: 250 };
  const listing = frame(metadata, 12, { topics: [] });
  t.deepEqual(
    told(kafka.take(frame(apiVersions, 4, { clientSoftwareName: 'a', clientSoftwareVersion: '1' }), 1, true)),
    ['1 asks throttle, last'],
  );
  const [answer] = kafka.reply(1, 0, throttled);
  t.is(answer?.type, 'answer');
  const bytes = Buffer.concat(answer?.type === 'answer' ? answer.views : []);
  t.true(bytes.includes(Buffer.from([0, 0, 0, 250])));
  t.deepEqual(told(kafka.take(listing, 2, true)), ['2 asks throttle, last']);
  t.deepEqual(told(kafka.take(listing, 3, false)), [], 'in order');
  t.deepEqual(told(kafka.reply(2, 0, { call: 'refused', fault: fault('TIMED_OUT', 'the catalog is down') })), [
    '2 answer',
    '3 answer',
  ]);
  const whole = { maxWaitMs: 0, minBytes: 1, maxBytes: 1, isolationLevel: 0, topics: [] };
  t.deepEqual(told(kafka.take(frame(fetch, 12, whole), 4, true)), ['4 asks fetch, last']);
  t.deepEqual(told(kafka.reply(4, 0, { call: 'fetch', session: 1, parts: [], throttleMs: 9 })), ['4 answer']);
});
