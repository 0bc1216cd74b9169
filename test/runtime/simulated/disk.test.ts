/** What the simulated disk leaves behind after a crash, and how it fails when told to. */
import test from 'ava';
import type { DiskEntry, DiskError, DiskFile, DiskSpace, Done, DoneWith } from '../../../runtime/ports.ts';
import { SimulatedClock } from '../../../runtime/simulated/clock.ts';
import { SimulatedDisk, type SimulatedDiskOptions } from '../../../runtime/simulated/disk.ts';
import { SeededRandom } from '../../../runtime/simulated/random.ts';
import { AssertionError } from '../../../src/model/assert.ts';

/** A disk with synchronous calls: the clock goes on until the answer. */
class Bench {
  readonly clock = new SimulatedClock();
  disk: SimulatedDisk;
  constructor(seed: number, options: Partial<SimulatedDiskOptions> = {}) {
    this.disk = new SimulatedDisk({ clock: this.clock, random: new SeededRandom(seed), ...options });
  }

  answer<T>(call: (done: DoneWith<T>) => void): { error: DiskError | null; value: T | undefined } {
    let answer: { error: DiskError | null; value: T | undefined } | undefined;
    call((error, value) => {
      answer = { error, value };
    });
    this.clock.advanceUntil(() => answer !== undefined, 60_000);
    if (answer === undefined) throw new Error('no answer');
    return answer;
  }

  get<T>(call: (done: DoneWith<T>) => void): T {
    const { error, value } = this.answer(call);
    if (error !== null) throw new Error(`${error.code}: ${error.message}`);
    return value as T;
  }

  open(path: string, durable = false): DiskFile {
    return this.get<DiskFile>((done) => this.disk.open(path, { mode: 'write', durable }, done));
  }
  write(file: DiskFile, bytes: Uint8Array, position = 0): void {
    this.get((done) => this.disk.write(file, [bytes], position, done as Done));
  }
  sync(file: DiskFile): void {
    this.get((done) => this.disk.sync(file, done as Done));
  }
  syncFolder(path: string): void {
    this.get((done) => this.disk.syncFolder(path, done as Done));
  }
  names(path: string): string {
    const entries = this.get<readonly DiskEntry[]>((done) => this.disk.list(path, done));
    return entries.map(({ name }) => name).join(' ');
  }
  crash(kind: 'process' | 'power'): void {
    this.disk = this.disk.crash(kind);
  }
}

const SEEDS = Array.from({ length: 60 }, (_, seed) => seed);
const fill = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);

/** How often each outcome came, over many seeds. */
function outcomes(run: (bench: Bench) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const seed of SEEDS) {
    const outcome = run(new Bench(seed));
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  return counts;
}

test('a power cut keeps what was synced, whatever else it does', (t) => {
  const torn = outcomes((bench) => {
    const file = bench.open('a');
    bench.write(file, fill(1, 4_096));
    bench.sync(file);
    bench.syncFolder('.');
    bench.write(file, fill(2, 4_096), 4_096);
    bench.crash('power');
    const bytes = bench.disk.peek('a');
    t.deepEqual(bytes.subarray(0, 4_096), fill(1, 4_096));
    const sectors: string[] = [];
    for (let at = 4_096; at < bytes.length; at += 512) {
      const sector = bytes.subarray(at, at + 512);
      t.true(
        sector.every((byte) => byte === sector[0]),
        'sectors are whole',
      );
      sectors.push(String(sector[0]));
    }
    return [...new Set(sectors)].sort().join('');
  });
  t.true((torn.get('') ?? 0) > 0, 'the tail was lost');
  t.true((torn.get('2') ?? 0) > 0, 'the tail was kept');
  t.true((torn.get('02') ?? 0) > 0, 'the tail was torn');
});

test('a power cut may leave any sectors of an overwrite', (t) => {
  const torn = outcomes((bench) => {
    const file = bench.open('a');
    bench.write(file, fill(1, 4_096));
    bench.sync(file);
    bench.syncFolder('.');
    bench.write(file, fill(2, 4_096));
    bench.crash('power');
    return [...new Set(bench.disk.peek('a'))].sort().join('');
  });
  t.deepEqual([...torn.keys()].sort(), ['1', '12', '2']);
});

