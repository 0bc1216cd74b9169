/** A node that a file of tests has for itself: in this process for calls by hand, in one of its own for groups of clients. */
import test from 'ava';
import { type Client, connect } from '../../../src/edges/client/index.ts';
import { type RunningNode, startNode } from '../../../src/node.ts';
import { TestNode } from '../../node/harness.ts';
import { Wire } from './wire.ts';

interface Ending {
  teardown(run: () => void): void;
}

/** @param settings beside its engine, which is memory. */
export function nodeByHand(settings: Parameters<typeof startNode>[0] = {}) {
  let node: RunningNode;
  test.before(async () => {
    node = await startNode({ engine: 'memory', 'topics.partitions': 2, ...settings });
  });
  test.after.always(() => node?.stop());
  return {
    get node(): RunningNode {
      return node;
    },
    async wire(t: Ending): Promise<Wire> {
      const opened = await Wire.connect(node.kafka?.port ?? 0);
      t.teardown(() => opened.end());
      return opened;
    },
  };
}

/** Of the topics of groups. */
export const PARTITIONS = 4;
/** 25 ms apart. Looks are counted, not time: a machine that stands still meanwhile is nobody's fault. */
export const LOOKS_MAX = 3_000;

export function nodeOfGroups() {
  let node: TestNode;
  let client: Client;
  test.before(async () => {
    const flags = ['--topics-partitions', String(PARTITIONS), '--log-level', 'warn'];
    node = await TestNode.start({ shards: 2, flags });
    client = await connect({ server: node.server });
  });
  test.after.always(async () => {
    await client?.close();
    await node?.dispose();
  });
  return {
    get node(): TestNode {
      return node;
    },
    get client(): Client {
      return client;
    },
  };
}
