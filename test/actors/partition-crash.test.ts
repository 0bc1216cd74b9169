/** Seeded runs: load on several partitions, an end at a random moment, and then the checks: nothing acknowledged is lost. */
import test, { type ExecutionContext } from 'ava';
import { SeededRandom } from '../../runtime/simulated/random.ts';
import { KIB } from '../../src/model/limits.ts';
import type { TopicSettings } from '../../src/model/topic.ts';
import { sized } from '../long.ts';
import { batch, StorageWorld } from './storage-world.ts';

const ENDS = ['process', 'power', 'partition', 'journal', 'clean'] as const;
type End = (typeof ENDS)[number];
const ANY = 'one or the other';
const SEEDS = sized(8, 1_000);
const PARTITIONS = [64, 65, 66, 3];

interface Sent {
  readonly partition: number;
  readonly values: readonly string[];
  readonly request: number;
}

/** What a producer knows: what it sent, and what was answered. */
class Producer {
  readonly acked = new Map<number, Map<number, string>>();
  readonly #world: StorageWorld;
  readonly #random: SeededRandom;
  #open: Sent[] = [];
  #serial = 0;

  constructor(world: StorageWorld, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
    for (const partition of PARTITIONS) this.acked.set(partition, new Map());
  }

  get ackedCount(): number {
    return [...this.acked.values()].reduce((sum, values) => sum + values.size, 0);
  }

  send(): void {
    const partition = PARTITIONS[this.#random.below(PARTITIONS.length)] as number;
    const count = 1 + this.#random.below(3);
    const bytes = this.#random.below(8) === 0 ? 60 * KIB : this.#random.below(2_000);
    const values = Array.from({ length: count }, () => `${this.#serial++} ${'x'.repeat(bytes)}`);
    this.#open.push({ partition, values, request: this.#world.append(partition, batch(values)) });
  }

  /** Takes in answers; with `ended` what is still open is never answered. */
  collect(ended: boolean): void {
    this.#open = this.#open.filter(({ partition, values, request }) => {
      const answer = this.#world.answer(request);
      if (answer?.type === 'appended')
        for (const [index, value] of values.entries()) this.acked.get(partition)?.set(answer.baseOffset + index, value);
      return answer === undefined && !ended;
    });
  }
}

function end(world: StorageWorld, how: End): void {
  if (how === 'partition') world.crashActor(`partition/${PARTITIONS[0]}`);
  else if (how === 'journal') world.crashActor('journal/0');
  else if (how === 'clean') {
    world.stop();
    world.start();
  } else world.restart(how);
}

function check(t: ExecutionContext, world: StorageWorld, producer: Producer, seed: string): void {
  for (const partition of PARTITIONS) {
    const found = world.readAll(partition);
    if (typeof found === 'string')
      throw new Error(`${seed}: partition ${partition}: ${found}\n${world.logged.join('\n')}`);
    for (const [index, [offset]] of found.entries()) t.is(offset, index, `${seed}: a hole`);
    for (const [offset, value] of producer.acked.get(partition) ?? [])
      t.is(found[offset]?.[1], value, `${seed}: partition ${partition} lost ${offset} and ends at ${found.length}`);
  }
}

/** Now and then the disk is full, slow, or fails: calls of one kind, a few of them. */
function disturb(world: StorageWorld, random: SeededRandom): void {
  const codes = ['EIO', 'ENOSPC'] as const;
  const operations = ['write', 'sync', 'open', 'rename', 'syncFolder', 'truncate'] as const;
  world.disk.faults.add({
    operations: [operations[random.below(operations.length)] as (typeof operations)[number]],
    effect:
      random.below(4) === 0
        ? { kind: 'slow', ms: 20 }
        : { kind: 'error', code: codes[random.below(2)] as (typeof codes)[number] },
    path: random.below(2) === 0 ? (path) => path.startsWith('journal') : (path) => path.startsWith('partitions'),
    skip: random.below(20),
    times: 1 + random.below(4),
  });
}

interface Conditions {
  readonly faults?: boolean;
  readonly settings?: Partial<TopicSettings>;
}

function run(t: ExecutionContext, how: End | typeof ANY, seed: number, conditions: Conditions = {}): number {
  const faults = conditions.faults === true;
  const random = new SeededRandom(seed);
  const settings: Partial<TopicSettings> = { segmentBytes: 300 * KIB, ...conditions.settings };
  const world = new StorageWorld({ seed, settings, init: { journalFileBytes: 1024 * KIB + 64 * KIB } });
  const producer = new Producer(world, random);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 40; i++) {
      if (faults && random.below(10) === 0) disturb(world, random);
      producer.send();
      if (random.below(3) === 0) world.run(random.below(30) / 10);
      producer.collect(false);
    }
    if (faults) {
      world.run(random.below(3_000));
      producer.collect(false);
      world.disk.faults.clear();
    }
    end(world, how === ANY ? (ENDS[random.below(ENDS.length)] as End) : how);
    producer.collect(true);
    world.disk.faults.clear();
    world.run(faults ? 5_000 : 500);
    check(t, world, producer, `${how} ${seed}`);
  }
  if (faults) return producer.ackedCount;
  const expected = /^a torn tail|^a message could not be delivered|"error":|went down/;
  const damage = world.logged.filter((line) => !expected.test(line));
  t.deepEqual(damage, [], `${how} ${seed}`);
  return producer.ackedCount;
}

for (const how of [...ENDS, ANY] as const) {
  test(`nothing acknowledged is lost: ${how}`, (t) => {
    let acked = 0;
    for (let seed = 1; seed <= SEEDS; seed++) acked += run(t, how, seed);
    t.true(acked > 300, `only ${acked} were acknowledged: the runs show little`);
  });
}

test('nothing acknowledged is lost on a disk that fails now and then', (t) => {
  let acked = 0;
  for (let seed = 1; seed <= 2 * SEEDS; seed++) acked += run(t, ANY, 1_000 + seed, { faults: true });
  t.true(acked > 200, `only ${acked} were acknowledged: the runs show little`);
});

for (const how of ENDS.filter((end) => end !== 'power'))
  test(`under interval nothing acknowledged is lost while the machine has power: ${how}`, (t) => {
    const settings = { durability: 'interval', flushIntervalMs: 20 } as const;
    let acked = 0;
    for (let seed = 1; seed <= SEEDS; seed++) acked += run(t, how, 2_000 + seed, { settings });
    t.true(acked > 300, `only ${acked} were acknowledged: the runs show little`);
  });
