/** What topics demand of records: all that are wrong are counted, a bounded number is named, and no record without a time is late. */
import test from 'ava';
import { BATCH_HEADER_BYTES } from '../../src/model/batch.ts';
import { checkDemands, demandsOf } from '../../src/model/batch-demands.ts';
import { writeInt64 } from '../../src/model/bytes.ts';
import type { Fault } from '../../src/model/faults.ts';
import { RECORD_FAULTS_MAX } from '../../src/model/limits.ts';
import { TOPIC_DEFAULTS, type TopicSettings } from '../../src/model/topic.ts';
import { batchOf } from './batches.ts';

const NOW = 1_000_000;
const compacted: TopicSettings = { ...TOPIC_DEFAULTS, cleanup: 'compact', timestampBeforeMsMax: 1_000 };

interface Short {
  readonly key: string | null;
  readonly timestamp: number;
}
function judge(records: readonly Short[], settings = compacted, batches = 1): Fault | null {
  const batch = batchOf(records.map((one) => ({ ...one, value: 'v', headers: [] })));
  const demands = demandsOf(settings, NOW, batches);
  return demands === null ? null : checkDemands(batch, batch.subarray(BATCH_HEADER_BYTES), demands);
}

test('each wrong record is named with what is wrong with it; a time outweighs a key', (t) => {
  const wrong = judge([
    { key: 'k', timestamp: NOW },
    { key: null, timestamp: NOW },
    { key: 'k', timestamp: NOW - 1_001 },
    { key: null, timestamp: 1 },
  ]);
  t.like(wrong, {
    code: 'INVALID_TIMESTAMP',
    message: 'record 1 has no key, and the topic is compacted; 2 more are wrong',
  });
  t.deepEqual(wrong?.records, {
    count: 3,
    named: [
      { at: 1, why: 'no key' },
      { at: 2, why: 'time', timestamp: NOW - 1_001, least: NOW - 1_000, most: Number.POSITIVE_INFINITY },
      { at: 3, why: 'no key' },
    ],
  });
});

test('all are counted, and as many are named as the batches of a request share', (t) => {
  const many = Array.from({ length: RECORD_FAULTS_MAX + 5 }, () => ({ key: null, timestamp: NOW }));
  for (const [batches, named] of [
    [1, RECORD_FAULTS_MAX],
    [10, RECORD_FAULTS_MAX / 10],
    [100_000, 1],
  ] as const) {
    const wrong = judge(many, compacted, batches);
    t.is(wrong?.code, 'INVALID_RECORD');
    t.is(wrong?.records?.count, many.length);
    t.is(wrong?.records?.named.length, named);
  }
});

test('a record whose producer gave no time is not late', (t) => {
  const batch = batchOf([{ key: 'k', timestamp: 5, value: 'v', headers: [] }]);
  const demands = demandsOf(compacted, NOW, 1);
  const code = (baseTimestamp: number): string | undefined => {
    writeInt64(batch, 27, baseTimestamp);
    if (demands === null) throw new Error('it demands something');
    return checkDemands(batch, batch.subarray(BATCH_HEADER_BYTES), demands)?.code;
  };
  t.is(code(-1), undefined);
  t.is(code(0), 'INVALID_TIMESTAMP');
});
