/**
 * The door of a shard as src/shard.ts has it, over whatever disk a test has put here, and with journal files so small that
 * they are used again all the time. For nodes of one shard, which runs in the thread of the test.
 */
import type { NodeInit } from '../../actors/node.ts';
import type { Disk } from '../../runtime/ports.ts';
import type { Compose } from '../../runtime/shard-host.ts';
import { MIB } from '../../src/model/limits.ts';
import { compose as composeShard } from '../../src/shard.ts';

/** The node imports this file by its URL and hands it nothing of the test's: so the test leaves it here. */
export const plugged = { disk: (disk: Disk): Disk => disk };

export const compose: Compose = (init, where) => {
  const composed = composeShard(init, where);
  const small: NodeInit = { ...(composed.init as NodeInit), journalFileBytes: 2 * MIB };
  return { ...composed, init: small, disk: plugged.disk };
};
