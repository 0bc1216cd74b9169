/** Quotas of clients by Kafka's own calls, against a node in this process: told, kept, and enforced by the clock. */
import { Consumer } from '@platformatic/kafka';
import test, { type ExecutionContext } from 'ava';
import { Kafka, logLevel } from 'kafkajs';
import { type RunningNode, startNode } from '../../../src/node.ts';
import { alterClientQuotas } from '../../../src/protocols/kafka/calls/alter-client-quotas.ts';
import { describeClientQuotas } from '../../../src/protocols/kafka/calls/describe-client-quotas.ts';
import { fetch } from '../../../src/protocols/kafka/calls/fetch.ts';
import { findCoordinator } from '../../../src/protocols/kafka/calls/find-coordinator.ts';
import { listGroups } from '../../../src/protocols/kafka/calls/list-groups.ts';
import { produce } from '../../../src/protocols/kafka/calls/produce.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { append, batch, fetched, fetching, newTopic, produced } from './asking.ts';
import { Wire } from './wire.ts';

const RATE = 200_000;
const MEASURED_MS = 3_000;
const MEASUREMENTS_MAX = 8;

let node: RunningNode;
let client: Wire;
test.before(async () => {
  node = await startNode({ engine: 'memory', 'topics.partitions': 1 });
  client = await Wire.connect(node.kafka?.port ?? 0);
});
test.after.always(async () => {
  client?.end();
  await node?.stop();
});

const entity = (entityName: string | null, entityType = 'client-id') => [{ entityType, entityName }];
async function alter(entityName: string | null, key: string, value: number | null, entityType = 'client-id') {
  const ops = [{ key, value: value ?? 0, remove: value === null }];
  const entries = [{ entity: entity(entityName, entityType), ops }];
  const answer = await client.ask(alterClientQuotas, 1, { entries, validateOnly: false });
  return answer?.entries[0]?.errorCode;
}
async function described(
  components: { entityType: string; matchType: number; match: string | null }[],
  strict = false,
) {
  const answer = await client.ask(describeClientQuotas, 1, { components, strict });
  return answer?.entries?.map((one) => [
    one.entity[0]?.entityName,
    ...one.values.map(({ key, value }) => `${key}=${value}`),
  ]);
}

test.serial('quotas are told as they were set, by id, the default one, and all', async (t) => {
  t.is(await alter('__proto__', 'producer_byte_rate', 1e9), errors.NONE);
  t.is(await alter('__proto__', 'consumer_byte_rate', 2e9), errors.NONE);
  t.is(await alter('__proto__', 'request_percentage', 12.5), errors.NONE);
  t.is(await alter(null, 'consumer_byte_rate', 3e9), errors.NONE);
  const ours = [
    '__proto__',
    'producer_byte_rate=1000000000',
    'consumer_byte_rate=2000000000',
    'request_percentage=12.5',
  ];
  const all = [null, 'consumer_byte_rate=3000000000'];
  t.deepEqual(await described([]), [ours, all]);
  t.deepEqual(await described([], true), []);
  t.deepEqual(await described([{ entityType: 'client-id', matchType: 0, match: '__proto__' }]), [ours]);
  t.deepEqual(await described([{ entityType: 'client-id', matchType: 1, match: null }]), [all]);
  t.deepEqual(await described([{ entityType: 'client-id', matchType: 2, match: null }], true), [ours, all]);
  t.deepEqual(await described([{ entityType: 'user', matchType: 2, match: null }]), []);
  const strange = [{ entityType: 'strange', matchType: 2, match: null }];
  const answer = await client.ask(describeClientQuotas, 1, { components: strange, strict: false });
  t.is(answer?.errorCode, errors.UNSUPPORTED_VERSION);
  t.is(await alter('__proto__', 'producer_byte_rate', null), errors.NONE);
  t.is(await alter('__proto__', 'consumer_byte_rate', null), errors.NONE);
  t.is(await alter('__proto__', 'request_percentage', null), errors.NONE);
  t.is(await alter(null, 'consumer_byte_rate', null), errors.NONE);
  t.deepEqual(await described([]), []);
});

