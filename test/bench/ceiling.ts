/**
 * The ceiling: how fast could any broker on Node be with these frames on this machine? One thread that takes the frames of
 * the generator, checks each batch's CRC-32C and writes as the broker does (large batches directly into a file for each
 * partition, small ones into one journal, durably before the answer or within an interval, as the topic asks), with no broker around it: no actors, no
 * shards, no entries, no recovery, no check of anything but the checksum. It loses data by nature.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { NodeNetwork } from '../../runtime/listener.ts';
import type { Socket, SocketHandlers } from '../../runtime/ports.ts';
import { msgpack } from '../../src/edges/client/msgpack.ts';
import { assert } from '../../src/model/assert.ts';
import { crcHolds, readLastOffsetDelta, stampBatch } from '../../src/model/batch.ts';
import type { Epoch, Offset } from '../../src/model/ids.ts';
import { FRAME_BYTES_MAX, JOURNALED_BATCH_BYTES_MAX } from '../../src/model/limits.ts';
import { TOPIC_DEFAULTS, type TopicSettings } from '../../src/model/topic.ts';
import { Assembler } from '../../src/protocols/assembling.ts';
import { HELLO_KIND } from '../../src/protocols/native/calls/hello.ts';
import { calls } from '../../src/protocols/native/calls.ts';
import {
  ANSWER_BIT,
  buildFrame,
  type Frame,
  HEADER_BYTES,
  measure,
  openFrame,
} from '../../src/protocols/native/frame.ts';
import { JOURNAL_RING_BYTES, LOG_RING_BYTES, RingFile } from './ceiling-log.ts';

const [port = 0, folder = ''] = JSON.parse(process.argv[2] ?? '[]') as [number?, string?];
mkdirSync(folder, { recursive: true });

/** Where a batch lies. */
interface Placed {
  readonly base: number;
  readonly file: RingFile;
  readonly from: number;
  readonly to: number;
}

class Partition {
  readonly #path: string;
  readonly #flushMs: number;
  #log: RingFile | null = null;
  readonly #placed: Placed[] = [];
  #forgotten = 0;
  readonly #parked: (() => void)[] = [];
  end = 0;
  committed = 0;

  /** @param flushMs how long its bytes may be without an fsync. */
  constructor(path: string, flushMs: number) {
    this.#path = path;
    this.#flushMs = flushMs;
  }

  append(batch: Uint8Array, done: (base: number) => void): void {
    const base = this.end;
    stampBatch(batch, 0, base as Offset, 0 as Epoch);
    this.end += readLastOffsetDelta(batch) + 1;
    const next = this.end;
    const file = batch.length < JOURNALED_BATCH_BYTES_MAX ? journal : this.#file();
    this.#placed.push({ base, file, from: file.position, to: file.position + batch.length });
    if (this.#placed.length > 65_536) this.#forget();
    file.append(batch, this.#flushMs, () => {
      this.committed = next;
      done(base);
      for (const again of this.#parked.splice(0)) again();
    });
  }

  /** Committed batches from `offset` on, as far as `bytesMax`, one at least. */
  read(
    offset: number,
    bytesMax: number,
  ): { readonly views: Uint8Array[]; readonly bytes: number; readonly next: number } {
    const views: Uint8Array[] = [];
    let bytes = 0;
    let next = offset;
    for (let index = this.#indexOf(offset); index < this.#placed.length && next < this.committed; index++) {
      const { file, from, to } = this.#placed[index] as Placed;
      if (bytes > 0 && bytes + to - from > bytesMax) break;
      const parts = file.views(from, to);
      assert(parts !== null, 'the ceiling serves only what its ring holds');
      views.push(...parts);
      bytes += to - from;
      next = this.#placed[index + 1]?.base ?? this.end;
    }
    return { views, bytes, next };
  }

  /** Tells once when more was committed. */
  park(again: () => void): void {
    this.#parked.push(again);
  }

  close(): void {
    this.#log?.close();
    rmSync(this.#path, { force: true });
  }

  #file(): RingFile {
    this.#log ??= new RingFile(this.#path, LOG_RING_BYTES);
    return this.#log;
  }

  #indexOf(offset: number): number {
    let low = this.#forgotten;
    let high = this.#placed.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#placed[middle]?.base ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return Math.max(low - 1, this.#forgotten);
  }

  #forget(): void {
    this.#placed.splice(0, this.#placed.length / 2);
  }
}

interface Topic {
  readonly id: number;
  readonly name: string;
  readonly partitions: readonly Partition[];
}
const topics = new Map<number, Topic>();
let lastTopic = 0;
const journal = new RingFile(join(folder, 'journal'), JOURNAL_RING_BYTES, JOURNAL_RING_BYTES);

function createTopic(plan: { name: string; partitions: number; settings: Partial<TopicSettings> }): unknown {
  const id = ++lastTopic;
  const settings = { ...TOPIC_DEFAULTS, ...plan.settings };
  const flushMs = settings.durability === 'fsync' ? 0 : settings.flushIntervalMs;
  const paths = Array.from({ length: plan.partitions }, (_, index) => join(folder, `${id}-${index}`));
  const partitions = paths.map((path) => new Partition(path, flushMs));
  topics.set(id, { id, name: plan.name, partitions });
  return {
    topic: { id, name: plan.name, createdAt: 0, partitions: paths.map((_, index) => index), settings, version: 1 },
  };
}

