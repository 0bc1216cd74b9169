/**
 * A real node on a disk that is full, or answers EIO: requests are refused by name, reads go on where they can, nothing
 * that was acknowledged is lost, and all is well again by itself when the disk is.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import { resolveSettings } from '../../src/config.ts';
import { type Client, connect } from '../../src/edges/client/index.ts';
import type { Link } from '../../src/edges/client/link.ts';
import { BatchBuilder } from '../../src/model/batch-builder.ts';
import { id, type Offset, type PartitionIndex } from '../../src/model/ids.ts';
import { MIB } from '../../src/model/limits.ts';
import { runNode } from '../../src/node.ts';
import { sized } from '../long.ts';
import { checkAll, flow, untilGrown } from '../node/flow.ts';
import { bareLink } from '../powercuts/node.ts';
import { Trouble } from './failing-disk.ts';

const PARTITIONS = 4;
const ROUNDS = sized(2, 20);
/** Every 20th message goes past the journal. */
const sizeOf = (number: number): number => (number % 20 === 19 ? 100_000 : (number * 37) % 3_000);

interface Live {
  readonly client: Client;
  readonly link: Link;
  end(): Promise<void>;
}

interface Case {
  readonly live: Live;
  readonly trouble: Trouble;
  /** Stops the node, starts it on the same folder, and connects to it. */
  again(): Promise<Live>;
}

async function withNode(run: (world: Case) => Promise<void>): Promise<void> {
  const data = await mkdtemp(join(tmpdir(), 'callboard-disk-'));
  const trouble = new Trouble();
  let live = await start(data);
  const again = async (): Promise<Live> => {
    await live.end();
    live = await start(data);
    return live;
  };
  try {
    await run({ live, trouble, again });
  } finally {
    trouble.fail();
    trouble.allow(null);
    await live.end();
    await rm(data, { recursive: true, force: true });
  }
}

async function start(data: string): Promise<Live> {
  const flags = {
    data,
    shards: 2,
    memory: 384 * MIB,
    'native.port': 0,
    'kafka.port': 0,
    'admin.port': 0,
    'log.level': 'error',
    'log.format': 'json',
  };
  const machine = { cores: 2, memoryBytes: 1024 * MIB, terminal: false };
  const { settings } = resolveSettings({ flags, machine });
  const node = await runNode(settings, { shardUrl: new URL('./failing-shard.ts', import.meta.url).href });
  const client = await connect({ server: node.native });
  const link = bareLink(node.native);
  const end = async (): Promise<void> => {
    link.close();
    await client.close();
    await node.stop();
  };
  return { client, link, end };
}

/** What the node answers to a lone batch: the code of its refusal, or null. The producer would try again, and hide it. */
async function refusal({ link }: Live, bytes: number): Promise<string | null> {
  const { topics } = await link.call({ call: 'topics' });
  const topic = topics.find(({ name }) => name === 'lone')?.id;
  if (topic === undefined) throw new Error('the topic is there');
  const builder = new BatchBuilder();
  builder.add(Date.now(), null, 'x'.repeat(bytes));
  const part = { topic, partition: id<PartitionIndex>(0), batch: builder.finish(crc32c) };
  const { parts } = await link.call({ call: 'produce', acks: 'all', timeoutMs: 60_000, parts: [part] });
  const [answer] = parts;
  if (answer === undefined) throw new Error('a part is answered');
  return 'fault' in answer ? answer.fault.code : null;
}

/** What the node answers to a reader at the begin of the flow. */
async function readRefusal({ client, link }: Live): Promise<string | null> {
  const { topic } = await client.admin().describeTopic('flow');
  const place = { topic: topic.id, partition: id<PartitionIndex>(0), offset: id<Offset>(0), bytesMax: MIB };
  const sizes = { bytesMin: 1, bytesMax: MIB, waitMs: 60_000 };
  const { parts } = await link.call({ call: 'fetch', session: 0, add: [place], drop: [], ...sizes });
  return parts[0]?.fault?.code ?? null;
}

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

test.serial('a full disk refuses writes by name, reads go on, and room is used again by itself', async (t) => {
  await withNode(async ({ live, trouble, again }) => {
    const { client } = live;
    await client.admin().createTopic('flow', { partitions: PARTITIONS });
    await client.admin().createTopic('lone', { partitions: 1 });
    const { acked, failures, stop } = flow(client, 'flow', PARTITIONS, sizeOf);
    for (let round = 0; round < ROUNDS; round++) {
      await untilGrown({ acked, failures }, 200);
      trouble.allow(64);
      await until(async () => (await refusal(live, 100)) !== null);
      for (const bytes of [100, 100_000]) t.is(await refusal(live, bytes), 'DISK_FULL');
      const reader = client.reader({ topic: 'flow', from: 'begin' });
      t.true((await reader.poll({ max: 100, waitMs: 60_000 })).length > 0, 'reads go on');
      await reader.close();
      trouble.allow(null);
      await untilGrown({ acked, failures }, 50);
    }
    await stop();
    t.deepEqual(failures, [], 'everything was taken in the end');
    await checkAll(t, client, 'flow', acked);
    await checkAll(t, (await again()).client, 'flow', acked);
  });
});

for (const operation of ['write', 'sync'] as const) {
  test.serial(`a disk whose ${operation} answers EIO is named, and nothing acknowledged is lost`, async (t) => {
    await withNode(async ({ live, trouble, again }) => {
      const { client } = live;
      await client.admin().createTopic('flow', { partitions: PARTITIONS });
      await client.admin().createTopic('lone', { partitions: 1 });
      const { acked, failures, stop } = flow(client, 'flow', PARTITIONS, sizeOf);
      for (let round = 0; round < ROUNDS; round++) {
        await untilGrown({ acked, failures }, 200);
        // Who comes when the partition starts again already waits until it has.
        await until(async () => {
          trouble.fail(operation);
          const over = setTimeout(() => trouble.fail(), 1_000);
          const code = await refusal(live, 100);
          clearTimeout(over);
          trouble.fail();
          t.true(code === null || code === 'STORAGE_FAILED', `${code}`);
          return code === 'STORAGE_FAILED';
        });
        await untilGrown({ acked, failures }, 50);
      }
      await stop();
      t.deepEqual(failures, [], 'everything was taken in the end');
      await checkAll(t, client, 'flow', acked);
      await checkAll(t, (await again()).client, 'flow', acked);
    });
  });
}

test.serial('a disk whose reads answer EIO is named to readers, and read again when it can be', async (t) => {
  await withNode(async ({ live, trouble, again }) => {
    const { client } = live;
    await client.admin().createTopic('flow', { partitions: PARTITIONS });
    const { acked, failures, stop } = flow(client, 'flow', PARTITIONS, sizeOf);
    await untilGrown({ acked, failures }, 800);
    await stop();
    // What was just written is in memory: only a node that has started has to read, of partitions that have come back.
    const fresh = await again();
    await fresh.client.admin().describeTopic('flow');
    trouble.fail('read');
    t.is(await readRefusal(fresh), 'STORAGE_FAILED');
    t.true(trouble.failed > 0, 'it had to read');
    trouble.fail();
    await checkAll(t, fresh.client, 'flow', acked);
  });
});