test.serial('what would not be enforced is refused', async (t) => {
  for (const key of ['controller_mutation_rate', 'connection_creation_rate', 'constructor'])
    t.is(await alter('a', key, 5), errors.INVALID_REQUEST, key);
  for (const value of [0, -1, 0.5, Number.NaN])
    t.is(await alter('a', 'producer_byte_rate', value), errors.INVALID_REQUEST);
  for (const value of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
    t.is(await alter('a', 'request_percentage', value), errors.INVALID_REQUEST);
  t.is(await alter('somebody', 'producer_byte_rate', 5, 'user'), errors.INVALID_REQUEST);
  const entries = [{ entity: entity('a'), ops: [{ key: 'producer_byte_rate', value: 5, remove: false }] }];
  const answer = await client.ask(alterClientQuotas, 1, { entries, validateOnly: true });
  t.is(answer?.entries[0]?.errorCode, errors.NONE);
  t.deepEqual(await described([]), []);
});

/** Bytes a second that go through while `once` is done again and again; the node has noticed the quota by then. */
async function measure(once: () => Promise<number>): Promise<number> {
  const noticed = performance.now() + 1_500;
  while (performance.now() < noticed) await once();
  const begun = performance.now();
  let sum = 0;
  while (performance.now() - begun < MEASURED_MS) sum += await once();
  return (sum / (performance.now() - begun)) * 1_000;
}

/** Whoever stands still for a moment comes to less than he might: what holds is seen sooner or later, what does not never. */
async function comesTo(
  t: ExecutionContext,
  [least, most]: readonly [number, number],
  measured: () => Promise<number>,
): Promise<void> {
  const found: number[] = [];
  const isSo = (): boolean => (found.at(-1) ?? most) > least && (found.at(-1) ?? most) < most;
  while (!isSo() && found.length < MEASUREMENTS_MAX) found.push(await measured());
  t.true(isSo(), `${found.map((one) => one.toPrecision(4))}, not from ${least} to ${most}`);
}

test.serial('who sends is held to its rate, by two connections together, and told of it', async (t) => {
  const name = await newTopic(client);
  const records = batch({ values: ['x'.repeat(10_000)] });
  const other = await Wire.connect(node.kafka?.port ?? 0);
  t.teardown(() => other.end());
  await alter('wire', 'producer_byte_rate', RATE);
  const told: number[] = [];
  const send = (by: Wire) => async (): Promise<number> => {
    told.push((await by.ask(produce, 9, produced(name, records)))?.throttleTimeMs ?? 0);
    return records.length;
  };
  await comesTo(t, [0.9 * RATE, 1.1 * RATE], async () => {
    const rates = await Promise.all([measure(send(client)), measure(send(other))]);
    return rates.reduce((sum, one) => sum + one, 0);
  });
  t.true(told.some((ms) => ms > 0 && ms <= 10_000));
  await alter('wire', 'producer_byte_rate', null);
});

test.serial('who fetches is held to its rate: ahead of it, it is given nothing and told for how long', async (t) => {
  const name = await newTopic(client);
  for (let count = 0; count < 4; count++) await append(client, name, batch({ values: ['x'.repeat(10_000)] }));
  await alter(null, 'consumer_byte_rate', RATE);
  let [given, throttled] = [0, 0];
  await comesTo(t, [0.9 * RATE, 1.1 * RATE], () =>
    measure(async () => {
      const answer = await client.ask(fetch, 12, fetching(name, [{ partition: 0, fetchOffset: 0 }]));
      const bytes = answer?.responses[0]?.partitions[0]?.records?.length ?? 0;
      if (bytes > 0) {
        given++;
        t.is(answer?.throttleTimeMs, 0);
      } else {
        throttled++;
        t.deepEqual(answer?.responses, []);
        t.true((answer?.throttleTimeMs ?? 0) > 0);
      }
      return bytes;
    }),
  );
  t.true(given > 0 && throttled > 0);
  await alter(null, 'consumer_byte_rate', null);
});

test.serial('a session goes on behind a fetch that was given nothing, and a large topic in pieces', async (t) => {
  const name = await newTopic(client);
  for (let count = 0; count < 8; count++) await append(client, name, batch({ values: [`${count}`.repeat(20_000)] }));
  await alter('wire', 'consumer_byte_rate', RATE);
  await measure(async () => (await fetched(client, name, [{ partition: 0, fetchOffset: 0 }])).parts.length);
  const values: string[] = [];
  let session = { sessionId: 0, sessionEpoch: 0 };
  let offset = 0;
  let throttled = 0;
  while (values.length < 8) {
    const whole = session.sessionId === 0;
    const positions = whole || values.length > 0 ? [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 1 }] : [];
    const answer = await client.ask(fetch, 12, fetching(name, positions, session));
    t.is(answer?.errorCode, errors.NONE);
    if ((answer?.throttleTimeMs ?? 0) > 0) throttled++;
    for (const { records } of answer?.responses[0]?.partitions ?? []) {
      if (records === null || records.length === 0) continue;
      values.push(Buffer.from(records).toString('latin1').slice(-2, -1));
      offset++;
    }
    const { sessionId = 0 } = answer ?? {};
    session = sessionId === 0 ? { sessionId, sessionEpoch: 0 } : { sessionId, sessionEpoch: session.sessionEpoch + 1 };
  }
  t.deepEqual(values, ['0', '1', '2', '3', '4', '5', '6', '7']);
  t.true(throttled > 0);
  await alter('wire', 'consumer_byte_rate', null);
});