function deleteTopic({ name }: { name: string }): unknown {
  const topic = [...topics.values()].find((one) => one.name === name);
  assert(topic !== undefined, 'the topic is there');
  topics.delete(topic.id);
  for (const partition of topic.partitions) partition.close();
  const partitions = topic.partitions.map((_, index) => index);
  return { topic: { id: topic.id, name, createdAt: 0, partitions, settings: TOPIC_DEFAULTS, version: 1 } };
}

function partitionAt(topic: number, partition: number): Partition {
  const found = topics.get(topic)?.partitions[partition];
  assert(found !== undefined, 'the partition is there');
  return found;
}

type Fields<T> = T & Readonly<Record<string, unknown>>;
type ProduceFields = Fields<{ parts: { topic: number; partition: number; length: number }[] }>;
type FetchFields = Fields<{
  add: { topic: number; partition: number; offset: number; bytesMax: number }[];
  bytesMax: number;
}>;

interface Followed {
  readonly topic: number;
  readonly partition: number;
  readonly bytesMax: number;
  next: number;
}

class Client implements SocketHandlers {
  readonly #socket: Socket;
  readonly #assembler: Assembler<{ readonly bytes: Uint8Array; release(): void }>;
  /** One frame at a time is here: its batches are copied before the next one is begun. */
  #memory = new Uint8Array(0);
  readonly #session = new Map<string, Followed>();
  readonly #held: Uint8Array[] = [];
  #writing = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    const lease = (length: number): { readonly bytes: Uint8Array; release(): void } => {
      if (this.#memory.length < length) this.#memory = new Uint8Array(length);
      return { bytes: this.#memory.subarray(0, length), release: () => {} };
    };
    const take = (frame: Uint8Array): boolean => {
      const opened = openFrame(frame);
      assert(opened.ok, 'the generator sends whole frames');
      this.#frame(opened.value);
      return true;
    };
    this.#assembler = new Assembler({ measure: (head) => measure(head, FRAME_BYTES_MAX), lease, take }, HEADER_BYTES);
  }

  data(chunk: Uint8Array): void {
    this.#assembler.push(chunk);
  }

  closed(): void {
    this.#assembler.release();
  }

  #frame(frame: Frame): void {
    const fields = msgpack.decode(frame.fields);
    const answer = (value: unknown): void => this.#answer(frame, value, []);
    if (frame.kind === calls.produce.kind) this.#produce(frame, fields as ProduceFields);
    else if (frame.kind === calls.fetch.kind) this.#fetch(frame, fields as FetchFields);
    else if (frame.kind === calls.createTopic.kind) answer(createTopic(fields as Parameters<typeof createTopic>[0]));
    else if (frame.kind === calls.deleteTopic.kind) answer(deleteTopic(fields as Parameters<typeof deleteTopic>[0]));
    else if (frame.kind === HELLO_KIND) answer({});
    else throw new Error(`the ceiling has no call of kind ${frame.kind}`);
  }

  #produce(frame: Frame, { parts }: ProduceFields): void {
    let at = 0;
    let left = parts.length;
    const answers: unknown[] = [];
    for (const { topic, partition, length } of parts) {
      const batch = frame.raw.subarray(at, at + length);
      at += length;
      assert(crcHolds(batch, 0, crc32c), 'the checksum holds');
      partitionAt(topic, partition).append(batch, (baseOffset) => {
        answers.push({ topic, partition, baseOffset, beginOffset: 0 });
        left--;
        if (left === 0) this.#answer(frame, { parts: answers }, []);
      });
    }
  }

  #fetch(frame: Frame, { add, bytesMax }: FetchFields): void {
    for (const { topic, partition, offset, bytesMax: most } of add)
      this.#session.set(`${topic}/${partition}`, { topic, partition, bytesMax: most, next: offset });
    const parts: unknown[] = [];
    const raw: Uint8Array[] = [];
    let total = 0;
    for (const followed of this.#session.values()) {
      if (total >= bytesMax) break;
      const partition = partitionAt(followed.topic, followed.partition);
      if (followed.next >= partition.committed) continue;
      const { views, bytes, next } = partition.read(followed.next, Math.min(followed.bytesMax, bytesMax - total));
      followed.next = next;
      total += bytes;
      raw.push(...views);
      parts.push({ ...followed, begin: 0, end: partition.committed, length: bytes });
    }
    if (parts.length > 0) this.#answer(frame, { session: 1, parts }, raw);
    else this.#park(frame, bytesMax);
  }

  #park(frame: Frame, bytesMax: number): void {
    let over = false;
    const again = (): void => {
      if (over) return;
      over = true;
      this.#fetch(frame, { add: [], bytesMax });
    };
    for (const { topic, partition } of this.#session.values()) partitionAt(topic, partition).park(again);
  }

  /** What is answered while a write is under way goes out together with the next one. */
  #answer(
    { kind, correlation }: Pick<Frame, 'kind' | 'correlation'>,
    fields: unknown,
    raw: readonly Uint8Array[],
  ): void {
    this.#held.push(...buildFrame(kind | ANSWER_BIT, correlation, msgpack.encode(fields), raw));
    if (!this.#writing) this.#write();
  }

  #write(): void {
    this.#writing = true;
    this.#socket.write(this.#held.splice(0), () => {
      this.#writing = false;
      if (this.#held.length > 0) this.#write();
    });
  }
}

new NodeNetwork((reason) => {
  throw new Error(reason);
}).listen(
  { host: '127.0.0.1', port, shared: false },
  (socket) => new Client(socket),
  (error) => {
    if (error !== null) throw new Error(error);
    console.log('ceiling is listening');
  },
);
