/**
 * `npm run bench:kafka`: Callboard and Apache Kafka taken in turn by the same clients. Installs what it needs, starts both,
 * prints tables and what was missed. It judges no test; what was measured is told however it ends.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machineText, needDisk } from '../machine.ts';
import { checkMarks, pasteInto } from '../paste.ts';
import { Progress } from '../progress.ts';
import { Broker, type BrokerOptions } from './broker.ts';
import { figuresText, type Report, summaryText, together } from './report.ts';
import { type Outcome, race, stand, uncountedRounds } from './rounds.ts';
import { allSeries } from './series.ts';
import { allStanding } from './standing.ts';
import { install } from './tools.ts';

const HELP = `Usage: npm run bench:kafka -- [options]
Needs Java 17, Maven, Go, gcc, Python with pip, and a Debian for the source of rdkafka_performance.

  --quick          2 pairs of shorter runs: about 10 minutes instead of 35
  --pairs N        counted runs of each side (default 5)
  --share N        of the length of a run (default 1; quick 0.3)
  --only TEXT      only what has TEXT in its name; may be given several times
  --list           the names
  --tools FOLDER   where Kafka and the clients are installed (default ~/.cache/callboard-bench)
  --data FOLDER    where brokers get their folders (default the system's temporary folder)
  --node-flag F    for Callboard's Node, such as --cpu-prof; may be given several times
  --json FILE      all figures, kept up to date while it runs
  --markdown FILE  pastes the tables between the marks of FILE: <!-- bench:summary -->, <!-- bench:figures -->
  --from FILE      takes the figures of an earlier --json instead of measuring; several are put together`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    pairs: { type: 'string' },
    share: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    list: { type: 'boolean', default: false },
    tools: { type: 'string', default: join(homedir(), '.cache', 'callboard-bench') },
    data: { type: 'string', default: tmpdir() },
    'node-flag': { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    markdown: { type: 'string' },
    from: { type: 'string', multiple: true },
    help: { type: 'boolean', default: false },
  },
});

/** Kafka removes the files of a topic a minute after the topic. */
const DISK_GIGABYTES = 40;
const rounds = Math.trunc(Number(values.pairs ?? (values.quick ? 2 : 5)));
const share = Number(values.share ?? (values.quick ? 0.3 : 1));
if (!(rounds >= 1 && share > 0)) throw new Error('--pairs takes a number from 1 on, --share one above 0');

const isWanted = ({ name }: { readonly name: string }): boolean =>
  values.only.length === 0 || values.only.some((text) => name.includes(text));

const series = allSeries(share).filter(isWanted);
const standing = allStanding(share).filter(isWanted);
if (series.length + standing.length === 0) throw new Error('nothing has such a name: --list');

const START_SECONDS = 15;
const plannedSeconds = [
  ...series.map((one) => one.seconds * one.sides.length * (uncountedRounds(one) + rounds)),
  ...standing.map((one) => one.seconds * one.sides.length * Math.min(rounds, one.roundsMax)),
].reduce((sum, seconds) => sum + seconds, START_SECONDS);

const say = (text: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

class Comparison {
  readonly #options: BrokerOptions;
  readonly #began = new Date();
  readonly #outcomes = new Map<string, Outcome>();
  readonly #failures: string[] = [];
  readonly #repeated: string[] = [];
  readonly #progress = new Progress(plannedSeconds);

  constructor(options: BrokerOptions) {
    this.#options = options;
  }

  get report(): Report {
    const [outcomes, failures, repeated] = [[...this.#outcomes.values()], this.#failures, this.#repeated];
    return { machine: machineText(), began: this.#began.toISOString(), outcomes, failures, repeated };
  }

  /** Both stay from series to series, so that they are warm; what is measured at rest starts its own. */
  async run(): Promise<void> {
    this.#progress.step('starting both', START_SECONDS);
    if (series.length > 0) {
      const brokers = { callboard: new Broker('callboard', this.#options), kafka: new Broker('kafka', this.#options) };
      for (const broker of Object.values(brokers)) await broker.start();
      for (const one of series)
        await this.#attempt(one.name, async () => {
          for (const broker of Object.values(brokers)) if (!broker.isRunning) await broker.start();
          await race(one, { ...this.#table, tools: this.#options.tools, brokers });
        });
      for (const broker of Object.values(brokers)) await broker.dispose('SIGTERM');
    }
    for (const one of standing) await this.#attempt(one.name, () => stand(one, this.#table, this.#options));
  }

  get #table() {
    const keep = (outcome: Outcome): void => {
      this.#outcomes.set(outcome.name, outcome);
      this.#write();
    };
    const repeated = (text: string): void => {
      this.#repeated.push(text);
      say(`once more: ${text}`);
    };
    return { rounds, share, progress: this.#progress, say, repeated, keep };
  }

  async #attempt(name: string, take: () => Promise<void>): Promise<void> {
    try {
      await take();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#failures.push(`${name}: ${why}`);
      this.#write();
      say(`${name} failed: ${why}`);
    }
  }

  #write(): void {
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(this.report, null, 1)}\n`);
  }

  get isWhole(): boolean {
    return this.#failures.length === 0;
  }
}

function tell(report: Report): void {
  const parts = { summary: summaryText(report), figures: figuresText(report) };
  console.log(`${parts.figures}\n\n${parts.summary}`);
  if (values.markdown !== undefined) pasteInto(values.markdown, parts);
}

async function measure(): Promise<void> {
  needDisk(values.data, Math.ceil(DISK_GIGABYTES * share));
  const tools = install(values.tools, say);
  const below = mkdtempSync(join(values.data, 'bench-kafka-'));
  process.once('exit', () => rmSync(below, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  const comparison = new Comparison({ below, tools, nodeFlags: values['node-flag'] });
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      tell(comparison.report);
      process.exit(130);
    });
  await comparison.run();
  tell(comparison.report);
  if (!comparison.isWhole) process.exitCode = 1;
}

if (values.help) console.log(HELP);
else if (values.list) for (const { name } of [...series, ...standing]) console.log(name);
else {
  if (values.markdown !== undefined) checkMarks(values.markdown);
  if (values.from === undefined) await measure();
  else tell(together(values.from.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Report)));
}
