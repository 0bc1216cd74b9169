/** What a produced batch costs a real node: how often its bytes are copied, and what is allocated for it. Counts, no times. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import type { Copies, Said } from './costs-node.ts';

const NODE = fileURLToPath(new URL('costs-node.ts', import.meta.url));
const NAMED = ['copyIntoFrame', 'copyIntoChunk', 'copyIntoGroup'];
/** Heads, and the last block of a segment that goes on in another chunk: part of what was produced. */
const OTHERS_MAX = 0.03;

async function measure(what: keyof Said): Promise<Said> {
  const { stdout } = await promisify(execFile)(process.execPath, [NODE, what], { timeout: 240_000 });
  return JSON.parse(stdout) as Said;
}

/** How often each produced byte was copied, by function; `others`: by all that have no name for it. */
function timesOf({ produced, by }: Copies): Record<string, number> {
  const others = Object.entries(by).filter(([name]) => !NAMED.includes(name));
  const times = Object.fromEntries(NAMED.map((name) => [name, (by[name] ?? 0) / produced]));
  return { ...times, others: others.reduce((sum, [, bytes]) => sum + bytes, 0) / produced };
}

test('a produced byte is copied twice, three times through the journal, and only by the functions named for it', async (t) => {
  const { copies } = await measure('copies');
  for (const [kib, groups] of [
    [16, 1],
    // Above what the journal takes behind small ones.
    [512, 0],
  ] as const) {
    const found = copies?.[kib];
    if (found === undefined) return t.fail(`nothing was said of batches of ${kib} KiB`);
    const { copyIntoFrame = 0, copyIntoChunk, copyIntoGroup, others = 1 } = timesOf(found);
    t.log(`${kib} KiB:`, found);
    t.true(copyIntoFrame >= 1 && copyIntoFrame < 1 + OTHERS_MAX, `${copyIntoFrame} times into frames`);
    t.is(copyIntoChunk, 1);
    t.is(copyIntoGroup, groups);
    t.true(others < OTHERS_MAX, `${others} of what was produced was copied by others`);
  }
});

test('what is allocated for a batch does not grow with its records', async (t) => {
  const { heap } = await measure('heap');
  const one = heap?.[1] ?? Number.NaN;
  const thousand = heap?.[1_000] ?? Number.NaN;
  t.log(`${Math.round(one)} bytes for one record, ${Math.round(thousand)} for a thousand`);
  t.true(one > 1_000, 'something was counted');
  t.true(Math.abs(thousand / one - 1) < 0.1, `${one} bytes against ${thousand}`);
});
