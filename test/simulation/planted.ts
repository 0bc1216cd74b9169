/**
 * Plants one bug after the other in a copy of the sources and runs seeds until it is caught: a harness that catches nothing
 * proves nothing. `node test/simulation/planted.ts [--seeds N] [--only NAME]`. The checkout itself is never touched.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bugs, type PlantedBug } from './planted/bugs.ts';

const ROOT = join(import.meta.dirname, '../..');
const { values } = parseArgs({ options: { seeds: { type: 'string', default: '200' }, only: { type: 'string' } } });

/** A checkout with the bug in it. */
function plant(bug: PlantedBug): string {
  const folder = mkdtempSync(join(tmpdir(), 'callboard-planted-'));
  for (const part of ['src', 'actors', 'runtime', 'test', 'package.json', 'tsconfig.json'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
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

/** What caught it, or null. */
function hunt(bug: PlantedBug, folder: string): string | null {
  if (bug.test !== undefined) {
    const { stdout, status } = spawnSync(join(ROOT, 'node_modules/.bin/ava'), [bug.test], {
      cwd: folder,
      encoding: 'utf8',
    });
    if (!/passed|failed/.test(stdout)) throw new Error(`${bug.test} did not run: ${stdout}`);
    return status === 0 ? null : bug.test;
  }
  const seeds = ['test/simulation/run.ts', '--seeds', values.seeds, '--until-failure'];
  const { stdout, status } = spawnSync(process.execPath, seeds, { cwd: folder, encoding: 'utf8' });
  if (status === 0) return null;
  const lines = stdout.split('\n');
  const at = lines.findIndex((line) => /^seed \d+ failed/.test(line));
  return at < 0 ? null : `${lines[at]} ${lines[at + 1]?.trim()}`;
}

function main(): boolean {
  let missed = 0;
  for (const bug of bugs) {
    if (values.only !== undefined && bug.name !== values.only) continue;
    const folder = plant(bug);
    const begun = performance.now();
    try {
      const caught = hunt(bug, folder);
      if (caught === null) missed += 1;
      const seconds = ((performance.now() - begun) / 1_000).toFixed(0);
      console.log(`${caught === null ? 'MISSED' : 'caught'} ${bug.name} (${seconds} s): ${caught ?? bug.why}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  console.log(missed === 0 ? 'all were caught' : `${missed} were missed`);
  return missed === 0;
}

process.exitCode = main() ? 0 : 1;
