/**
 * Plants one bug after the other in a copy of the sources and runs seeds until it is caught: a harness that catches nothing
 * proves nothing. What caught it must fail once more by the command that it names, and pass on a copy without the bug.
 * `node test/simulation/planted.ts [--seeds N] [--only NAME]`. The checkout itself is never touched.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bugs, type PlantedBug } from './planted/bugs.ts';

const ROOT = join(import.meta.dirname, '../..');
const { values } = parseArgs({ options: { seeds: { type: 'string', default: '200' }, only: { type: 'string' } } });

/** What cannot come to its end has failed, ms. */
const AGAIN_MS_MAX = 300_000;

/** A checkout of its own. */
function copy(): string {
  const folder = mkdtempSync(join(tmpdir(), 'callboard-planted-'));
  for (const part of ['src', 'actors', 'runtime', 'test', 'package.json', 'tsconfig.json'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** A checkout with the bug in it. */
function plant(bug: PlantedBug): string {
  const folder = copy();
  const path = join(folder, bug.file);
  const text = readFileSync(path, 'utf8');
  const places = text.split(bug.old).length - 1;
  if (places !== 1) throw new Error(`${bug.name}: its place stands ${places} times in ${bug.file}`);
  writeFileSync(
    path,
    text.replace(bug.old, () => bug.planted),
  );
  return folder;
}

function passes(test: string, folder: string): boolean {
  const ava = join(ROOT, 'node_modules/.bin/ava');
  const { stdout, status } = spawnSync(ava, [test], { cwd: folder, encoding: 'utf8' });
  if (!/passed|failed/.test(stdout)) throw new Error(`${test} did not run: ${stdout}`);
  return status === 0;
}

/** Does the command that a failing seed names bring the failure again? Its trace is for people. */
function failsAgain(command: string, folder: string): boolean {
  const [program, ...given] = command.split(' ');
  const executable = program === 'node' ? process.execPath : String(program);
  return spawnSync(executable, given, { cwd: folder, stdio: 'ignore', timeout: AGAIN_MS_MAX }).status !== 0;
}

/** What caught it, or null. It fails with the bug alone: what also fails without it has caught nothing. */
function hunt(bug: PlantedBug, folder: string, sound: string): string | null {
  if (bug.test !== undefined) {
    if (!passes(bug.test, sound)) throw new Error(`${bug.test} fails without ${bug.name}`);
    return passes(bug.test, folder) ? null : bug.test;
  }
  const seeds = ['test/simulation/run.ts', '--seeds', values.seeds, '--until-failure'];
  const { stdout, status } = spawnSync(process.execPath, seeds, { cwd: folder, encoding: 'utf8' });
  if (status === 0) return null;
  const lines = stdout.split('\n');
  const at = lines.findIndex((line) => /^seed \d+ failed/.test(line));
  const again = lines.slice(at).find((line) => /^ +again: /.test(line));
  if (at < 0 || again === undefined) return null;
  const command = again.slice(again.indexOf(':') + 2);
  if (!failsAgain(command, folder)) throw new Error(`${bug.name}: ${command} does not fail again`);
  if (failsAgain(command, sound)) throw new Error(`${command} fails without ${bug.name}`);
  return `${lines[at]} ${lines[at + 1]?.trim()}`;
}

function main(): boolean {
  let missed = 0;
  const sound = copy();
  for (const bug of bugs) {
    if (values.only !== undefined && bug.name !== values.only) continue;
    const folder = plant(bug);
    const begun = performance.now();
    try {
      const caught = hunt(bug, folder, sound);
      if (caught === null) missed += 1;
      const seconds = ((performance.now() - begun) / 1_000).toFixed(0);
      console.log(`${caught === null ? 'MISSED' : 'caught'} ${bug.name} (${seconds} s): ${caught ?? bug.why}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  rmSync(sound, { recursive: true, force: true });
  console.log(missed === 0 ? 'all were caught' : `${missed} were missed`);
  return missed === 0;
}

process.exitCode = main() ? 0 : 1;
