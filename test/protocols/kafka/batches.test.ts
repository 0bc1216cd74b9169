/**
 * Record batches as Kafka's clients make them, in every codec: taken by a partition as they are, and read as messages
 * by the TypeScript client. `fixtures/batches/<client>-<its version>.txt` has a batch a line: codec, count of records,
 * the batch in base64. All clients sent the same records, which {@link sent} makes anew.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import { PartitionStream } from '../../../src/edges/client/partition-stream.ts';
import { CODECS, codecOf, readAttributes } from '../../../src/model/batch.ts';
import { checkBatch } from '../../../src/model/batch-check.ts';
import { id } from '../../../src/model/ids.ts';

interface Sample {
  readonly codec: string;
  readonly count: number;
  readonly batch: Uint8Array;
}

const folder = new URL('./fixtures/batches/', import.meta.url);
const samples = new Map<string, readonly Sample[]>(
  readdirSync(folder).map((file) => {
    const lines = readFileSync(new URL(file, folder), 'utf8').trimEnd().split('\n');
    const read = lines.map((line): Sample => {
      const [codec = '', count, batch = ''] = line.split(' ');
      return { codec, count: Number(count), batch: new Uint8Array(Buffer.from(batch, 'base64')) };
    });
    return [file.replace('.txt', ''), read];
  }),
);

/** Sixteen of it are several blocks of every codec that has blocks. */
const LONG_VALUE = 'all the world is a stage, and all the men and women merely players; '.repeat(120);

/** The messages behind a sample: short values in five, long ones in sixteen; one without key, one without value. */
const sent = (count: number): unknown[] =>
  Array.from({ length: count }, (_none, index) => ({
    topic: 'stage',
    partition: 0,
    offset: index,
    timestamp: 1_700_000_000_000 + index,
    key: index === 1 ? null : Buffer.from(`k${index}`),
    value: index === 2 ? null : Buffer.from(count === 5 ? 'hello' : LONG_VALUE),
    headers: [
      { key: 'name', value: Buffer.from('value') },
      { key: 'empty', value: Buffer.alloc(0) },
    ],
  }));

function messagesOf(batch: Uint8Array): unknown[] {
  const stream = new PartitionStream('stage', id(1), id(0), id(0));
  stream.add(batch);
  const messages: unknown[] = [];
  for (let message = stream.take(); message !== null; message = stream.take()) messages.push(message);
  return messages;
}

for (const [client, batches] of samples) {
  test(`${client}: its batches pass the door, and are messages with key, value, headers and time`, (t) => {
    for (const { codec, count, batch } of batches) {
      t.is(codecOf(readAttributes(batch)), codec as (typeof CODECS)[number]);
      t.is(checkBatch(batch, crc32c), null, codec);
      // As it lies in memory that threads share.
      const shared = new Uint8Array(new SharedArrayBuffer(batch.length));
      shared.set(batch);
      t.deepEqual(messagesOf(shared), sent(count), `${codec} ${count}`);
    }
  });
}

test('every codec is there from four clients at least, snappy raw and in the frames of snappy-java', (t) => {
  const of = (codec: string): Sample[] => [...samples.values()].flat().filter((sample) => sample.codec === codec);
  for (const codec of CODECS) t.true(of(codec).length >= 4, codec);
  const framed = of('snappy').filter(({ batch }) => Buffer.from(batch).includes('SNAPPY'));
  t.true(framed.length >= 2 && framed.length <= of('snappy').length - 2);
});