test('a power cut keeps what was written to a durable file, and nothing else for its sake', (t) => {
  const left = outcomes((bench) => {
    const plain = bench.open('a');
    const durable = bench.open('a', true);
    bench.syncFolder('.');
    bench.write(plain, fill(1, 2_048));
    bench.write(durable, fill(2, 1_024), 512);
    bench.crash('power');
    const bytes = bench.disk.peek('a');
    t.true(bytes.subarray(512, 1_536).every((byte) => byte === 2));
    return `${bytes[0]} ${bytes[2_047] ?? 'none'}`;
  });
  t.true((left.get('0 none') ?? 0) > 0, 'what was before it may be lost');
  t.true((left.get('1 1') ?? 0) > 0, 'or kept');
});

test('a durable write fails as a sync does: it is seen, and a power cut takes it', (t) => {
  const bench = new Bench(1);
  const file = bench.open('a', true);
  bench.syncFolder('.');
  bench.write(file, fill(1, 1_024));
  bench.disk.faults.add({ operations: ['sync'], effect: { kind: 'error', code: 'EIO' }, times: 1 });
  const { error } = bench.answer((done) => bench.disk.write(file, [fill(2, 1_024)], 0, done as Done));
  t.is(error?.code, 'EIO');
  t.is(bench.disk.peek('a')[0], 2);
  bench.sync(file);
  bench.crash('power');
  t.deepEqual(bench.disk.peek('a'), fill(1, 1_024));
});

test('a name that was not synced may be gone with a file that was', (t) => {
  const found = outcomes((bench) => {
    const file = bench.open('a');
    bench.write(file, fill(1, 10));
    bench.sync(file);
    bench.crash('power');
    return bench.names('.');
  });
  t.deepEqual([...found.keys()].sort(), ['', 'a']);
});

test('a rename that was not synced is there or not, and never half', (t) => {
  const found = outcomes((bench) => {
    for (const [path, value] of [
      ['old', 1],
      ['new', 2],
    ] as const) {
      const file = bench.open(path);
      bench.write(file, fill(value, 100));
      bench.sync(file);
    }
    bench.syncFolder('.');
    bench.get((done) => bench.disk.rename('new', 'old', done as Done));
    bench.crash('power');
    return `${bench.names('.')}: ${bench.disk.peek('old')[0]}`;
  });
  t.deepEqual([...found.keys()].sort(), ['new old: 1', 'old: 2']);
});

test('a folder that was not synced into its parent may be gone with all that is in it', (t) => {
  const found = outcomes((bench) => {
    bench.get((done) => bench.disk.makeFolder('f/g', done as Done));
    bench.sync(bench.open('f/g/a'));
    bench.syncFolder('f/g');
    bench.syncFolder('f');
    bench.crash('power');
    return bench.names('.');
  });
  t.deepEqual([...found.keys()].sort(), ['', 'f']);
});

test('syncing a folder saves what moved into it from another', (t) => {
  for (const seed of SEEDS) {
    const bench = new Bench(seed);
    bench.get((done) => bench.disk.makeFolder('f', done as Done));
    bench.sync(bench.open('a'));
    bench.get((done) => bench.disk.rename('a', 'f/b', done as Done));
    bench.syncFolder('f');
    bench.syncFolder('.');
    bench.crash('power');
    t.is(`${bench.names('.')} ${bench.names('f')}`, 'f b');
  }
});

test('a replaced file is the old or the new one, whole, wherever the power goes', (t) => {
  const found = new Set<string>();
  for (const seed of SEEDS) {
    const bench = new Bench(seed);
    bench.get((done) => bench.disk.replace('m', fill(1, 3_000), done as Done));
    bench.disk.replace('m', fill(2, 5_000), () => {});
    bench.clock.advance(seed / 10);
    bench.crash('power');
    const bytes = bench.disk.peek('m');
    const state = `${bytes.length} ${[...new Set(bytes)]}`;
    t.true(state === '3000 1' || state === '5000 2', state);
    found.add(state);
  }
  t.is(found.size, 2);
});

