/** Where Kafka clients find the node: the port, what is advertised, and what a port that is taken leads to. */
import { createServer } from 'node:net';
import test from 'ava';
import { startNode } from '../../../src/node.ts';
import { describeCluster } from '../../../src/protocols/kafka/calls/describe-cluster.ts';
import { findCoordinator } from '../../../src/protocols/kafka/calls/find-coordinator.ts';
import { metadata } from '../../../src/protocols/kafka/calls/metadata.ts';
import { TestNode } from '../../node/harness.ts';
import { Wire } from './wire.ts';

for (const [advertised, host, port] of [
  ['', '127.0.0.1', undefined],
  ['broker.example', 'broker.example', undefined],
  ['broker.example:19092', 'broker.example', 19_092],
  ['[fd00::1]:19092', 'fd00::1', 19_092],
] as const)
  test(`advertised as "${advertised}" clients are told so`, async (t) => {
    const node = await startNode({ engine: 'memory', 'kafka.advertised': advertised });
    const own = node.kafka?.port ?? 0;
    const wire = await Wire.connect(own);
    const place = { host, port: port ?? own };
    t.like((await wire.ask(metadata, 12, { topics: [] }))?.brokers[0], place);
    t.like((await wire.ask(describeCluster, 1, { includeClusterAuthorizedOperations: false }))?.brokers[0], place);
    t.like((await wire.ask(findCoordinator, 4, { coordinatorKeys: ['g'] }))?.coordinators[0], {
      ...place,
      errorCode: 0,
    });
    wire.end();
    await node.stop();
  });

test('a node that serves no Kafka clients has no port for them', async (t) => {
  const node = await startNode({ engine: 'memory', 'kafka.enabled': false });
  t.is(node.kafka, null);
  await node.stop();
});

test('what is advertised and cannot be reached is warned of, and what can is not', async (t) => {
  for (const [advertised, warned] of [
    ['127.0.0.1:1', true],
    ['127.0.0.1', false],
  ] as const) {
    const node = await TestNode.start({ flags: ['--kafka-advertised', advertised, '--log-level', 'warn'] });
    t.teardown(() => node.dispose());
    const tells = (): boolean => node.output.includes('cannot be reached from here');
    for (let tries = 0; tries < 600 && tells() !== warned; tries++)
      await new Promise((later) => setTimeout(later, 100));
    if (!warned) await new Promise((later) => setTimeout(later, 500));
    t.is(tells(), warned, advertised);
  }
});

test('a port that is taken is named with its setting', async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const error = await t.throwsAsync(startNode({ engine: 'memory', 'kafka.port': port }));
  t.regex(error?.message ?? '', /something listens there already.*kafka\.port.*kafka\.enabled/);
  await new Promise((resolve) => other.close(resolve));
});
