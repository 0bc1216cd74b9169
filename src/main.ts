/**
 * The door: hands the command line what it may not import itself. The node's own composition is node.ts, that of each
 * of its threads shard.ts.
 */
import { lockHolder } from '../runtime/lock.ts';
import { loadSettings, settingsInForce } from './config.ts';
import { cli, type Doors } from './edges/cli/index.ts';
import { settingDescriptions } from './settings.ts';
import { VERSION } from './version.ts';

const doors: Doors = {
  version: VERSION,
  settings: settingDescriptions,
  settingsInForce: ({ settings, config }) => settingsInForce(loadSettings(settings, process.env, config)),
  holderOf: lockHolder,
  startNode: async ({ settings, config }) => {
    const checked = loadSettings(settings, process.env, config).settings;
    // Only here: other commands have no use for a whole node, and start faster without.
    const { runNode } = await import('./node.ts');
    return runNode(checked);
  },
};

process.exitCode = await cli(process.argv.slice(2), doors);
