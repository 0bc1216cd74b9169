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
    memory: 256 * MIB,
    'native.port': 0,
    'admin.port': 0,
    'log.level': 'error',
    'log.format': 'json',
  };
  const machine = { cores: SHARDS, memoryBytes: 1024 * MIB, terminal: false };
  const saboteur = new Saboteur(SHARDS);
  const node = await runNode(
    resolveSettings({ flags, machine }).settings,
    new URL('./sabotaged-shard.ts', import.meta.url).href,
  );
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

/** Sends numbered messages until told to stop; answers where each was acknowledged. */
function flow(client: Client, topic: string): { readonly acked: Map<string, string>; stop(): Promise<void> } {
  const producer = client.producer({ lingerMs: 1, deliveryTimeoutMs: 60_000 });
  const acked = new Map<string, string>();
  let stopping = false;
  const done = (async () => {
    for (let number = 0; !stopping; number++) {
      const value = `message ${number}`;
      const batch = Array.from({ length: PARTITIONS }, (_, partition) =>
        producer
          .send({ topic, partition, value: `${value} to ${partition}` })
          .then((sent) => acked.set(`${sent.partition}:${sent.offset}`, `${value} to ${partition}`)),
      );
      await Promise.all(batch);
    }
    await producer.close();
  })();
  return {
    acked,
    stop: async () => {
      stopping = true;
      await done;
    },
  };
}

async function untilGrown(map: ReadonlyMap<string, string>, by: number): Promise<void> {
  const target = map.size + by;
  while (map.size < target) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Every acknowledged message lies at its place, and nothing stands twice. */
async function checkAll(
  t: ExecutionContext,
  client: Client,
  topic: string,
  acked: ReadonlyMap<string, string>,
): Promise<void> {
  const reader = client.reader({ topic, from: 'begin' });
  const found = new Map<string, string>();
  const ends = await reader.ends();
  const total = [...ends.values()].reduce((sum, end) => sum + end, 0);
  let read = 0;
  while (read < total) {
    for (const { partition, offset, value } of await reader.poll({ max: 10_000, waitMs: 5_000 })) {
      found.set(`${partition}:${offset}`, Buffer.from(value ?? []).toString());
      read += 1;
    }
  }
  await reader.close();
  for (const [place, value] of acked) t.is(found.get(place), value, `what was acknowledged at ${place}`);
  t.is(new Set(found.values()).size, found.size, 'no message stands twice');
  t.true(acked.size > 100, `enough messages were acknowledged: ${acked.size}`);
}

for (const [title, order] of [
  ['exits', 'exit'],
  ['throws where nobody catches', 'throwUncaught'],
  ['runs out of memory', 'eatMemory'],
] as const) {
  test.serial(`a thread that ${title} is replaced while messages flow, and nothing acknowledged is lost`, async (t) => {
    await withNode(t, async (_node, saboteur, client) => {
      await client.admin().createTopic('flow', { partitions: PARTITIONS });
      const { acked, stop } = flow(client, 'flow');
      for (const shard of [1, 0]) {
        await untilGrown(acked, 100);
        saboteur.shard(shard, order);
        while (saboteur.pending) await new Promise((resolve) => setTimeout(resolve, 5));
        await untilGrown(acked, 100);
      }
      await stop();
      await checkAll(t, client, 'flow', acked);
    });
  });
}

test.serial('a partition that throws comes back from its log while messages flow', async (t) => {
  await withNode(t, async (_node, saboteur, client) => {
    await client.admin().createTopic('flow', { partitions: PARTITIONS });
    const { acked, stop } = flow(client, 'flow');
    for (let round = 0; round < 5; round++) {
      await untilGrown(acked, 50);
      saboteur.actor('crashPartition');
      await untilGrown(acked, 50);
      t.false(saboteur.pending, 'it has thrown');
    }
    await stop();
    await checkAll(t, client, 'flow', acked);
  });
});
