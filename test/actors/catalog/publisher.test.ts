/** What the catalog's publisher tells those who wait for directories, also when there is none that lives. */
import test from 'ava';
import { Publisher } from '../../../actors/catalog/publisher.ts';
import { directoryAddress } from '../../../actors/directory/contract.ts';
import type { Address, Context } from '../../../runtime/actor.ts';
import { id, type NodeId } from '../../../src/model/ids.ts';

test('who waits goes on when the only directory goes down', (t) => {
  const node = id<NodeId>(1);
  const context = { node, shards: 1, watch: () => {}, send: () => 'sent' } as unknown as Context<never>;
  const publisher = new Publisher(context, () => null);
  const directory: Address<never> = { node, name: directoryAddress(node, 0).name, incarnation: 7 };
  publisher.begin([], 64);
  publisher.subscribe(0, directory as Address);
  let applied = 0;
  for (let each = 0; each < 2; each++) publisher.whenApplied(() => applied++);
  t.is(applied, 0);
  publisher.down(directory as Address);
  t.is(applied, 2);
  t.true(publisher.idle);
});