test.serial('who takes too much time is told so by every call, and held to it', async (t) => {
  await alter('wire', 'request_percentage', 0.05);
  const noticed = performance.now() + 1_500;
  while (performance.now() < noticed) await client.ask(listGroups, 5, { statesFilter: [], typesFilter: [] });
  // Of the time, so much is spent waiting as it was told.
  await comesTo(t, [0.8, 1.1], async () => {
    const told = { listed: 0, found: 0 };
    const begun = performance.now();
    while (performance.now() - begun < MEASURED_MS) {
      const listed = await client.ask(listGroups, 5, { statesFilter: [], typesFilter: [] });
      told.listed += listed?.throttleTimeMs ?? 0;
      const found = await client.ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: ['a'] });
      told.found += found?.throttleTimeMs ?? 0;
      t.true((listed?.throttleTimeMs ?? 0) <= 1_000);
    }
    t.true(told.listed > 0 && told.found > 0);
    return (told.listed + told.found) / (performance.now() - begun);
  });
  await alter('wire', 'request_percentage', null);
});

test.serial('consumers that are held to a rate read everything once', async (t) => {
  const topic = await newTopic(client);
  const values = Array.from({ length: 20 }, (_none, index) => `${index} ${'x'.repeat(40_000)}`);
  for (const value of values) await append(client, topic, batch({ values: [value] }));
  for (const name of ['kafkajs', 'platformatic']) await alter(name, 'consumer_byte_rate', 400_000);
  const broker = `127.0.0.1:${node.kafka?.port ?? 0}`;
  const kafka = new Kafka({ clientId: 'kafkajs', brokers: [broker], logLevel: logLevel.NOTHING });
  const kafkajs = kafka.consumer({ groupId: 'slow-kafkajs', maxBytesPerPartition: 100_000 });
  const platformatic = new Consumer({
    ...{ groupId: 'slow-platformatic', clientId: 'platformatic', bootstrapBrokers: [broker] },
  });
  const begun = performance.now();
  const readings = await Promise.all([
    new Promise<string[]>((resolve, reject) => {
      const read: string[] = [];
      const eachMessage = async ({ message }: { message: { value: Buffer | null } }): Promise<void> => {
        if (read.push(`${message.value}`) === values.length) resolve(read);
      };
      const start = async (): Promise<void> => {
        await kafkajs.connect();
        await kafkajs.subscribe({ topics: [topic], fromBeginning: true });
        await kafkajs.run({ eachMessage });
      };
      start().catch(reject);
    }),
    (async () => {
      const read: string[] = [];
      const stream = await platformatic.consume({ topics: [topic], mode: 'earliest', maxBytes: 100_000 });
      for await (const { value } of stream) if (read.push(`${value}`) === values.length) break;
      return read;
    })(),
  ]);
  t.deepEqual(readings, [values, values]);
  t.true(performance.now() - begun > 1_000);
  await Promise.all([kafkajs.disconnect(), platformatic.close(true)]);
  for (const name of ['kafkajs', 'platformatic']) await alter(name, 'consumer_byte_rate', null);
});
