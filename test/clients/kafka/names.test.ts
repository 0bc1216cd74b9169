/** Names that every object of JavaScript has, wherever a Kafka client may put a name: they are names like others, or refused. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import { BatchBuilder } from '../../../src/model/batch-builder.ts';
import { type RunningNode, startNode } from '../../../src/node.ts';
import { createTopics } from '../../../src/protocols/kafka/calls/create-topics.ts';
import { describeConfigs } from '../../../src/protocols/kafka/calls/describe-configs.ts';
import { incrementalAlterConfigs } from '../../../src/protocols/kafka/calls/incremental-alter-configs.ts';
import { metadata } from '../../../src/protocols/kafka/calls/metadata.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../../src/protocols/kafka/reading.ts';
import { append, fetched, newTopic } from './asking.ts';
import { Wire } from './wire.ts';

const NAMES = ['constructor', 'toString', 'hasOwnProperty', 'valueOf'];

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

test.serial('topics have such names, and those with two underscores are refused', async (t) => {
  for (const name of NAMES) {
    const missing = await client.ask(metadata, 12, {
      topics: [{ topicId: NO_UUID, name }],
      allowAutoTopicCreation: false,
    });
    t.is(missing?.topics[0]?.errorCode, errors.UNKNOWN_TOPIC_OR_PARTITION, name);
    await newTopic(client, 1, name);
    const builder = new BatchBuilder();
    builder.add(Date.now(), '__proto__', 'value', [{ key: '__proto__', value: new TextEncoder().encode(name) }]);
    const batch = builder.finish(crc32c, {});
    t.like(await append(client, name, batch), { errorCode: 0, baseOffset: 0 });
    const read = (await fetched(client, name, [{ partition: 0, fetchOffset: 0 }], { maxWaitMs: 2_000 })).parts[0]
      ?.records;
    t.deepEqual(read?.subarray(12), batch.subarray(12));
  }
  const refused = await client.ask(metadata, 12, {
    topics: [{ topicId: NO_UUID, name: '__proto__' }],
    allowAutoTopicCreation: true,
  });
  t.is(refused?.topics[0]?.errorCode, errors.INVALID_TOPIC_EXCEPTION);
});

test.serial('no setting has such a name', async (t) => {
  const topic = await newTopic(client);
  for (const name of [...NAMES, '__proto__']) {
    const configs = [{ name, configOperation: 0, value: '1' }];
    const resources = [{ resourceType: 2, resourceName: topic, configs }];
    const altered = await client.ask(incrementalAlterConfigs, 1, { resources, validateOnly: false });
    t.is(altered?.responses[0]?.errorCode, errors.INVALID_CONFIG, name);
    const made = await client.ask(createTopics, 7, {
      topics: [
        {
          name: `made-${topic}`,
          numPartitions: 1,
          replicationFactor: 1,
          assignments: [],
          configs: [{ name, value: '1' }],
        },
      ],
      timeoutMs: 60_000,
      validateOnly: false,
    });
    t.is(made?.topics[0]?.errorCode, errors.INVALID_CONFIG, name);
    const told = await client.ask(describeConfigs, 4, {
      resources: [{ resourceType: 2, resourceName: topic, configurationKeys: [name] }],
      includeSynonyms: false,
      includeDocumentation: false,
    });
    t.deepEqual(told?.results[0]?.configs, [], name);
  }
});
