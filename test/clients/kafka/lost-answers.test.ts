/**
 * Idempotent producers whose answers get lost: a proxy, which is what the node advertises, swallows the answer of every
 * other produce and breaks the connection. What they send again is stored once, in its order.
 */
import test from 'ava';
import { listOffsets } from '../../../src/protocols/kafka/calls/list-offsets.ts';
import { TestNode } from '../../node/harness.ts';
import { LosingProxy } from './losing-proxy.ts';
import { sampleMessages, stored } from './message.ts';
import { readers } from './readers.ts';
import { Wire } from './wire.ts';
import { kafkaWriters } from './writers.ts';

const ROUNDS = 3;

for (const { name, write } of kafkaWriters)
  test.serial(`what ${name} sends again after its answer was lost is stored once`, async (t) => {
    const proxy = new LosingProxy();
    const advertised = `127.0.0.1:${await proxy.listen()}`;
    const flags = ['--topics-partitions', '1', '--log-level', 'warn', '--kafka-advertised', advertised];
    const node = await TestNode.start({ flags });
    t.teardown(async () => {
      proxy.close();
      await node.dispose();
    });
    proxy.to = node.kafkaPort;
    const messages = sampleMessages();
    for (let round = 0; round < ROUNDS; round++)
      await write(node, 'orders', messages, { codec: 'none', acks: -1, idempotent: true });
    t.true(proxy.lost >= ROUNDS, `${proxy.lost} answers were lost`);
    const once = stored(messages);
    const expected = Array.from({ length: ROUNDS }, (_, round) =>
      once.map((one) => ({ ...one, offset: one.offset + round * once.length })),
    ).flat();
    // By the native client, whose port is its own.
    const native = readers.find((reader) => reader.name === 'the TypeScript client');
    t.deepEqual(await native?.read(node, 'orders', 0, expected.length), expected);
    const wire = await Wire.connect(node.kafkaPort);
    const topics = [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp: -1 }] }];
    const end = await wire.ask(listOffsets, 9, { replicaId: -1, isolationLevel: 0, topics });
    wire.end();
    t.is(end?.topics[0]?.partitions[0]?.offset, expected.length, 'nothing is behind them');
  });
