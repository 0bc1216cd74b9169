/** That a seed is the whole world: equal seeds, equal traces; another seed, another trace; and what a crash takes along. */

import test from 'ava';
import fc from 'fast-check';
import type { Ports, SocketHandlers } from '../../../runtime/ports.ts';
import { SimulatedPool } from '../../../runtime/simulated/pool.ts';
import { SeededRandom } from '../../../runtime/simulated/random.ts';
import { World } from '../../../runtime/simulated/world.ts';

/** Writes and syncs for ever, a next one when the last was answered. */
function keepWriting({ disk, random, clock }: Ports, path: string): void {
  disk.open(path, { mode: 'write' }, (_error, file) => {
    if (file === undefined) return;
    const next = (): void => {
      disk.write(file, [random.bytes(1 + random.below(2_000))], random.below(50_000), () => {
        disk.sync(file, () => clock.after(random.below(3), next));
      });
    };
    next();
  });
}

/** Talks to itself over the network for ever. */
function keepTalking({ network, random, clock }: Ports): void {
  const echo: SocketHandlers = { data() {}, closed() {} };
  network.listen(
    { host: 'localhost', port: 0, shared: false },
    (socket) => ({ ...echo, data: (chunk) => socket.write([chunk.slice()], () => {}) }),
    (_error, listening) => {
      network.connect('localhost', listening?.port ?? 0, echo, (_refused, socket) => {
        const next = (): void => socket?.write([random.bytes(1 + random.below(9_000))], () => clock.after(1, next));
        next();
      });
    },
  );
}

function traceOf(seed: number): string {
  const lines: string[] = [];
  const world = new World({ seed, jobs: { double: (value: number) => value * 2 }, trace: (line) => lines.push(line) });
  world
    .disk('a')
    .faults.add({ operations: ['write', 'sync'], probability: 0.05, effect: { kind: 'error', code: 'EIO' } });
  for (const host of ['a', 'b']) {
    const ports = world.ports(host);
    for (const path of ['x', 'y']) keepWriting(ports, path);
    keepTalking(ports);
    ports.pool.run('double', 21, (_error, result) => ports.logger.info({ result }, 'doubled'));
  }
  world.clock.advance(50);
  world.crash('a', 'power');
  keepWriting(world.ports('a'), 'x');
  world.clock.advance(50);
  lines.push(Buffer.from(world.disk('a').peek('x')).toString('hex'), String(world.random.next()));
  return lines.join('\n');
}

test('equal seeds give equal traces, other seeds others', (t) => {
  const first = traceOf(7);
  t.true(first.split('\n').length > 200);
  t.true(first.includes(' EIO'));
  t.true(first.includes('"result":42'));
  t.is(traceOf(7), first);
  t.not(traceOf(8), first);
});

test('a crash takes timers, calls and connections of its host along, and leaves the others theirs', (t) => {
  const world = new World({ seed: 1, jobs: { none: () => null } });
  const [crashing, staying] = [world.ports('a'), world.ports('b')];
  const heard: string[] = [];
  for (const [name, ports] of [
    ['a', crashing],
    ['b', staying],
  ] as const) {
    ports.clock.after(5, () => heard.push(`${name} timer`));
    ports.disk.open('f', { mode: 'write' }, () => heard.push(`${name} disk`));
    ports.network.listen(
      { host: 'localhost', port: 1, shared: false },
      () => ({ data() {}, closed() {} }),
      () => heard.push(`${name} network`),
    );
    ports.pool.run('none', null, () => heard.push(`${name} pool`));
  }
  world.crash('a', 'process');
  world.clock.advance(100);
  t.deepEqual(heard.toSorted(), ['b disk', 'b network', 'b pool', 'b timer']);
});

test('a thread that ends leaves its host, its disk and the other threads as they are', (t) => {
  const world = new World({ seed: 1, jobs: { none: () => null } });
  const [ending, staying] = [world.ports('a'), world.ports('a')];
  const heard: string[] = [];
  const remote: SocketHandlers = { data() {}, closed: (reason) => heard.push(`other side: ${reason}`) };
  const listen = { host: '0.0.0.0', port: 1, shared: false };
  ending.network.listen(
    listen,
    () => ({ data() {}, closed: () => heard.push('ended: closed') }),
    () => {},
  );
  world.clock.advance(1);
  staying.network.connect('a', 1, remote, () => {});
  world.clock.advance(5);
  for (const [name, ports] of [
    ['ended', ending],
    ['stayed', staying],
  ] as const) {
    ports.clock.after(5, () => heard.push(`${name}: timer`));
    ports.disk.open(name, { mode: 'write' }, () => heard.push(`${name}: disk`));
    ports.pool.run('none', null, () => heard.push(`${name}: pool`));
  }
  ending.end();
  staying.network.listen(
    listen,
    () => ({ data() {}, closed() {} }),
    (error) => heard.push(`port free: ${error}`),
  );
  world.clock.advance(100);
  t.deepEqual(heard.toSorted(), [
    'other side: connection reset',
    'port free: null',
    'stayed: disk',
    'stayed: pool',
    'stayed: timer',
  ]);
  t.deepEqual([...world.disk('a').peek('ended')], [], 'what was asked of the disk has happened');
});

test('seeded numbers are the same for ever', (t) => {
  const random = new SeededRandom(42);
  const drawn = [random.uint32(), random.below(1_000), random.fork().below(1_000), ...random.bytes(2)];
  t.deepEqual(drawn, [145_076_852, 755, 707, 40, 45]);
  t.notDeepEqual([...new SeededRandom(0).bytes(8)], [...new SeededRandom(1).bytes(8)]);
  t.notDeepEqual([...new SeededRandom(1).bytes(8)], [...new SeededRandom(2 ** 32 + 1).bytes(8)]);
});

test('a fork is a stream of its own: what one draws does not move the other', (t) => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(50), (seed, draws) => {
      const [quiet, busy] = [new SeededRandom(seed), new SeededRandom(seed)];
      const [first, second] = [quiet.fork(), busy.fork()];
      for (let draw = 0; draw < draws; draw += 1) busy.next();
      t.deepEqual([...first.bytes(8)], [...second.bytes(8)]);
    }),
  );
});

test('simulated jobs get copies, and answer what they return or throw', (t) => {
  const world = new World({ seed: 1 });
  const seen: number[][] = [];
  const pool = new SimulatedPool({
    clock: world.clock,
    random: world.random,
    jobs: {
      keep: (list: number[]) => {
        seen.push(list);
        return list;
      },
      fail: () => {
        throw new Error('no reason');
      },
    },
  });
  const answers: unknown[] = [];
  const mine = [1, 2];
  pool.run('keep', mine, (error, result) => answers.push([error, result]));
  pool.run('fail', null, (error) => answers.push(error));
  pool.run('__proto__', null, (error) => answers.push(error));
  t.deepEqual(answers, []);
  world.clock.advance(100);
  t.is(answers.length, 3);
  t.deepEqual(answers.find(Array.isArray), [null, [1, 2]]);
  t.true(answers.includes('no reason') && answers.includes('no job is named __proto__'));
  t.not((answers.find(Array.isArray) as unknown[])[1], seen[0]);
});
