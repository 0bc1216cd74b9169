/** A handful of seeds of the simulated world, and the proof that a seed is one run: `run.ts` has the rest of them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { bugs } from './planted/bugs.ts';
import { simulate } from './simulation.ts';

const RUN = fileURLToPath(new URL('run.ts', import.meta.url));
const SEEDS = [1, 2, 3, 9, 16, 35, 47];

test('nothing acknowledged is lost and nothing read is undone, whatever goes wrong', (t) => {
  let faults = 0;
  for (const seed of SEEDS) {
    const result = simulate({ seed });
    t.deepEqual(result.violations, [], `node test/simulation/run.ts --from ${seed} --trace`);
    t.true(result.simulatedMs >= 480_000);
    faults += Object.values(result.faults).reduce((sum, count) => sum + count, 0);
    t.true(result.acked > 1_000, `seed ${seed}: only ${result.acked} operations were acknowledged`);
  }
  t.true(faults > 50, `only ${faults} faults were met`);
});

test('a seed is the same run in another process, to the last byte', (t) => {
  const printed = execFileSync(process.execPath, [RUN, '--from', '4', '--seeds', '1', '--digests'], {
    encoding: 'utf8',
  });
  t.true(printed.includes(`4 ${simulate({ seed: 4 }).digest}\n`), printed);
});

test('every bug that is to be planted has its place', (t) => {
  for (const { name, file, old } of bugs) {
    const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
    t.is(text.split(old).length - 1, 1, `${name}: its place in ${file}`);
  }
});
