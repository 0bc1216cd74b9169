/**
 * Requests and answers as large as their limits allow, between shards. Known to fail: a message's fields must fit into
 * half a ring, and an assertion ends the actor whose fields do not. To be made ordinary tests with the repair.
 */
import test from 'ava';
import { COMMIT_METADATA_CHARS_MAX } from '../../src/model/limits.ts';
import { codeOf, Hostile } from './hostile.ts';
import { attacks, SMALL, targetOf } from './target.ts';

const target = targetOf(test);
/** Enough names that some are looked after by the other shard. */
const GROUPS = ['a', 'b', 'c', 'd', 'e', 'f'];

test.serial.failing(
  'a commit as large as a request may be is answered, whatever shard looks after its group',
  attacks(target, SMALL, async (t, { port }) => {
    const hostile = await Hostile.greeted(port);
    const made = await hostile.ask('createTopic', { name: 'places', partitions: 240, settings: { engine: 'memory' } });
    const { id: topic } = made.fields.topic as { readonly id: number };
    const metadata = 'm'.repeat(COMMIT_METADATA_CHARS_MAX);
    const offsets = Array.from({ length: 240 }, (_, partition) => ({ topic, partition, offset: 1, metadata }));
    try {
      for (const group of GROUPS)
        t.is(codeOf(await hostile.ask('commit', { group, member: '', epoch: -1, offsets })), '', group);
    } finally {
      const other = await Hostile.greeted(port);
      await other.ask('deleteTopic', { name: 'places' });
      await other.close();
    }
  }),
);
