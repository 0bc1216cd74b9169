/** Quotas of clients by Kafka's own calls, against a node in this process: told, kept, and enforced by the clock. */
import test from 'ava';
import { type RunningNode, startNode } from '../../../src/node.ts';
import { alterClientQuotas } from '../../../src/protocols/kafka/calls/alter-client-quotas.ts';
import { describeClientQuotas } from '../../../src/protocols/kafka/calls/describe-client-quotas.ts';
import { produce } from '../../../src/protocols/kafka/calls/produce.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { append, batch, fetched, newTopic, produced } from './asking.ts';
import { Wire } from './wire.ts';

const RATE = 200_000;
const MEASURED_MS = 3_000;

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
  t.is(await alter(null, 'consumer_byte_rate', 3e9), errors.NONE);
  const ours = ['__proto__', 'producer_byte_rate=1000000000', 'consumer_byte_rate=2000000000'];
  const all = [null, 'consumer_byte_rate=3000000000'];
  t.deepEqual(await described([]), [ours, all]);
  t.deepEqual(await described([], true), []);
  t.deepEqual(await described([{ entityType: 'client-id', matchType: 0, match: '__proto__' }]), [ours]);
  t.deepEqual(await described([{ entityType: 'client-id', matchType: 1, match: null }]), [all]);
  t.deepEqual(await described([{ entityType: 'client-id', matchType: 2, match: null }], true), [ours, all]);
  t.deepEqual(await described([{ entityType: 'user', matchType: 2, match: null }]), []);
  t.is(await alter('__proto__', 'producer_byte_rate', null), errors.NONE);
  t.is(await alter('__proto__', 'consumer_byte_rate', null), errors.NONE);
  t.is(await alter(null, 'consumer_byte_rate', null), errors.NONE);
  t.deepEqual(await described([]), []);
});

test.serial('what would not be enforced is refused', async (t) => {
  for (const key of ['request_percentage', 'controller_mutation_rate', 'constructor'])
    t.is(await alter('a', key, 5), errors.INVALID_REQUEST, key);
  for (const value of [0, -1, 0.5, Number.NaN])
    t.is(await alter('a', 'producer_byte_rate', value), errors.INVALID_REQUEST);
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
  const rates = await Promise.all([measure(send(client)), measure(send(other))]);
  const rate = rates.reduce((sum, one) => sum + one, 0);
  t.true(Math.abs(rate / RATE - 1) < 0.1, `${Math.round(rate)} bytes a second, not ${RATE}`);
  t.true(told.some((ms) => ms > 0 && ms <= 10_000));
  await alter('wire', 'producer_byte_rate', null);
});

test.serial('who fetches is held to its rate', async (t) => {
  const name = await newTopic(client);
  for (let count = 0; count < 4; count++) await append(client, name, batch({ values: ['x'.repeat(10_000)] }));
  await alter(null, 'consumer_byte_rate', RATE);
  const rate = await measure(async () => {
    const { parts } = await fetched(client, name, [{ partition: 0, fetchOffset: 0 }]);
    return parts[0]?.records?.length ?? 0;
  });
  t.true(Math.abs(rate / RATE - 1) < 0.1, `${Math.round(rate)} bytes a second, not ${RATE}`);
  await alter(null, 'consumer_byte_rate', null);
});
