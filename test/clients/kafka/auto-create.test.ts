/** Topics that are made when they are first asked for: where the client and the node both want it, and there at once. */
import test from 'ava';
import { startNode } from '../../../src/node.ts';
import { metadata } from '../../../src/protocols/kafka/calls/metadata.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../../src/protocols/kafka/reading.ts';
import { append, batch } from './asking.ts';
import { Wire } from './wire.ts';

const asked = async (by: Wire, name: string, allowAutoTopicCreation: boolean, version = 12) => {
  const answer = await by.ask(metadata, version, { topics: [{ topicId: NO_UUID, name }], allowAutoTopicCreation });
  const [topic] = answer?.topics ?? [];
  return [topic?.errorCode, topic?.partitions.length];
};
const missing = [errors.UNKNOWN_TOPIC_OR_PARTITION, 0];

test('a topic is there in the answer of who asked for it, and takes records; clients that do not want it have none', async (t) => {
  const node = await startNode({ engine: 'memory', 'topics.partitions': 3 });
  t.teardown(() => node.stop());
  const client = await Wire.connect(node.kafka?.port ?? 0);
  t.teardown(() => client.end());
  t.deepEqual(await asked(client, 'unwanted', false), missing);
  t.deepEqual(await asked(client, 'unwanted', false), missing);
  t.deepEqual(await asked(client, 'wanted', true), [errors.NONE, 3]);
  t.like(await append(client, 'wanted', batch()), { errorCode: errors.NONE, baseOffset: 0 });
  t.deepEqual(await asked(client, 'old client', true, 3), [errors.INVALID_TOPIC_EXCEPTION, 0]);
  t.deepEqual(await asked(client, 'old-client', true, 3), [errors.NONE, 3], 'before there was a choice');
});

test('a node that makes no topics says so, whatever its clients want', async (t) => {
  const node = await startNode({ engine: 'memory', 'topics.autoCreate': false });
  t.teardown(() => node.stop());
  const client = await Wire.connect(node.kafka?.port ?? 0);
  t.teardown(() => client.end());
  t.deepEqual(await asked(client, 'wanted', true), missing);
  t.deepEqual(await asked(client, 'old-client', true, 3), missing);
  t.like(await append(client, 'wanted', batch()), { errorCode: errors.UNKNOWN_TOPIC_OR_PARTITION });
});
