/** The page about Kafka's protocol says what the code does: the mapping of records, row by row, and the table of faults. */
import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { compressorFor } from '../../../src/edges/client/compression.ts';
import type { Message } from '../../../src/edges/client/message.ts';
import { PartitionStream } from '../../../src/edges/client/partition-stream.ts';
import { CONTROL_FLAG, LOG_APPEND_TIME_FLAG, readAttributes } from '../../../src/model/batch.ts';
import type { BatchOptions } from '../../../src/model/batch-builder.ts';
import { writeInt16, writeInt64 } from '../../../src/model/bytes.ts';
import { faultCodes } from '../../../src/model/faults.ts';
import { id } from '../../../src/model/ids.ts';
import { TOPIC_DEFAULTS } from '../../../src/model/topic.ts';
import { UNALTERED } from '../../../src/model/topic-defaults.ts';
import { nodeConfigNames, showConfigs } from '../../../src/protocols/kafka/default-configs.ts';
import { coordinatorErrorOf, type ErrorCode, errorOf, errors } from '../../../src/protocols/kafka/faults.ts';
import { batchOf, type PlainRecord } from '../../model/batches.ts';

const page = readFileSync(new URL('../../../src/protocols/kafka/README.md', import.meta.url), 'utf8');

/** Cells of the table between two marks, without its head. */
function tableOf(mark: string): string[][] {
  const table = page.slice(page.indexOf(`<!-- ${mark} -->`), page.indexOf(`<!-- /${mark} -->`));
  const rows = table.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

test('the table of faults is the one of the code', (t) => {
  const nameOf = (code: ErrorCode): string =>
    Object.entries(errors).find(([, one]) => one === code)?.[0] ?? String(code);
  const rows = faultCodes.map((code) => {
    const ofCoordinator = coordinatorErrorOf(code) === errorOf(code) ? '' : nameOf(coordinatorErrorOf(code));
    return [code, nameOf(errorOf(code)), ofCoordinator];
  });
  t.deepEqual(tableOf('faults'), rows);
});

test('the table of defaults is the one of the code', (t) => {
  const set = TOPIC_DEFAULTS;
  const topics = showConfigs(set, { set, altered: UNALTERED, inForce: set });
  // What has no name of the node's has its own.
  const names = topics.map(({ name, synonyms }) => [synonyms?.[0]?.name ?? '', name] as const);
  const rows = names.filter(([ofNode]) => nodeConfigNames.includes(ofNode));
  t.deepEqual(
    new Map(tableOf('defaults').map(([ofNode, ofTopic]) => [ofNode, ofTopic])),
    new Map(rows.map(([ofNode, ofTopic]) => [`\`${ofNode}\``, `\`${ofTopic}\``])),
  );
  t.is(tableOf('defaults').length, nodeConfigNames.length);
});

const plain: PlainRecord = { timestamp: 5, key: 'k', value: 'v', headers: [] };

interface Stored {
  readonly flags?: number;
  readonly base?: number;
  readonly baseTimestamp?: number;
  readonly options?: BatchOptions;
}

/** One batch, as a Kafka client sent it and the node stored it from `base` on, read by the TypeScript client. */
function read(
  records: readonly PlainRecord[],
  { flags = 0, base = 0, baseTimestamp, options }: Stored = {},
): Message[] {
  const batch = batchOf(records, options);
  writeInt64(batch, 0, base);
  writeInt16(batch, 21, readAttributes(batch) | flags);
  if (baseTimestamp !== undefined) writeInt64(batch, 27, baseTimestamp);
  const stream = new PartitionStream('topic', id(1), id(3), id(base));
  stream.add(batch);
  const messages: Message[] = [];
  for (let message = stream.take(); message !== null; message = stream.take()) messages.push(message);
  return messages;
}

/** What each row of the mapping claims. batches.test.ts has compressed batches of real clients. */
const claims: Readonly<Record<string, (t: ExecutionContext) => void>> = {
  'topic, partition, offset': (t) => {
    const [first, second] = read([plain, plain], { base: 70 });
    t.like(first, { topic: 'topic', partition: 3, offset: 70 });
    t.like(second, { offset: 71 });
  },
  key: (t) => {
    const keys = read([plain, { ...plain, key: null }, { ...plain, key: '' }]).map(({ key }) => key);
    t.deepEqual(keys, [Buffer.from('k'), null, Buffer.alloc(0)]);
  },
  value: (t) => {
    const values = read([plain, { ...plain, value: null }, { ...plain, value: '' }]).map(({ value }) => value);
    t.deepEqual(values, [Buffer.from('v'), null, Buffer.alloc(0)]);
  },
  headers: (t) => {
    const headers = [
      { key: 'ü', value: Buffer.from([1]) },
      { key: 'a', value: null },
      { key: 'ü', value: Buffer.alloc(0) },
    ];
    t.deepEqual(read([{ ...plain, headers }])[0]?.headers, headers);
  },
  timestamp: (t) => {
    t.deepEqual(
      read([{ ...plain, timestamp: 1_700_000_000_000 }, plain]).map(({ timestamp }) => timestamp),
      [1_700_000_000_000, 5],
    );
    t.is(read([plain], { baseTimestamp: -1 })[0]?.timestamp, -1);
  },
  'log-append time': (t) => {
    const times = read([plain, { ...plain, timestamp: 9 }], { flags: LOG_APPEND_TIME_FLAG }).map(
      ({ timestamp }) => timestamp,
    );
    t.deepEqual(times, [9, 9]);
  },
  compression: (t) => {
    for (const codec of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const compressor = compressorFor(codec);
      if (!compressor.ok) throw new Error(compressor.fault.message);
      const [message] = read([plain], { options: { compression: { codec, compress: compressor.value } } });
      t.deepEqual(message?.value, Buffer.from('v'), codec);
    }
  },
  'control records': (t) => {
    t.deepEqual(read([plain], { flags: CONTROL_FLAG }), []);
  },
};

test('every row of the mapping holds', (t) => {
  const rows = tableOf('mapping').map(([kafka = '']) => kafka);
  t.deepEqual(rows, Object.keys(claims));
  for (const claim of Object.values(claims)) claim(t);
});
