/**
 * Threads and actors of a real node die while messages flow: the node stays up, clients notice a pause at most, and
 * everything that was acknowledged is there, once, in order.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { resolveSettings } from '../../src/config.ts';
import { type Client, connect } from '../../src/edges/client/index.ts';
import { type RunningNode, runNode } from '../../src/node.ts';
import { checkAll, flow, untilGrown } from './flow.ts';
import { Saboteur } from './sabotage.ts';

const SHARDS = 2;
const PARTITIONS = 4;
const MIB = 1024 * 1024;

async function withNode(
  t: ExecutionContext,
  run: (node: RunningNode, saboteur: Saboteur, client: Client) => Promise<void>,
): Promise<void> {
  const data = await mkdtemp(join(tmpdir(), 'callboard-crash-'));
  const flags = {
    data,
    shards: SHARDS,
    memory: 384 * MIB,
    'native.port': 0,
    'kafka.port': 0,
    'admin.port': 0,
    'log.level': 'error',
    'log.format': 'json',
  };
  const machine = { cores: SHARDS, memoryBytes: 1024 * MIB, terminal: false };
  const saboteur = new Saboteur(SHARDS);
  const node = await runNode(resolveSettings({ flags, machine }).settings, {
    shardUrl: new URL('./sabotaged-shard.ts', import.meta.url).href,
  });
  const client = await connect({ server: `${node.native.host}:${node.native.port}` });
  try {
    await run(node, saboteur, client);
  } finally {
    await client.close();
    await node.stop();
    await rm(data, { recursive: true, force: true });
  }
  t.pass();
}

for (const [title, order] of [
  ['exits', 'exit'],
  ['throws where nobody catches', 'throwUncaught'],
  ['runs out of memory', 'eatMemory'],
] as const) {
  test.serial(`a thread that ${title} is replaced while messages flow, and nothing acknowledged is lost`, async (t) => {
    await withNode(t, async (_node, saboteur, client) => {
      await client.admin().createTopic('flow', { partitions: PARTITIONS });
      const { acked, failures, stop } = flow(client, 'flow', PARTITIONS);
      for (const shard of [1, 0]) {
        await untilGrown({ acked, failures }, 100);
        saboteur.shard(shard, order);
        while (saboteur.pending) await new Promise((resolve) => setTimeout(resolve, 5));
        await untilGrown({ acked, failures }, 100);
      }
      await stop();
      await checkAll(t, client, 'flow', acked);
    });
  });
}

test.serial('a partition that throws comes back from its log while messages flow', async (t) => {
  await withNode(t, async (_node, saboteur, client) => {
    await client.admin().createTopic('flow', { partitions: PARTITIONS });
    const { acked, failures, stop } = flow(client, 'flow', PARTITIONS);
    for (let round = 0; round < 5; round++) {
      await untilGrown({ acked, failures }, 50);
      saboteur.actor('crashPartition');
      await untilGrown({ acked, failures }, 50);
      t.false(saboteur.pending, 'it has thrown');
    }
    await stop();
    await checkAll(t, client, 'flow', acked);
  });
});
