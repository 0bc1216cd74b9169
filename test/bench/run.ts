/**
 * `npm run bench`: runs the series and what is measured at rest, and prints tables and JSON. It judges no test: figures of a
 * shared machine are compared only within one run, as ratios of what ran alternately.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compare, type SeriesResult } from './compare.ts';
import { fdatasyncMs, machineText, warmDisk } from './machine.ts';
import { missesOf, seriesTable, standingTable } from './report.ts';
import { allSeries } from './series.ts';
import { type Row, standing } from './standing.ts';

const HELP = `Usage: npm run bench -- [options]
  --quick          only the series with a target, shorter and fewer runs
  --only TEXT      only series and figures whose name contains TEXT; may be given several times
  --runs N         counted runs of each side (default 5; quick 3)
  --seconds N      measured time of a run (default 4; quick 2)
  --shards N       of the broker (default 2)
  --warm GB        written and removed before the start (default 8; quick 0)
  --log GB         of the long log (default 10)
  --data FOLDER    where candidates get their folders (default the system's temporary folder)
  --against ROOT   another checkout, whose broker takes the place of the ceiling
  --json FILE      all figures
  --list           names of the series`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    runs: { type: 'string' },
    seconds: { type: 'string' },
    shards: { type: 'string', default: '2' },
    warm: { type: 'string' },
    log: { type: 'string', default: '10' },
    data: { type: 'string', default: tmpdir() },
    against: { type: 'string' },
    json: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const { quick: isQuick, only, against } = values;
const runs = Number(values.runs ?? (isQuick ? 3 : 5));
const seconds = Number(values.seconds ?? (isQuick ? 2 : 4));
const shards = Number(values.shards);

/** One line that is written over on a terminal, a line each elsewhere. */
function progress(text: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
}

const wanted = (name: string): boolean => only.length === 0 || only.some((text) => name.includes(text));

function chosenSeries(): ReturnType<typeof allSeries> {
  const chosen = allSeries().filter(({ name, isQuick: isOfQuick }) => wanted(name) && (!isQuick || isOfQuick));
  if (against === undefined) return chosen;
  return chosen.map((series) => ({
    ...series,
    sides: series.sides.map((side) =>
      side.candidate === 'ceiling' ? { ...side, candidate: 'other' as const, label: 'other checkout' } : side,
    ),
  }));
}

async function bench(below: string): Promise<void> {
  const began = new Date();
  const options = { below, shards, ...(against === undefined ? {} : { otherRoot: against }) };
  progress('warming the disk');
  warmDisk(below, Number(values.warm ?? (isQuick ? 0 : 8)));
  const syncs = [fdatasyncMs(below)];
  const results: SeriesResult[] = [];
  for (const series of chosenSeries()) {
    const times = { warmSeconds: Math.min(1, seconds / 2), seconds };
    results.push(await compare(series, options, { times, runs, progress }));
    syncs.push(fdatasyncMs(below));
  }
  const logGigabytes = Number(values.log);
  const rows = await standing({ candidate: options, runs, isQuick, logGigabytes, progress }, wanted);
  progress('');
  print({ began, results, rows, syncMs: syncs.toSorted((a, b) => a - b)[syncs.length >> 1] ?? Number.NaN });
}

interface Figures {
  readonly began: Date;
  readonly results: readonly SeriesResult[];
  readonly rows: readonly Row[];
  /** Median fdatasync of the machine during the run, ms. */
  readonly syncMs: number;
}

function print({ began, results, rows, syncMs }: Figures): void {
  const machine = machineText();
  console.log(`${machine}; ${began.toISOString()}; ${shards} shards; ${runs} runs of ${seconds} s, alternating`);
  console.log(`median fdatasync after 4 KiB during the run: ${syncMs.toFixed(2)} ms\n`);
  if (results.length > 0) console.log(seriesTable(results));
  if (rows.length > 0) console.log(`\n${standingTable(rows)}`);
  const misses = missesOf(results, rows, syncMs);
  console.log(misses.length === 0 ? '\nevery target was reached' : `\nmissed:\n${misses.join('\n')}`);
  if (values.json !== undefined) {
    const figures = { machine, began, shards, runs, seconds, syncMs, results, rows, misses };
    writeFileSync(values.json, `${JSON.stringify(figures, null, 1)}\n`);
  }
}

if (values.help) console.log(HELP);
else if (values.list) for (const { name } of chosenSeries()) console.log(name);
else {
  const below = mkdtempSync(join(values.data, 'bench-'));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  process.once('exit', () => rmSync(below, { recursive: true, force: true }));
  await bench(below);
}
