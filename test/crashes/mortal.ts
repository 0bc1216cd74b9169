/**
 * The process of a node that is to be killed: the real node with a traitor inside its threads, which its parent orders
 * about. Started with the settings as one JSON argument; says `ready` once it takes requests.
 */
import { resolveSettings, thisMachine } from '../../src/config.ts';
import { runNode } from '../../src/node.ts';
import { Saboteur } from '../node/sabotage.ts';

export type Order = 'exit' | 'throwUncaught' | 'crashPartition' | 'crashCoordinator';

const flags = JSON.parse(process.argv[2] ?? '{}') as Record<string, unknown>;
const { settings } = resolveSettings({ flags, machine: thisMachine() });
const saboteur = new Saboteur(settings.shards);
const shardUrl = new URL('../node/sabotaged-shard.ts', import.meta.url).href;
const node = await runNode(settings, { shardUrl });

process.on('message', (order: Order | 'stop') => {
  if (order === 'stop') void node.stop().then(() => process.disconnect?.());
  else if (order === 'crashPartition' || order === 'crashCoordinator') saboteur.actor(order);
  else saboteur.shard(settings.shards - 1, order);
});
process.send?.('ready');