test('a crashed process leaves its writes with the system, which a power cut may still take', (t) => {
  const found = outcomes((bench) => {
    const file = bench.open('a');
    bench.write(file, fill(1, 1_000));
    bench.syncFolder('.');
    bench.crash('process');
    t.deepEqual(bench.disk.peek('a'), fill(1, 1_000));
    bench.crash('power');
    return String(bench.disk.peek('a').length > 0 && bench.disk.peek('a')[0] === 1);
  });
  t.deepEqual([...found.keys()].sort(), ['false', 'true']);
});

test('a write that is under way in a crash may be there in part; its answer never comes', (t) => {
  const lengths = new Set<number>();
  for (const seed of SEEDS) {
    const bench = new Bench(seed);
    const file = bench.open('a');
    bench.disk.write(file, [fill(1, 1_000)], 0, () => t.fail('answered after the crash'));
    bench.crash('process');
    bench.clock.advance(1_000);
    lengths.add(bench.disk.peek('a').length);
  }
  t.true(lengths.has(0) && lengths.size > 10);
});

test('a sync saves what was written before it was called, not what came meanwhile', (t) => {
  const found = outcomes((bench) => {
    const file = bench.open('a');
    bench.syncFolder('.');
    bench.write(file, fill(1, 512));
    let synced = false;
    bench.disk.faults.add({ operations: ['sync'], effect: { kind: 'slow', ms: 100 } });
    bench.disk.sync(file, () => {
      synced = true;
    });
    bench.write(file, fill(2, 512), 512);
    bench.clock.advanceUntil(() => synced, 1_000);
    bench.crash('power');
    const bytes = bench.disk.peek('a');
    t.is(bytes[0], 1);
    return String(bytes[512]);
  });
  t.true(found.has('2') && found.size > 1);
});

test('after a failed sync the next one succeeds, and what the first was to save is lost all the same', (t) => {
  const bench = new Bench(1);
  const file = bench.open('a');
  bench.syncFolder('.');
  bench.write(file, fill(1, 512));
  bench.disk.faults.add({ operations: ['sync'], times: 1, effect: { kind: 'error', code: 'EIO' } });
  t.is(bench.answer((done) => bench.disk.sync(file, done as Done)).error?.code, 'EIO');
  bench.write(file, fill(2, 512), 512);
  bench.sync(file);
  t.is(bench.disk.peek('a')[0], 1, 'reads still see it');
  bench.crash('power');
  t.deepEqual([...bench.disk.peek('a')], [...fill(0, 512), ...fill(2, 512)]);
});

test('rules choose the calls they spoil: operation, path, how many to skip, how many to hit', (t) => {
  const bench = new Bench(1);
  const a = bench.open('a');
  const b = bench.open('b');
  const rule = bench.disk.faults.add({
    operations: ['write'],
    path: (path) => path === 'a',
    skip: 1,
    times: 2,
    effect: { kind: 'error', code: 'EIO' },
  });
  const codes = (file: DiskFile): (string | undefined)[] =>
    [1, 2, 3, 4].map(() => bench.answer((done) => bench.disk.write(file, [fill(1, 8)], 0, done as Done)).error?.code);
  t.deepEqual(codes(b), [undefined, undefined, undefined, undefined]);
  t.deepEqual(codes(a), [undefined, 'EIO', 'EIO', undefined]);
  rule.remove();
  bench.disk.faults.add({ operations: ['read'], probability: 0.5, effect: { kind: 'error', code: 'EIO' } });
  const reads = Array.from({ length: 100 }, () =>
    bench.answer((done) => bench.disk.read(a, new Uint8Array(1), 0, done)),
  );
  const failed = reads.filter(({ error }) => error !== null).length;
  t.true(failed > 25 && failed < 75);
});

