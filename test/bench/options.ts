/** The command line of the benchmarks → what is to be run. Runs nothing. */
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { thisMachine } from '../../src/config.ts';
import { rules } from '../../src/settings.ts';
import type { Rounds } from './compare.ts';
import { allSeries, LEVELS, type Level, type Series } from './series.ts';

export const HELP = `Usage: npm run bench -- [options]
Without options: all targets and a sample of the grid, in about 25 minutes.

  --quick          the targets alone, in shorter runs: about 7 minutes
  --full           the whole grid: about two hours
  --only TEXT      only series and figures whose name contains TEXT; may be given several times
  --list           their names
  --runs N         counted runs of each side (default 5)
  --seconds N      measured time of a run (default 3 for targets, 1 for others; quick 1); latency takes 2 to 4 times as long
  --shards N       of the broker (default as the node itself chooses; what is measured at rest: 2)
  --scaling        1 and 2 shards side by side, for targets also without it unless --quick or --against
  --against ROOT   another checkout, whose broker takes the place of the ceiling
  --warm GB        written and removed before the start (default 8; quick 0)
  --log GB         of the long log (default 10)
  --data FOLDER    where candidates get their folders (default the system's temporary folder)
  --json FILE      all figures, kept up to date while it runs
  --markdown FILE  pastes the tables between the marks of FILE: <!-- bench:summary -->, <!-- bench:figures -->
  --from FILE      takes the figures of an earlier --json instead of measuring`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    list: { type: 'boolean', default: false },
    runs: { type: 'string' },
    seconds: { type: 'string' },
    shards: { type: 'string' },
    scaling: { type: 'boolean', default: false },
    against: { type: 'string' },
    warm: { type: 'string' },
    log: { type: 'string', default: '10' },
    data: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
    markdown: { type: 'string' },
    from: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const { quick, full, only } = values;
if (quick && full) throw new Error('--quick and --full exclude each other');

function amount(name: 'runs' | 'seconds' | 'shards' | 'warm' | 'log', byDefault: number, least: number): number {
  const given = Number(values[name] ?? byDefault);
  if (!(given >= least)) throw new Error(`--${name} takes a number from ${least} on`);
  return given;
}

const shards = amount('shards', rules.shards.byDefault(thisMachine()), 1);

export const options = {
  isQuick: quick,
  shards,
  /** Of what is measured at rest: its targets are those of two shards. */
  shardsAtRest: amount('shards', 2, 1),
  warmGigabytes: amount('warm', quick ? 0 : 8, 0),
  logGigabytes: amount('log', 10, 0),
  data: values.data,
  against: values.against,
  json: values.json,
  markdown: values.markdown,
  from: values.from,
  isHelp: values.help,
  isList: values.list,
} as const;

export const isWanted = (name: string): boolean => only.length === 0 || only.some((text) => name.includes(text));

/** Shorter runs for what nothing is to be reached of. Before each run there is half a second that does not count. */
export function roundsOf(level: Level): Rounds {
  const isShort = quick || level !== 'targets';
  return { runs: amount('runs', 5, 1), times: { warmSeconds: 0.5, seconds: amount('seconds', isShort ? 1 : 3, 0.1) } };
}

/** Brokers beside the judged one. */
function otherShards(level: Level): readonly number[] {
  const isAsked = values.scaling || ((full || level === 'targets') && !quick && options.against === undefined);
  return isAsked ? [1, 2].filter((count) => count !== shards) : [];
}

function seriesOf(level: Level): Series[] {
  const first =
    options.against === undefined
      ? ({ label: 'ceiling', entrant: { name: 'ceiling', shards } } as const)
      : ({ label: 'other checkout', entrant: { name: 'other', shards } } as const);
  const all = allSeries({ first, shards, otherShards: otherShards(level) });
  return all.filter((series) => series.level === level && isWanted(series.name));
}

/** The targets first. What was asked for by name is found wherever it is, but no further down than needed. */
export function chosenSeries(): Series[] {
  const levels = full ? LEVELS : quick ? LEVELS.slice(0, 1) : LEVELS.slice(0, 2);
  const chosen = levels.flatMap(seriesOf);
  if (chosen.length > 0 || only.length === 0) return chosen;
  return LEVELS.map(seriesOf).find((found) => found.length > 0) ?? [];
}
