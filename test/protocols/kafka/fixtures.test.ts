/**
 * Bytes as real clients and a real broker, Apache Kafka 4.4.0, exchanged them: what is read from them and written again
 * are the same bytes. `fixtures/<client>-<its version>.txt` has a call a line: name, version, request, answer, both as
 * whole frames in hexadecimal; `-` where acks=0 has no answer.
 */
import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import type { AnyCall, RequestOf } from '../../../src/protocols/kafka/call.ts';
import { apiVersions } from '../../../src/protocols/kafka/calls/api-versions.ts';
import { joinGroup } from '../../../src/protocols/kafka/calls/join-group.ts';
import { produce } from '../../../src/protocols/kafka/calls/produce.ts';
import { API_VERSIONS_KEY, HEAD_BYTES, measure, openRequest, readHead } from '../../../src/protocols/kafka/frame.ts';
import { Reading } from '../../../src/protocols/kafka/reading.ts';
import type { Codec } from '../../../src/protocols/kafka/schema.ts';
import { Writing } from '../../../src/protocols/kafka/writing.ts';
import { calls } from './calls.ts';

interface Exchange {
  readonly call: AnyCall;
  readonly version: number;
  readonly request: Uint8Array;
  readonly answer: Uint8Array | undefined;
}

const folder = new URL('./fixtures/', import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith('.txt'));

function exchangesOf(file: string): Exchange[] {
  const lines = readFileSync(new URL(file, folder), 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const [name, version, request = '', answer = '-'] = line.split(' ');
    const call = calls.find((one) => one.name === name);
    if (call === undefined) throw new Error(`${file}: no call ${name}`);
    return {
      call,
      version: Number(version),
      request: bytesOf(request),
      answer: answer === '-' ? undefined : bytesOf(answer),
    };
  });
}

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

/** What a message is written as once it was read; throws where it does not end with the bytes. */
function rewritten(codec: Codec<unknown, unknown>, reading: Reading): Uint8Array {
  const writing = new Writing();
  const value = codec.read(reading);
  if (reading.failed || reading.left > 0) throw new Error(`${reading.left} bytes left; failed: ${reading.failed}`);
  writing.begin();
  codec.write(writing, value);
  return new Uint8Array(Buffer.concat(writing.finish())).subarray(4);
}

/** Stands behind the header of a request. */
function bodyOf({ call, version, request }: Exchange): Reading {
  const reading = new Reading(request, HEAD_BYTES);
  reading.text(reading.stringLength(false));
  if (version >= call.flexible) reading.tagged([], {});
  return reading;
}

for (const file of files) {
  test(`${file}: requests and answers are read and written as the very bytes`, (t) => {
    for (const exchange of exchangesOf(file)) {
      const { call, version, request, answer } = exchange;
      const what = `${call.name} version ${version}`;
      t.deepEqual(measure(request.subarray(0, HEAD_BYTES), 1 << 20), { ok: true, value: request.length }, what);
      const head = readHead(request);
      t.like(head, { key: call.key, version }, what);
      t.true(openRequest(call, version, request).ok, what);
      const body = bodyOf(exchange);
      const from = body.position;
      t.deepEqual(rewritten(call.request.at(version) as Codec<unknown, unknown>, body), request.subarray(from), what);
      if (answer === undefined) continue;
      const flexible = version >= call.flexible && call.key !== API_VERSIONS_KEY;
      t.is(new Reading(answer, 4).int32(), head.correlation, what);
      const start = flexible ? 9 : 8;
      const codec = call.response.at(version) as Codec<unknown, unknown>;
      t.deepEqual(rewritten(codec, new Reading(answer, start)), answer.subarray(start), what);
    }
  });
}

/** The first request of `call` that a client sent. */
function asked<C extends AnyCall>(
  client: string,
  call: C,
): { readonly client: string; readonly request: RequestOf<C> } {
  const file = files.find((one) => one.startsWith(client)) ?? '';
  const exchange = exchangesOf(file).findLast((one) => one.call.key === call.key);
  const opened = exchange && openRequest(call, exchange.version, exchange.request);
  if (!opened?.ok) throw new Error(`${client} has no ${call.name}`);
  return opened.value;
}

test('calls are in use in just the versions that Kafka lists', (t) => {
  const exchange = exchangesOf(files.find((one) => one.startsWith('kafka-clients')) ?? '').find(
    ({ call }) => call === apiVersions,
  );
  const answer = exchange?.answer ?? new Uint8Array(0);
  const { apiKeys } = apiVersions.response.at(5).read(new Reading(answer, 8));
  for (const { key, name, versions } of calls) {
    // Kafka lists these only where a receiver of metrics was configured.
    if (name === 'GetTelemetrySubscriptions' || name === 'PushTelemetry') continue;
    const listed = apiKeys.find(({ apiKey }) => apiKey === key);
    t.deepEqual([listed?.minVersion, listed?.maxVersion], [...versions], name);
  }
});

test('clients say who they are', (t) => {
  const { client, request } = asked('kafka-clients', apiVersions);
  t.is(client, 'java');
  t.like(request, { clientSoftwareName: 'apache-kafka-java', clientSoftwareVersion: '4.4.0' });
  t.like(asked('librdkafka', apiVersions).request, { clientSoftwareName: 'confluent-kafka-python' });
});

test('a produce has its records as a view of the frame', (t) => {
  for (const client of ['kafka-clients', 'librdkafka', 'kafka-python', 'kafkajs', 'platformatic']) {
    const { request } = asked(client, produce);
    const batch = request.topicData[0]?.partitionData[0]?.records ?? new Uint8Array(0);
    t.true(batch.length > 61 && batch.buffer.byteLength > batch.length, client);
    // magic 2 of a record batch
    t.is(batch[16], 2, client);
  }
});

test('a member of a classic group says how it wants partitions assigned', (t) => {
  t.like(asked('kafka-clients', joinGroup).request, {
    groupId: 'jg-classic',
    groupInstanceId: 'i-1',
    sessionTimeoutMs: 45_000,
  });
  t.deepEqual(
    asked('librdkafka', joinGroup).request.protocols.map(({ name }) => name),
    ['cooperative-sticky'],
  );
});