test('a flipped bit is one bit, in what is written, read, or at rest', (t) => {
  const bits = (bytes: Uint8Array): number =>
    bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
  const bench = new Bench(3);
  const file = bench.open('a');
  const source = fill(0, 1_000);
  bench.disk.faults.add({ operations: ['write', 'read'], times: 2, effect: { kind: 'flip' } });
  bench.write(file, source);
  t.is(bits(source), 0, "the caller's memory is untouched");
  t.is(bits(bench.disk.peek('a')), 1);
  const into = fill(9, 1_000);
  bench.get((done) => bench.disk.read(file, into, 0, done));
  t.true([0, 2].includes(bits(into)));
  t.is(bits(bench.disk.peek('a')), 1);
  bench.sync(file);
  bench.syncFolder('.');
  const before = bench.disk.peek('a')[500] as number;
  bench.disk.flip('a', 500, 3);
  bench.crash('power');
  t.is(bench.disk.peek('a')[500], before ^ 8);
});

test('a misdirected write is done, and is anywhere but where it should be', (t) => {
  const places = new Set<string>();
  for (const seed of SEEDS) {
    const bench = new Bench(seed);
    const a = bench.open('a');
    bench.write(a, fill(0, 16_384));
    bench.write(bench.open('b'), fill(0, 16_384));
    bench.disk.faults.add({ operations: ['write'], times: 1, effect: { kind: 'misdirect' } });
    bench.write(a, fill(5, 4_096), 4_096);
    t.is(bench.disk.peek('a')[4_096], 0);
    const where = ['a', 'b'].find((path) => bench.disk.peek(path).includes(5));
    t.not(where, undefined);
    places.add(where as string);
  }
  t.deepEqual([...places].sort(), ['a', 'b']);
});

test('a full disk takes what it has room for, says so, and takes more when there is room again', (t) => {
  const bench = new Bench(1, { capacityBytes: 10_000 });
  const free = (): number => bench.get<DiskSpace>((done) => bench.disk.space(done)).freeBytes;
  const file = bench.open('a');
  bench.write(file, fill(1, 8_000));
  t.is(free(), 2_000);
  t.is(bench.answer((done) => bench.disk.write(file, [fill(2, 3_000)], 8_000, done as Done)).error?.code, 'ENOSPC');
  t.is(free(), 0);
  bench.write(file, fill(3, 8_000));
  t.is(bench.answer((done) => bench.disk.truncate(file, 10_001, done as Done)).error?.code, 'ENOSPC');
  bench.get((done) => bench.disk.truncate(file, 1_000, done as Done));
  t.is(free(), 9_000);
  bench.write(bench.open('b'), fill(1, 9_000));
  bench.get((done) => bench.disk.rename('b', 'a', done as Done));
  t.is(free(), 1_000);
  bench.get((done) => bench.disk.remove('a', done as Done));
  t.is(free(), 10_000);
});

test('a file loses its end at rest', (t) => {
  const bench = new Bench(1);
  const file = bench.open('a');
  bench.write(file, fill(1, 1_000));
  bench.sync(file);
  bench.syncFolder('.');
  bench.disk.cut('a', 300);
  t.is(
    bench.get<number>((done) => bench.disk.size(file, done)),
    300,
  );
  bench.crash('power');
  t.is(bench.disk.peek('a').length, 300);
});

test('a slow call is late, and others overtake it', (t) => {
  const bench = new Bench(1);
  const file = bench.open('a');
  bench.disk.faults.add({ operations: ['write'], times: 1, effect: { kind: 'slow', ms: 500 } });
  const order: string[] = [];
  bench.disk.write(file, [fill(1, 1)], 0, () => order.push('first'));
  bench.disk.write(file, [fill(2, 1)], 0, () => order.push('second'));
  bench.clock.advance(499);
  t.deepEqual(order, ['second']);
  bench.clock.advance(2);
  t.deepEqual(order, ['second', 'first']);
});

test('a disk that refuses direct I/O opens buffered', (t) => {
  const bench = new Bench(1, { direct: false });
  const file = bench.get<DiskFile>((done) => bench.disk.open('a', { mode: 'write', direct: true }, done));
  t.false(file.direct);
  bench.write(file, fill(1, 10), 3);
});

test("another disk's file, and one from before a crash, are refused", (t) => {
  const bench = new Bench(1);
  const file = bench.open('a');
  bench.crash('process');
  t.throws(() => bench.disk.sync(file, () => {}), { instanceOf: AssertionError });
});
