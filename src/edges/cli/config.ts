/** `config`: prints the settings that a start would use, and where each comes from. Starts nothing. */
import type { Command } from 'commander';
import { command, print, type Surroundings } from './command.ts';
import { table } from './output.ts';
import { flagsOf, withSettings } from './start.ts';

export function configCommand(around: Surroundings): Command {
  const config = command('config', 'Show the settings in force and where each comes from.', [
    'callboard config',
    'callboard config --config callboard.yaml --shards 4',
    'callboard config --json',
  ]);
  return withSettings(config, around.doors).action(async (_options: unknown, self: Command) => {
    const inForce = await around.doors.settingsInForce(flagsOf(self, around.doors));
    const json = self.optsWithGlobals<{ json?: boolean }>().json === true;
    const values = inForce.map(({ key, value, from, where }) => ({ key, value, from, where }));
    print(around, json, values, () =>
      table(inForce.map(({ key, text, where }) => ({ setting: key, value: text, from: where }))),
    );
  });
}
