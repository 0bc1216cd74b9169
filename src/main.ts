/**
 * The door: hands the command line what it may not import itself. The node's own composition is node.ts, that of each
 * of its threads shard.ts.
 */
import { loadSettings, settingsInForce } from './config.ts';
import { cli, type Doors } from './edges/cli/index.ts';
import { settingDescriptions } from './settings.ts';
import { VERSION } from './version.ts';

const doors: Doors = {
  version: VERSION,
  settings: settingDescriptions,
  settingsInForce: async ({ settings, config }) => settingsInForce(await loadSettings(settings, process.env, config)),
  // What only some commands have a use for is imported by them: the others start faster without.
  holderOf: async (folder) => (await import('../runtime/lock.ts')).lockHolder(folder),
  startNode: async ({ settings, config }) => {
    const checked = (await loadSettings(settings, process.env, config)).settings;
    const { runNode } = await import('./node.ts');
    const node = await runNode(checked);
    (await import('../runtime/engine.ts')).tuneEngine();
    return node;
  },
};

process.exitCode = await cli(process.argv.slice(2), doors);
