/** The rings and bells between two real threads, which simulation never runs, and their edges in one. */
import { Worker } from 'node:worker_threads';
import test from 'ava';
import fc from 'fast-check';
import { Bell, createBells } from '../../runtime/bell.ts';
import { createRing, RingReader, RingWriter, resetRing } from '../../runtime/ring.ts';
import { sized } from '../long.ts';
import { sizes, type WriterData } from './ring-threads.ts';

function put(writer: RingWriter, bytes: Uint8Array): boolean {
  const at = writer.claim(bytes.length);
  if (at < 0) return false;
  writer.bytes.set(bytes, at);
  writer.publish();
  return true;
}

function takeAll(reader: RingReader, max = Number.MAX_SAFE_INTEGER): Uint8Array[] {
  const out: Uint8Array[] = [];
  reader.drain(max, (bytes, at, length) => out.push(bytes.slice(at, at + length)));
  return out;
}

test('a ring behaves like a bounded queue of byte strings, whatever is written and read', (t) => {
  const command = fc.oneof(
    fc.record({ write: fc.uint8Array({ maxLength: 100 }) }),
    fc.record({ read: fc.integer({ min: 1, max: 5 }) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 300 }), (commands) => {
      const memory = createRing(256);
      const writer = new RingWriter(memory);
      const reader = new RingReader(memory);
      const expected: Uint8Array[] = [];
      for (const step of commands) {
        if ('write' in step) {
          if (put(writer, step.write)) expected.push(step.write);
          else t.false(reader.empty);
        } else {
          for (const got of takeAll(reader, step.read)) t.deepEqual(got, expected.shift());
        }
      }
      t.deepEqual(takeAll(reader), expected);
      t.true(reader.empty);
    }),
    { numRuns: 200 },
  );
});

test('a writer that found the ring full is told once, when half of it is free', (t) => {
  const memory = createRing(256);
  const writer = new RingWriter(memory);
  const reader = new RingReader(memory);
  while (put(writer, new Uint8Array(24)));
  t.false(reader.writerWaits());
  takeAll(reader, 2);
  t.false(reader.writerWaits(), 'less than half is free');
  takeAll(reader);
  t.true(reader.writerWaits());
  t.false(reader.writerWaits());
  t.true(put(writer, new Uint8Array(24)));
});

test('a record longer than half of the ring is refused loudly', (t) => {
  const writer = new RingWriter(createRing(256));
  t.throws(() => writer.claim(writer.recordBytesMax + 1), { message: /does not fit/ });
});

test('a handler that throws loses its own record and no other', (t) => {
  const memory = createRing(256);
  const writer = new RingWriter(memory);
  const reader = new RingReader(memory);
  put(writer, Uint8Array.of(1));
  put(writer, Uint8Array.of(2));
  t.throws(() =>
    reader.drain(9, () => {
      throw new Error('crash');
    }),
  );
  t.deepEqual(takeAll(reader), [Uint8Array.of(2)]);
});

test('a ring that was reset is empty for new ends', (t) => {
  const memory = createRing(256);
  put(new RingWriter(memory), Uint8Array.of(1));
  resetRing(memory);
  const reader = new RingReader(memory);
  t.true(reader.empty);
  t.true(put(new RingWriter(memory), Uint8Array.of(7)));
  t.deepEqual(takeAll(reader), [Uint8Array.of(7)]);
});

test('a bell wakes a sleeper once and leaves one who woke by himself alone', async (t) => {
  const bells = createBells(2);
  const sleeper = new Bell(bells, 1);
  const other = new Bell(bells, 1);
  let woken = 0;
  const keepAlive = setInterval(() => {}, 1_000);
  await new Promise<void>((resolve) => {
    sleeper.arm(() => {
      woken += 1;
      resolve();
    });
    other.ring();
    other.ring();
  });
  t.is(woken, 1);
  sleeper.arm(() => {
    woken += 1;
  });
  sleeper.disarm();
  other.ring();
  await new Promise((resolve) => setTimeout(resolve, 20));
  clearInterval(keepAlive);
  t.is(woken, 1);
});

test('a sleep after one that ended by itself is rung, also when the ring came between the two', async (t) => {
  const bells = createBells(1);
  const sleeper = new Bell(bells, 0);
  const other = new Bell(bells, 0);
  const keepAlive = setInterval(() => {}, 1_000);
  const rung = (between: () => void): Promise<void> =>
    new Promise((resolve) => {
      sleeper.arm(() => t.fail('this sleep is over'));
      between();
      sleeper.disarm();
      sleeper.arm(resolve);
      other.ring();
    });
  await rung(() => {});
  // The waiter of the first sleep is used up before the second one begins.
  await rung(() => other.ring());
  await rung(() => {});
  clearInterval(keepAlive);
  t.pass();
});

/** Reads what a writer on another thread sends; resolves with the number of wake-ups. */
async function readAll(data: WriterData): Promise<number> {
  const reader = new RingReader(data.ring);
  const bell = new Bell(data.bells, 0);
  const writerBell = new Bell(data.bells, 1);
  const next = sizes(data.seed, data.bytesMax);
  let index = 0;
  let wakes = 0;
  await new Promise<void>((resolve, reject) => {
    const worker = new Worker(new URL('./ring-threads.ts', import.meta.url), { workerData: data });
    worker.on('error', reject);
    // From the start: a writer that fills a large ring with its last records may be gone before they are read.
    const gone = new Promise((exited) => worker.once('exit', exited));
    const check = (bytes: Uint8Array, at: number, length: number): void => {
      const size = next();
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const last = bytes[at + length - 1];
      const whole = length === size && view.getUint32(at, true) === index && (length === 4 || last === (index & 0xff));
      if (!whole) throw new Error(`record ${index} of ${size} bytes came out wrong`);
      index += 1;
    };
    const pump = (): void => {
      wakes += 1;
      try {
        while (reader.drain(64, check) > 0) if (reader.writerWaits()) writerBell.ring();
      } catch (error) {
        reject(error);
        return;
      }
      if (index === data.records) {
        void gone.then(() => resolve());
        return;
      }
      bell.arm(pump);
      if (reader.empty) return;
      bell.disarm();
      setImmediate(pump);
    };
    pump();
  });
  return wakes;
}

const records = sized(1_000_000, 100_000_000);
for (const [capacity, bytesMax, pauseEvery] of [
  [256, 100, 997],
  [65_536, 2_000, 50_021],
  [1 << 20, 64, 250_007],
] as const) {
  test.serial(`between two threads every record comes whole and in order, ring of ${capacity} bytes`, async (t) => {
    const count = capacity === 256 ? Math.ceil(records / 10) : records;
    const data = {
      ring: createRing(capacity),
      bells: createBells(2),
      records: count,
      seed: capacity + 17,
      bytesMax,
      pauseEvery,
    };
    const wakes = await readAll(data);
    t.log(`${count} records, ${wakes} wake-ups of the reader`);
    t.true(wakes > 1, 'it slept at least once');
  });
}
