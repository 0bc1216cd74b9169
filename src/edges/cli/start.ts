/** `start`: starts a node, says what it is and what an ack promises, and stops it in order. Knows nodes only by the door. */
import type { Command } from 'commander';
import { command, print, type Surroundings } from './command.ts';
import type { Doors, RunningNode, StartFlags } from './doors.ts';
import { CommandError, EXIT } from './exit.ts';

export function startCommand(around: Surroundings): Command {
  const start = command('start', 'Start a node and serve until Ctrl-C or SIGTERM.', [
    'callboard start',
    'callboard start --data /var/lib/callboard --shards 4',
    'CALLBOARD_NATIVE_PORT=7700 callboard start --config callboard.yaml',
  ]);
  return withSettings(start, around.doors).action(async (_options: unknown, self: Command) => {
    await serve(around, flagsOf(self, around.doors), self.optsWithGlobals<{ json?: boolean }>().json === true);
  });
}

/** Adds a flag for every setting. */
export function withSettings(target: Command, doors: Doors): Command {
  target.option('--config <file>', 'settings file in YAML (default: callboard.yaml where there is one)');
  for (const { flag, description, defaultText, isSwitch } of doors.settings)
    target.option(isSwitch ? flag : `${flag} <value>`, `${description} (default: ${defaultText})`);
  return target.addHelpText(
    'after',
    '\nEvery flag is also a key of the settings file and an environment variable: --native-port, native.port,\nCALLBOARD_NATIVE_PORT. Flags win over the environment, the environment over the file. See "callboard config".',
  );
}

export function flagsOf(self: Command, { settings }: Doors): StartFlags {
  const given = self.opts<Record<string, unknown>>();
  const flags = settings.flatMap(({ key, flag }): [string, unknown][] => {
    const option = self.options.find((one) => one.long === flag);
    const value = option === undefined ? undefined : given[option.attributeName()];
    return value === undefined ? [] : [[key, value]];
  });
  const config = given.config;
  return { settings: Object.fromEntries(flags), ...(typeof config === 'string' ? { config } : {}) };
}

const LOOK = 'See its log above.';
const reason = (error: Error | null): string => (error === null ? '' : `: ${error.message}`);

async function serve(around: Surroundings, flags: StartFlags, json: boolean): Promise<void> {
  const { doors, console, interrupted } = around;
  const asked = new Promise<'asked'>((resolve) => interrupted.addEventListener('abort', () => resolve('asked')));
  const node = await doors.startNode(flags);
  const { stop, ended, ...facts } = node;
  print(around, json, { version: doors.version, ...facts }, () => banner(doors.version, node));
  const early = interrupted.aborted ? 'asked' : await Promise.race([asked, ended]);
  if (early !== 'asked') throw new CommandError(EXIT.failed, `the node has ended by itself${reason(early)}`, LOOK);
  if (!json) console.errors.write('Stopping: what is in flight is answered first. Ctrl-C again stops at once.\n');
  await node.stop();
  await ended;
  if (!json) console.errors.write('Stopped.\n');
}

function banner(version: string, node: RunningNode): string {
  const shards = node.shards === 1 ? '1 shard' : `${node.shards} shards`;
  const native = `${node.native.host}:${node.native.port}`;
  const kafka = node.kafka === null ? '' : `, ${node.kafka.host}:${node.kafka.port} (Kafka)`;
  const elsewhere = native === '127.0.0.1:7625' ? '' : ` --server ${native}`;
  return `Callboard ${version}: one node, ${shards}, Node ${process.versions.node}
  clients  ${native} (native protocol)${kafka}
  admin    http://${node.admin.host}:${node.admin.port} (/health/live, /health/ready, /metrics)
  data     ${node.folder} (${node.storage === 'direct' ? 'written directly' : 'written through the page cache'})
  an ack   ${promise(node)}

Try in another terminal:
  npx callboard pub orders "hello"${elsewhere}
  npx callboard sub orders --from beginning${elsewhere}
`;
}

/** What the defaults of new topics promise. */
function promise({ engine, durability, flushIntervalMs }: RunningNode): string {
  if (engine === 'memory') return 'means that the record is in memory; topics are gone when the node ends';
  if (durability === 'fsync')
    return 'means that the record is on disk, fsynced (topics, and defaults altered since, can say otherwise)';
  return `means that the disk has been handed the record; it is fsynced within ${flushIntervalMs} ms`;
}
