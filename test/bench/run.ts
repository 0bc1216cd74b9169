/**
 * `npm run bench`: runs the series and what is measured at rest, and prints tables. It judges no test: figures of a shared
 * machine are compared only within one run, as ratios of what ran alternately. What was measured is told however it ends.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compare, plannedSeconds } from './compare.ts';
import { Field } from './field.ts';
import { fdatasyncTimes, machineText, needDisk, warmDisk } from './machine.ts';
import { chosenSeries, HELP, isWanted, options, roundsOf } from './options.ts';
import { checkMarks, pasteInto } from './paste.ts';
import { Progress } from './progress.ts';
import { type Figures, figuresText, summaryText } from './report.ts';
import type { Series } from './series.ts';
import { allStanding, type Standing } from './standing.ts';
import { percentiles } from './stats.ts';

/** What one run of the fastest series writes, and more: its topic goes before the next one comes. */
const LOAD_GIGABYTES = 15;
const WARM_GIGABYTES_PER_SECOND = 1;

class Bench {
  readonly #series = chosenSeries();
  readonly #standing: readonly Standing[];
  readonly #progress: Progress;
  readonly #field: Field;
  readonly #below: string;
  readonly #began = new Date();
  readonly #syncs: number[] = [];
  readonly #results: Figures['results'][number][] = [];
  readonly #rows: Figures['rows'][number][] = [];
  readonly #failures: string[] = [];
  #left: number;

  /** @param below where folders are made. */
  constructor(below: string) {
    this.#below = below;
    const candidate = { below, ...(options.against === undefined ? {} : { otherRoot: options.against }) };
    this.#field = new Field({ ...candidate, shards: options.shards });
    this.#standing = allStanding({
      candidate: { ...candidate, shards: options.shardsAtRest },
      runs: roundsOf('targets').runs,
      logGigabytes: options.logGigabytes,
    }).filter(({ name, isQuick }) => isWanted(name) && (isQuick || !options.isQuick));
    const seconds = [
      options.warmGigabytes / WARM_GIGABYTES_PER_SECOND,
      ...this.#series.map((series) => plannedSeconds(series, roundsOf(series.level))),
      ...this.#standing.map((one) => one.plannedSeconds),
    ];
    this.#progress = new Progress(seconds.reduce((sum, one) => sum + one, 0));
    this.#left = this.#series.length + this.#standing.length;
  }

  async run(): Promise<void> {
    needDisk(this.#below, LOAD_GIGABYTES + Math.max(options.warmGigabytes, options.logGigabytes));
    this.#progress.step('warming the disk', options.warmGigabytes / WARM_GIGABYTES_PER_SECOND);
    warmDisk(this.#below, options.warmGigabytes);
    this.#syncs.push(...fdatasyncTimes(this.#below));
    let family = '';
    for (const series of this.#series) {
      if (series.family !== family) await this.#field.clear();
      family = series.family;
      await this.#compare(series);
    }
    await this.#field.clear();
    for (const standing of this.#standing) await this.#stand(standing);
    this.#progress.end();
  }

  /** What there is until now. */
  get figures(): Figures {
    const { shards } = options;
    const rounds = [...new Set(this.#results.map(({ runs, seconds }) => `${runs} runs of ${seconds} s`))];
    return {
      machine: machineText(),
      began: this.#began.toISOString(),
      minutes: (Date.now() - this.#began.getTime()) / 60_000,
      missing: this.#left,
      options: `${shards === 1 ? '1 shard' : `${shards} shards`}${rounds.length === 0 ? '' : `; ${rounds.join(' or ')}, alternating`}`,
      syncMs: percentiles(new Float64Array(this.#syncs)),
      results: this.#results,
      rows: this.#rows,
      failures: this.#failures,
    };
  }

  async #compare(series: Series): Promise<void> {
    this.#syncs.push(...fdatasyncTimes(this.#below));
    try {
      this.#results.push(await compare(series, this.#field, roundsOf(series.level), this.#progress));
    } catch (error) {
      await this.#failed(series.name, error);
    }
    this.#keep();
  }

  async #stand({ name, plannedSeconds, take }: Standing): Promise<void> {
    this.#progress.step(name, plannedSeconds);
    try {
      this.#rows.push(...(await take((text) => this.#progress.note(text))));
    } catch (error) {
      await this.#failed(name, error);
    }
    this.#keep();
  }

  /** One that failed is told at the end; the others are measured all the same, on fresh candidates. */
  async #failed(name: string, error: unknown): Promise<void> {
    const why = error instanceof Error ? error.message : String(error);
    this.#failures.push(`${name}: ${why.split('\n', 3).join(' ')}`);
    this.#progress.note(`${name} failed: ${why}`);
    await this.#field.clear();
  }

  #keep(): void {
    this.#left--;
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(this.figures, null, 1)}\n`);
  }
}

function tell(figures: Figures): void {
  const parts = { summary: summaryText(figures), figures: figuresText(figures) };
  console.log(`${parts.figures}\n\n${parts.summary}`);
  if (options.markdown !== undefined) pasteInto(options.markdown, parts);
}

async function measure(): Promise<void> {
  const below = mkdtempSync(join(options.data, 'bench-'));
  // Candidates that were just killed may still make files.
  process.once('exit', () => rmSync(below, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  const bench = new Bench(below);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      tell(bench.figures);
      process.exit(130);
    });
  }
  await bench.run();
  tell(bench.figures);
  if (bench.figures.failures.length > 0) process.exitCode = 1;
}

if (options.isHelp) console.log(HELP);
else if (options.isList) for (const { name } of chosenSeries()) console.log(name);
else {
  if (options.markdown !== undefined) checkMarks(options.markdown);
  if (options.from === undefined) await measure();
  else tell(JSON.parse(readFileSync(options.from, 'utf8')) as Figures);
}
