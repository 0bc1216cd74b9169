/** `group`: list, describe, reset, delete consumer groups. Lag is what the node counts; "unknown" stays unknown. */
import { Command } from 'commander';
import type { GroupDescription, GroupPartition, ResetPartition } from '../client/admin.ts';
import { ask, withTimeout } from './client.ts';
import { collect, command, globalsOf, print, type Surroundings } from './command.ts';
import { EXIT } from './exit.ts';
import { type Row, table } from './output.ts';
import { POSITION_HELP, parseCount, parsePosition } from './parse.ts';

export function groupCommand(around: Surroundings): Command {
  return new Command('group')
    .description('Look at, reset and delete consumer groups.')
    .addCommand(list(around))
    .addCommand(describe(around))
    .addCommand(reset(around))
    .addCommand(remove(around));
}

function list(around: Surroundings): Command {
  const self = command('list', 'List the groups.', ['callboard group list']);
  return withTimeout(self).action(async (_options: unknown, own: Command) => {
    const groups = await ask(own, around, (client, bounds) => client.admin().listGroups(bounds));
    const sorted = [...groups].sort((a, b) => (a.group < b.group ? -1 : 1));
    print(around, globalsOf(own, around).json, sorted, () =>
      sorted.length === 0
        ? 'There are no groups yet.'
        : table(sorted.map(({ group, state, members }) => ({ group, state, members }))),
    );
  });
}

function describe(around: Surroundings): Command {
  const self = command('describe', 'Show the members of a group and the lag of every partition.', [
    'callboard group describe billing',
  ]).argument('<group>');
  return withTimeout(self).action(async (group: string, _options: unknown, own: Command) => {
    const answer = await ask(own, around, (client, bounds) => client.admin().describeGroup(group, bounds));
    print(around, globalsOf(own, around).json, answer, () => describeText(answer));
  });
}

function describeText({ group, state, epoch, assignor, members, partitions }: GroupDescription): string {
  const head = `${group}: ${state}, epoch ${epoch}, assignor ${assignor}`;
  const known = partitions.flatMap(({ lag }) => (lag === 'unknown' ? [] : [lag.messages]));
  const unknown = partitions.length - known.length;
  const total = known.reduce((sum, one) => sum + one, 0);
  const lag = `lag ${total} messages${unknown === 0 ? '' : `, unknown for ${unknown} partitions`}`;
  const who = table(
    members.map((member) => ({
      member: member.member,
      instance: member.instance ?? '',
      client: member.client,
      epoch: member.epoch,
      partitions: member.owned.length,
      topics: member.topics.join(','),
    })),
  );
  return [head, lag, '', who === '' ? 'no members' : who, '', table(partitions.map(partitionRow))].join('\n').trimEnd();
}

const partitionRow = ({ topic, partition, committed, begin, end, member, lag }: GroupPartition): Row => ({
  topic,
  partition,
  committed: committed < 0 ? 'none' : String(committed),
  begin,
  end,
  lag: lag === 'unknown' ? 'unknown' : String(lag.messages),
  bytes: lag === 'unknown' ? 'unknown' : String(lag.bytes),
  seconds: lag === 'unknown' ? 'unknown' : lag.seconds.toFixed(1),
  member,
});

interface ResetOptions {
  readonly topic: string;
  readonly partition: readonly string[];
  readonly to: string;
  readonly dryRun?: boolean;
}

function reset(around: Surroundings): Command {
  const self = command('reset', 'Move the committed offsets of a group that has no members.', [
    'callboard group reset billing --topic orders --to beginning --dry-run',
    'callboard group reset billing --topic orders --partition 3 --to 1200',
    'callboard group reset billing --topic orders --to 2h',
  ])
    .argument('<group>')
    .requiredOption('--topic <name>', 'topic whose offsets move')
    .option('--partition <number>', 'only this partition, several times', collect, [])
    .requiredOption('--to <position>', POSITION_HELP)
    .option('--dry-run', 'only show what would be');
  return withTimeout(self).action(async (group: string, options: ResetOptions, own: Command) => {
    const to = parsePosition(options.to, Date.now());
    const chosen = options.partition.map((one) => parseCount(one, 0, 'partition'));
    const dryRun = options.dryRun === true;
    const parts = await ask(own, around, (client, bounds) => {
      const partitions = chosen.length === 0 ? {} : { partitions: chosen };
      return client.admin().resetGroup(group, options.topic, to, { ...partitions, dryRun, ...bounds });
    });
    print(around, globalsOf(own, around).json, parts.map(resetJson), () => resetText(parts, dryRun));
    if (parts.some((part) => part.error !== undefined)) around.ends(EXIT.refused);
  });
}

const resetJson = ({ error, ...part }: ResetPartition): object =>
  error === undefined ? part : { ...part, error: { code: error.code, message: error.message, hint: error.hint } };

function resetText(parts: readonly ResetPartition[], dryRun: boolean): string {
  const rows = parts.map(({ topic, partition, from, to, error }) => ({
    topic,
    partition,
    from: from < 0 ? 'none' : String(from),
    to: error === undefined ? String(to) : `${error.code}: ${error.message}`,
  }));
  return `${table(rows)}${dryRun ? '\nNothing was changed: this was a dry run.' : ''}`;
}

function remove(around: Surroundings): Command {
  const self = command('delete', 'Forget groups that have no members, with their offsets.', [
    'callboard group delete billing',
  ]).argument('<groups...>');
  return withTimeout(self).action(async (groups: readonly string[], _options: unknown, own: Command) => {
    await ask(own, around, async (client, bounds) => {
      for (const group of groups) {
        await client.admin().deleteGroup(group, bounds);
        print(around, globalsOf(own, around).json, { deleted: group }, () => `Deleted ${group}.`);
      }
    });
  });
}
