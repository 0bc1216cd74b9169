/** A node in this process, and a bare connection to it: what power cuts need to load and to question. Judges nothing. */
import { resolveSettings } from '../../src/config.ts';
import { Link } from '../../src/edges/client/link.ts';
import type { ServerAddress } from '../../src/edges/client/ports.ts';
import { systemClock, systemRandom } from '../../src/edges/client/system.ts';
import { tcp } from '../../src/edges/client/tcp.ts';
import { MIB } from '../../src/model/limits.ts';
import { type RunningNode, runNode } from '../../src/node.ts';

export interface Loaded {
  readonly node: RunningNode;
  readonly link: Link;
  end(): Promise<void>;
}

export async function startOn(data: string, shards: number): Promise<Loaded> {
  const flags = {
    data,
    shards,
    memory: 384 * MIB,
    'native.port': 0,
    'kafka.port': 0,
    'admin.port': 0,
    'log.level': 'error',
    'log.format': 'json',
    'topics.autoCreate': false,
  };
  const { settings } = resolveSettings({ flags, machine: { cores: shards, memoryBytes: 1024 * MIB, terminal: false } });
  const node = await runNode(settings, {
    shardUrl: new URL('./recorded-shard.ts', import.meta.url).href,
    here: shards === 1,
  });
  const link = bareLink(node.native);
  const end = async (): Promise<void> => {
    link.close();
    await node.stop();
  };
  return { node, link, end };
}

/** Asks what it is told and hides no answer. */
export function bareLink(server: ServerAddress): Link {
  return new Link({
    world: { transport: tcp, clock: systemClock, random: systemRandom },
    servers: [server],
    clientId: 'judge',
    connectTimeoutMs: 60_000,
    requestTimeoutMs: 60_000,
    backoff: {},
  });
}
