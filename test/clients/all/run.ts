/**
 * `npm run test:clients:all`: Kafka's clients of other languages, each against a real node, scenario by scenario. Installs
 * what it needs; prints one table, client by scenario, and why what failed did.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { TestNode } from '../../node/harness.ts';
import { type Client, installAll } from './clients.ts';
import { Driver, Unsupported } from './driver.ts';
import { readBy, scenarios } from './scenarios.ts';
import type { Scenario } from './stage.ts';

const HELP = `Usage: npm run test:clients:all -- [options]
Needs Java 17 with Maven, Go, Python with venv, and a C++ compiler with the headers of the system's Node.js.

  --client TEXT    only clients whose name contains TEXT; may be given several times
  --scenario TEXT  only scenarios whose name contains TEXT; may be given several times
  --tools FOLDER   where clients are installed (default ~/.cache/callboard-bench)
  --markdown FILE  puts the table between <!-- clients --> and <!-- /clients --> of FILE`;

const { values } = parseArgs({
  options: {
    client: { type: 'string', multiple: true, default: [] },
    scenario: { type: 'string', multiple: true, default: [] },
    tools: { type: 'string', default: join(homedir(), '.cache', 'callboard-bench') },
    markdown: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const SCENARIO_MS_MAX = 600_000;

const say = (text: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
const isAsked = (name: string, texts: readonly string[]): boolean =>
  texts.length === 0 || texts.some((text) => name.includes(text));

interface Played {
  readonly client: string;
  readonly scenario: string;
  readonly mark: 'yes' | 'none' | 'FAILED';
  /** Why it was not so, or what is to be known of how it was. */
  readonly why: string;
}

let topics = 0;

async function play(node: TestNode, client: Client, scenario: Scenario): Promise<Played> {
  const drivers: Driver[] = [];
  const start = (other = client, broker = node.kafka): Driver => {
    const driver = new Driver(other.command, broker);
    drivers.push(driver);
    return driver;
  };
  const began = Date.now();
  const late = setTimeout(() => void Promise.all(drivers.map((driver) => driver.crash())), SCENARIO_MS_MAX);
  const done = (mark: Played['mark'], why = ''): Played => {
    say(`${client.name}: ${scenario.name}: ${mark} ${why} (${Date.now() - began} ms)`);
    return { client: client.name, scenario: scenario.name, mark, why };
  };
  try {
    const remarks: string[] = [];
    const remark = (words: string): void => void remarks.push(words);
    await scenario.play({ node, start, client, remark, topic: `clients-${topics++}` });
    return done('yes', remarks.join(', '));
  } catch (error) {
    if (error instanceof Unsupported) return done('none', error.message);
    return done('FAILED', error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(late);
    await Promise.all(drivers.map((driver) => driver.crash()));
  }
}

function tableOf(clients: readonly Client[], played: readonly Played[]): string {
  const names = [...new Set(played.map(({ scenario }) => scenario))];
  const cell = (name: string, client: Client): string => {
    const one = played.find(({ scenario, client: player }) => scenario === name && player === client.name);
    return one?.mark === 'yes' && one.why !== '' ? `yes, ${one.why}` : (one?.mark ?? '');
  };
  const rows = [
    ['', ...clients.map(({ name }) => name)],
    ['---', ...clients.map(() => '---')],
    ...names.map((name) => [name, ...clients.map((client) => cell(name, client))]),
  ];
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function paste(path: string, text: string): void {
  const marks = /(<!-- clients -->)[\s\S]*(<!-- \/clients -->)/;
  writeFileSync(path, readFileSync(path, 'utf8').replace(marks, `$1\n${text}\n$2`));
}

async function playAll(): Promise<void> {
  const all = installAll(values.tools, say);
  const clients = all.filter(({ name, onlyReads }) => isAsked(name, values.client) && onlyReads !== true);
  const wanted = [...scenarios, ...all.map(readBy)].filter(({ name }) => isAsked(name, values.scenario));
  if (clients.length === 0 || wanted.length === 0) throw new Error('no client or no scenario has such a name');
  const node = await TestNode.start({ shards: 2, flags: ['--topics-partitions', '1', '--log-level', 'warn'] });
  const played: Played[] = [];
  try {
    for (const client of clients) for (const scenario of wanted) played.push(await play(node, client, scenario));
  } finally {
    await node.dispose();
  }
  const failed = played.filter(({ mark }) => mark === 'FAILED');
  const versions = all.map(({ name, version }) => `${name} ${version}`).join(', ');
  const text = `${new Date().toISOString().slice(0, 10)}: ${versions}.\n\n${tableOf(clients, played)}`;
  console.log(text);
  for (const { client, scenario, why } of failed) console.log(`${client}: ${scenario}: ${why}`);
  if (values.markdown !== undefined) paste(values.markdown, text);
  if (failed.length > 0) process.exitCode = 1;
}

if (values.help) console.log(HELP);
else await playAll();
