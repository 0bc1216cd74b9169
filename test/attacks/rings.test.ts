/** Requests and answers as large as their limits allow, between shards: longer than any record of a ring. */
import test, { type ExecutionContext } from 'ava';
import { COMMIT_METADATA_CHARS_MAX } from '../../src/model/limits.ts';
import { codeOf, Hostile, partsOf } from './hostile.ts';
import { attacks, type Target, targetOf } from './target.ts';

const target = targetOf(test);
/** Enough names that some are looked after by the other shard. */
const GROUPS = ['a', 'b', 'c', 'd', 'e', 'f'];

/** Commits with as much metadata as is allowed, for so many places at a time, and reads them back at once. */
async function commitAndRead(t: ExecutionContext, { port }: Target, atATime: number): Promise<void> {
  const hostile = await Hostile.greeted(port);
  const made = await hostile.ask('createTopic', { name: 'places', partitions: 240, settings: { engine: 'memory' } });
  const { id: topic } = made.fields.topic as { readonly id: number };
  const metadata = 'm'.repeat(COMMIT_METADATA_CHARS_MAX);
  const offsets = Array.from({ length: 240 }, (_, partition) => ({ topic, partition, offset: 1, metadata }));
  try {
    for (const group of GROUPS) {
      for (let next = 0; next < offsets.length; next += atATime) {
        const some = offsets.slice(next, next + atATime);
        t.is(codeOf(await hostile.ask('commit', { group, member: '', epoch: -1, offsets: some })), '', group);
      }
      t.is(partsOf(await hostile.ask('committed', { group })).length, 240, group);
    }
  } finally {
    const other = await Hostile.greeted(port);
    for (const group of GROUPS) await other.ask('deleteGroup', { group });
    await other.ask('deleteTopic', { name: 'places' });
    await other.close();
  }
}

test.serial(
  'a commit as large as a request may be is answered, whatever shard looks after its group',
  attacks(target, { peakMib: 128, leftMib: 128 }, (t, on) => commitAndRead(t, on, 240)),
);

test.serial(
  'a group with much to tell is told of, whatever shard looks after it',
  attacks(target, { peakMib: 128, leftMib: 128 }, (t, on) => commitAndRead(t, on, 30)),
);
