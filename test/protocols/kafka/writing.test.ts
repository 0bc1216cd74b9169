/** Messages as they are written: pieces that stay as they are while others are made, records that are never copied. */
import test from 'ava';
import fc from 'fast-check';
import { deleteGroups } from '../../../src/protocols/kafka/calls/delete-groups.ts';
import { fetch } from '../../../src/protocols/kafka/calls/fetch.ts';
import { metadata } from '../../../src/protocols/kafka/calls/metadata.ts';
import { buildResponse } from '../../../src/protocols/kafka/frame.ts';
import { Reading } from '../../../src/protocols/kafka/reading.ts';
import { Writing } from '../../../src/protocols/kafka/writing.ts';

const head = { version: 12, correlation: 5 };
const part = (partitionIndex: number, records: Uint8Array | null) => ({
  partitionIndex,
  errorCode: 0,
  highWatermark: 9,
  abortedTransactions: null,
  records,
});
const answerOf = (all: readonly (Uint8Array | null)[], topic: string) => ({
  responses: [{ topic, topicId: '0'.repeat(32), partitions: all.map((records, index) => part(index, records)) }],
});

test('records of a fetch go out as the views that were given, between pieces of fields', (t) => {
  const first = new Uint8Array(100);
  const second = new Uint8Array(new SharedArrayBuffer(2_000));
  const views = buildResponse(new Writing(), fetch, head, answerOf([first, null, new Uint8Array(0), second], 'a'));
  t.is(views.indexOf(first), 1);
  t.is(views.indexOf(second), 3);
  t.is(views.length, 5);
  const length = views.reduce((sum, view) => sum + view.length, 0);
  t.is(new Reading(views[0] ?? first).int32(), length - 4);
});

test('answers stay as they are while others are written, and however long they are', (t) => {
  const answer = fc.record({
    topic: fc.string({ unit: 'grapheme-ascii', maxLength: 5_000 }),
    records: fc.array(fc.option(fc.uint8Array({ maxLength: 50 })), { maxLength: 12 }),
    rests: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(answer, { minLength: 20, maxLength: 40 }), (answers) => {
      const writing = new Writing();
      const sent = answers.map(({ topic, records, rests }) => {
        if (rests) writing.rest();
        return buildResponse(writing, fetch, head, answerOf(records, topic));
      });
      sent.forEach((views, index) => {
        const bytes = new Uint8Array(Buffer.concat(views));
        const reading = new Reading(bytes);
        t.is(reading.int32(), bytes.length - 4);
        t.is(reading.int32(), 5);
        t.is(reading.varint(), 0);
        const [topic] = fetch.response.at(12).read(reading).responses;
        t.is(topic?.topic, answers[index]?.topic);
        t.deepEqual(
          topic?.partitions.map(({ records }) => records),
          answers[index]?.records,
        );
        t.is(reading.left, 0);
      });
    }),
    { numRuns: 30 },
  );
});

test('a tagged field may be longer than one byte can tell', (t) => {
  for (const count of [1, 10, 100, 1_000, 3_000]) {
    const nodeEndpoints = Array.from({ length: count }, (_none, nodeId) => ({ nodeId, host: 'host', port: 9092 }));
    const views = buildResponse(new Writing(), fetch, { ...head, version: 16 }, { responses: [], nodeEndpoints });
    const reading = new Reading(new Uint8Array(Buffer.concat(views)), 9);
    t.is(fetch.response.at(16).read(reading).nodeEndpoints.length, count);
    t.true(!reading.failed && reading.left === 0);
  }
});

test('what tells people what went wrong is cut, so that it fits whatever it quotes', (t) => {
  const results = [{ groupId: 'g', errorCode: 1, errorMessage: `"${'ä'.repeat(40_000)}" is no group` }];
  const views = buildResponse(new Writing(), deleteGroups, { version: 3, correlation: 1 }, { results });
  const [result] = deleteGroups.response.at(3).read(new Reading(views[0] ?? new Uint8Array(0), 9)).results;
  t.is(result?.errorMessage, `"${'ä'.repeat(999)}`);
});

test('a null where the version has none, and a string that does not fit, are defects of the node', (t) => {
  const topic = { errorCode: 0, name: null, topicId: '0'.repeat(32), isInternal: false, partitions: [] };
  const write = (version: number, name: string | null) =>
    buildResponse(new Writing(), metadata, { version, correlation: 1 }, { brokers: [], topics: [{ ...topic, name }] });
  t.notThrows(() => write(12, null));
  t.throws(() => write(11, null), { message: 'null where the version has none' });
  t.notThrows(() => write(12, 'a'.repeat(0x7fff)));
  t.throws(() => write(12, 'a'.repeat(0x8000)), { message: 'a string is too long for the wire' });
});
