/** The door of a shard as src/shard.ts has it, over a disk that fails on a word from the test. All else is the real node. */
import type { Compose } from '../../runtime/shard-host.ts';
import { compose as composeShard } from '../../src/shard.ts';
import { failingDisk } from './failing-disk.ts';

export const compose: Compose = (init, where) => ({ ...composeShard(init, where), disk: failingDisk });
