/** The writer's thread of the ring's interleaving test: records of random sizes whose content says which one it is. */
import { parentPort, workerData } from 'node:worker_threads';
import { Bell } from '../../runtime/bell.ts';
import { RingWriter } from '../../runtime/ring.ts';

export interface WriterData {
  readonly ring: SharedArrayBuffer;
  readonly bells: SharedArrayBuffer;
  readonly records: number;
  readonly seed: number;
  readonly bytesMax: number;
  /** One pause in so many records. */
  readonly pauseEvery: number;
}

/** xorshift32: both threads draw the same sizes. */
export function sizes(seed: number, bytesMax: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return 4 + ((state >>> 0) % (bytesMax - 3));
  };
}

function write(data: WriterData): void {
  const writer = new RingWriter(data.ring);
  const readerBell = new Bell(data.bells, 0);
  const ownBell = new Bell(data.bells, 1);
  const next = sizes(data.seed, data.bytesMax);
  let index = 0;
  let size = next();
  const pump = (): void => {
    while (index < data.records) {
      const at = writer.claim(size);
      if (at < 0) {
        // Full: sleep until the reader says that there is room. A lost bell hangs here and the test times out.
        ownBell.arm(pump);
        if (writer.waits) return;
        ownBell.disarm();
        continue;
      }
      new DataView(writer.bytes.buffer, writer.bytes.byteOffset).setUint32(at, index, true);
      writer.bytes.fill(index & 0xff, at + 4, at + size);
      writer.publish();
      readerBell.ring();
      index += 1;
      size = next();
      if (index % data.pauseEvery === 0) {
        setTimeout(pump, index % 3);
        return;
      }
    }
    parentPort?.close();
  };
  pump();
}

if (parentPort !== null) {
  parentPort.ref();
  write(workerData as WriterData);
}
