/**
 * Power cuts on paper: a real node takes a mixed load on a disk that writes down every change and every sync. For many
 * moments of it a folder is built that holds what was synced and a random part of the rest, torn at 512 bytes; a real node
 * starts on it and must hold what clients were told. Without the syncs it must not pass.
 */
import { copyFileSync, mkdtempSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { SeededRandom } from '../../runtime/simulated/random.ts';
import { sized } from '../long.ts';
import { judge, type Verdict } from './checker.ts';
import { History } from './history.ts';
import { Load } from './load.ts';
import { startOn } from './node.ts';
import { Platter, type PlatterOptions } from './platter.ts';
import { plugged } from './recorded-shard.ts';
import { RecordingDisk } from './recording-disk.ts';
import { Standstill } from './standstill.ts';
import { Trace } from './trace.ts';

const CUTS = sized(25, 500);
/** Of the load and of what is left of it; the moments at which things come to the disk are the machine's own. */
const SEED = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** So often a cut is judged again. */
const STANDSTILLS_MAX = 5;

interface Recording {
  readonly trace: Trace;
  readonly history: History;
  /** Holds the recorded node's folder, and those that are built. */
  readonly folder: string;
}

let recording: Recording;

test.before('a load is recorded', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'callboard-powercut-'));
  const [trace, history] = [new Trace(), new History()];
  recording = { trace, history, folder };
  plugged.disk = (disk) => new RecordingDisk(disk, trace);
  const { link, end } = await startOn(join(folder, 'recorded'), 1);
  plugged.disk = (disk) => disk;
  await new Load(link, trace, history, new SeededRandom(SEED)).run();
  await end();
});

test.after.always('folders are removed', () => rm(recording.folder, { recursive: true, force: true }));

/** Builds a folder of what a cut has left, the same one each time. */
type Build = () => string;

/** Hands on what a cut at each moment leaves, in the order of time. */
async function cutAt(
  moments: readonly number[],
  options: PlatterOptions,
  look: (build: Build, moment: number, index: number) => Promise<void>,
): Promise<void> {
  const { trace, folder } = recording;
  const platter = new Platter(options);
  let followed = 0;
  for (const [index, moment] of moments.toSorted((one, other) => one - other).entries()) {
    for (const event of trace.events.slice(followed, moment)) platter.follow(event);
    followed = moment;
    const folders: string[] = [];
    const build = (): string => {
      const built = mkdtempSync(join(folder, `cut-${moment}-`));
      folders.push(built);
      // Durable before the node begins: not the disk port's affair.
      copyFileSync(join(folder, 'recorded', 'node.json'), join(built, 'node.json'));
      platter.build(built, new SeededRandom(SEED + 1 + index));
      return built;
    };
    await look(build, moment, index);
    for (const built of folders) await rm(built, { recursive: true });
  }
}

/** What had no answer while the machine stood still may have had no time for one: then it is judged once more. */
async function judgeAwake(build: Build, moment: number, shards: number): Promise<Verdict> {
  for (let left = STANDSTILLS_MAX; ; left--) {
    const standstill = new Standstill();
    const verdict = await judge(build(), recording.history, moment, shards);
    const stood = standstill.end();
    if (verdict.wrong.length === 0 || !stood || left === 0) return verdict;
  }
}

function momentsOf(count: number): number[] {
  const random = new SeededRandom(SEED + 2);
  return Array.from({ length: count }, () => random.below(recording.trace.now + 1));
}

test.serial(`nothing that was told is lost at ${CUTS} power cuts`, async (t) => {
  let acked = 0;
  await cutAt(momentsOf(CUTS), {}, async (build, moment, index) => {
    const verdict = await judgeAwake(build, moment, 1 + (index % 2));
    acked += verdict.acked;
    t.deepEqual(verdict.wrong, [], `cut ${moment} of ${recording.trace.now}, seed ${SEED}`);
  });
  t.true(acked > 0, 'something was promised');
  t.log(`${CUTS} cuts in ${recording.trace.now} events of the disk; ${acked} acked records looked for`);
});

/** Some of them come too early to show anything. */
const FORGETFUL_CUTS = 20;
type Forgets = NonNullable<PlatterOptions['forgets']>;

const FORGETFUL: readonly (readonly [what: string, forgets: Forgets])[] = [
  ['files', (kind) => kind === 'file'],
  ['the journal', (kind, path) => kind === 'file' && path.startsWith('journal/')],
  ['folders', (kind) => kind === 'folder'],
  ['segments', (kind, path) => kind === 'file' && path.endsWith('.log')],
  ['sidecars', (kind, path) => kind === 'file' && path.endsWith('.entries')],
  ['manifests', (kind, path) => kind === 'file' && path.endsWith('manifest.new')],
];

/** Each by itself, so that none is there for nothing. */
for (const [what, forgets] of FORGETFUL.slice(0, sized(3, FORGETFUL.length))) {
  test.serial(`a disk whose syncs of ${what} do nothing is found out`, async (t) => {
    const found: string[] = [];
    await cutAt(momentsOf(FORGETFUL_CUTS), { forgets }, async (build, moment) => {
      if (found.length === 0) found.push(...(await judgeAwake(build, moment, 1)).wrong);
    });
    t.true(found.length > 0);
    t.log(found[0]);
  });
}
