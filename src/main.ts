/**
 * The door: hands the command line what it may not import itself. The node's own composition is node.ts, that of each
 * of its threads shard.ts.
 */
import { lockHolder } from '../runtime/lock.ts';
import { loadSettings, settingsInForce } from './config.ts';
import { cli, type Doors } from './edges/cli/index.ts';
import { runNode, version } from './node.ts';
import { settingDescriptions } from './settings.ts';

const doors: Doors = {
  version: await version(),
  settings: settingDescriptions,
  settingsInForce: ({ settings, config }) => settingsInForce(loadSettings(settings, process.env, config)),
  holderOf: lockHolder,
  startNode: ({ settings, config }) => runNode(loadSettings(settings, process.env, config).settings),
};

process.exitCode = await cli(process.argv.slice(2), doors);
