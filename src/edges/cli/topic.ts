/** `topic`: create, list, describe, alter, delete. Says what the node answered; checks names of settings before it asks. */
import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import type { Topic, TopicSettings } from '../../model/topic.ts';
import type { DescribeTopicReply } from '../../protocols/request.ts';
import { ask, withTimeout } from './client.ts';
import { collect, command, globalsOf, print, type Surroundings } from './command.ts';
import { CommandError, EXIT, usage } from './exit.ts';
import { type Row, table } from './output.ts';
import { parseCount, parseTopicSettings } from './parse.ts';

export function topicCommand(around: Surroundings): Command {
  return new Command('topic')
    .description('Create, look at, change and delete topics.')
    .addCommand(create(around))
    .addCommand(list(around))
    .addCommand(describe(around))
    .addCommand(alter(around))
    .addCommand(remove(around));
}

interface ChangeOptions {
  readonly partitions?: string;
  readonly set: readonly string[];
}
/** What `create` and `alter` send. */
interface Change {
  readonly partitions?: number;
  readonly settings: Partial<TopicSettings>;
}

const withChange = (target: Command): Command =>
  target
    .option('--partitions <number>', 'number of partitions')
    .option(
      '--set <name=value>',
      'a setting, several times: durability=interval, retentionMs=7d, engine=memory',
      collect,
      [],
    );

function changeOf({ partitions, set }: ChangeOptions): Change {
  const settings: Partial<TopicSettings> = parseTopicSettings(set);
  return partitions === undefined
    ? { settings }
    : { settings, partitions: parseCount(partitions, 1, 'number of partitions') };
}

function create(around: Surroundings): Command {
  const self = command('create', 'Create a topic.', [
    'callboard topic create orders --partitions 8',
    'callboard topic create clicks --set durability=interval --set retentionMs=2d',
  ]).argument('<name>');
  return withTimeout(withChange(self)).action(async (name: string, options: ChangeOptions, own: Command) => {
    const change = changeOf(options);
    const topic = await ask(own, around, (client, bounds) =>
      client.admin().createTopic(name, { ...change, ...bounds }),
    );
    print(around, globalsOf(own, around).json, topic, () => `Created ${name} with ${partitionsOf(topic)}.`);
  });
}

function list(around: Surroundings): Command {
  const self = command('list', 'List the topics.', ['callboard topic list', 'callboard topic list --json']);
  return withTimeout(self).action(async (_options: unknown, own: Command) => {
    const topics = await ask(own, around, (client, bounds) => client.admin().listTopics(bounds));
    const sorted = [...topics].sort((a, b) => (a.name < b.name ? -1 : 1));
    print(around, globalsOf(own, around).json, sorted, () =>
      sorted.length === 0 ? 'There are no topics yet.' : table(sorted.map(summaryRow)),
    );
  });
}

function describe(around: Surroundings): Command {
  const self = command('describe', 'Show the settings and partitions of a topic.', [
    'callboard topic describe orders',
  ]).argument('<name>');
  return withTimeout(self).action(async (name: string, _options: unknown, own: Command) => {
    const answer = await ask(own, around, (client, bounds) => client.admin().describeTopic(name, bounds));
    print(around, globalsOf(own, around).json, answer, () => describeText(answer));
  });
}

function alter(around: Surroundings): Command {
  const self = command('alter', 'Change settings of a topic, or give it more partitions.', [
    'callboard topic alter orders --partitions 16',
    'callboard topic alter orders --set retentionMs=30d',
  ]).argument('<name>');
  return withTimeout(withChange(self)).action(async (name: string, options: ChangeOptions, own: Command) => {
    const change = changeOf(options);
    if (change.partitions === undefined && options.set.length === 0)
      throw usage('nothing to change', 'Give --partitions or --set.');
    const topic = await ask(own, around, (client, bounds) => client.admin().alterTopic(name, { ...change, ...bounds }));
    print(around, globalsOf(own, around).json, topic, () => `Changed ${name}: ${partitionsOf(topic)}.`);
  });
}

function remove(around: Surroundings): Command {
  const self = command('delete', 'Delete topics with everything in them.', [
    'callboard topic delete orders',
    'callboard topic delete orders clicks --yes',
  ])
    .argument('<names...>')
    .option('--yes', 'do not ask, even on a terminal');
  return withTimeout(self).action(async (names: readonly string[], options: { yes?: boolean }, own: Command) => {
    if (!options.yes) await confirm(around, `Delete ${names.join(', ')} with everything in it?`);
    await ask(own, around, async (client, bounds) => {
      for (const name of names) {
        await client.admin().deleteTopic(name, bounds);
        print(around, globalsOf(own, around).json, { deleted: name }, () => `Deleted ${name}.`);
      }
    });
  });
}

/** Asks on a terminal; without one whoever wrote the script has decided. */
async function confirm({ console, signal }: Surroundings, question: string): Promise<void> {
  if (!console.input.isTTY || !console.errors.isTTY) return;
  const terminal = createInterface({ input: console.input, output: console.errors });
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal });
    if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError(EXIT.failed, 'nothing was deleted');
  } finally {
    terminal.close();
  }
}

const partitionsOf = ({ partitions }: Topic): string =>
  partitions.length === 1 ? '1 partition' : `${partitions.length} partitions`;

const summaryRow = ({ name, partitions, settings }: Topic): Row => ({
  topic: name,
  partitions: partitions.length,
  engine: settings.engine,
  durability: settings.engine === 'memory' ? 'none' : settings.durability,
  retention: settings.retentionMs < 0 ? 'for ever' : `${Math.round(settings.retentionMs / 3_600_000)} h`,
});

function describeText({ topic, partitions }: Omit<DescribeTopicReply, 'call'>): string {
  const settings = Object.entries(topic.settings).map(([name, value]) => `  ${name.padEnd(20)} ${value}`);
  const rows = partitions.map((part): Row => {
    if ('fault' in part)
      return { ...EMPTY_ROW, partition: part.partition, state: `${part.fault.code}: ${part.fault.message}` };
    const { partition, begin, end, durable, bytes, segments, damaged } = part;
    const ranges = damaged.map(([first, last]) => `${first}..${last}`).join(', ');
    return { partition, begin, end, durable, bytes, segments, state: ranges === '' ? 'ok' : `damaged at ${ranges}` };
  });
  return [`${topic.name}, created ${new Date(topic.createdAt).toISOString()}`, ...settings, '', table(rows)].join('\n');
}
const EMPTY_ROW = { partition: 0, begin: '?', end: '?', durable: '?', bytes: '?', segments: '?', state: '' };
