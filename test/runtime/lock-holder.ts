/** A process that tries to lock the folder given, says how that went, and stays: the other side of the lock's tests. */

import { NodeClock } from '../../runtime/clock.ts';
import { openFolder } from '../../runtime/folder.ts';
import { NodeRandom } from '../../runtime/random.ts';

const folder = process.argv[2] as string;
try {
  await openFolder(folder, { nodeId: 1 }, { clock: new NodeClock(), random: new NodeRandom() });
  process.stdout.write('held\n');
} catch (error) {
  process.stdout.write(`${(error as Error).message}\n`);
}
setInterval(() => {}, 60_000);
