/**
 * A node in memory behind the client's transport, speaking the real codec, with the real check of batches and the real
 * state of idempotent producers, so that a client that gets sequences wrong is found out. What goes wrong is scripted.
 */

import { isDeepStrictEqual } from 'node:util';
import { FrameAssembler } from '../../../src/edges/client/assembler.ts';
import { crc32c } from '../../../src/edges/client/checksum.ts';
import { msgpack } from '../../../src/edges/client/msgpack.ts';
import type { Clock, ServerAddress, Socket, SocketHandlers, Transport } from '../../../src/edges/client/ports.ts';
import { Producers } from '../../../src/log/producers.ts';
import { readLastOffsetDelta, readNextOffset, stampBatch } from '../../../src/model/batch.ts';
import { checkBatch } from '../../../src/model/batch-check.ts';
import { type Fault, fault } from '../../../src/model/faults.ts';
import { id, type Offset, type PartitionId, type PartitionIndex } from '../../../src/model/ids.ts';
import { TOPIC_DEFAULTS, type Topic } from '../../../src/model/topic.ts';
import { decodeRequest, encodeHelloAnswer, encodeReply } from '../../../src/protocols/native/codec.ts';
import { measure, openFrame } from '../../../src/protocols/native/frame.ts';
import type { Place } from '../../../src/protocols/place.ts';
import type { FetchRequest, ProduceRequest, Reply, Request } from '../../../src/protocols/request.ts';
import { FakeGroups } from './fake-groups.ts';

/** What happens to a request. `drop`: the stream ends before it is done. `forget`: it is done, then the stream ends. */
export type Fate = 'drop' | 'forget' | 'hold' | Reply | undefined;

/** One partition. */
export class FakePartition {
  readonly batches: Uint8Array[] = [];
  readonly producers = new Producers();
  end = 0;
  begin = 0;
  /** Behind the last record that any fetch was given. */
  given = 0;

  append(bytes: Uint8Array): { baseOffset: Offset; beginOffset: Offset } | { fault: Fault } {
    const wrong = checkBatch(bytes, crc32c);
    if (wrong !== null) return { fault: wrong };
    const verdict = this.producers.check(bytes);
    if (verdict.kind === 'fault') return { fault: verdict.fault };
    if (verdict.kind === 'duplicate') return { baseOffset: verdict.baseOffset, beginOffset: id(this.begin) };
    const batch = Uint8Array.from(bytes);
    stampBatch(batch, 0, id(this.end), id(0));
    this.producers.append(batch);
    const baseOffset = this.end;
    this.end += readLastOffsetDelta(batch) + 1;
    this.producers.commit(id(this.end));
    this.batches.push(batch);
    return { baseOffset: id(baseOffset), beginOffset: id(this.begin) };
  }
}

interface Session {
  readonly places: Map<string, { place: Place; next: number }>;
}

export class FakeNode implements Transport {
  readonly topics = new Map<string, Topic>();
  readonly partitions = new Map<string, FakePartition>();
  readonly requests: Request[] = [];
  readonly groups = new FakeGroups();
  /** Decides what happens to a request before it is carried out. */
  fate: (request: Request) => Fate = () => undefined;
  partitionsDefault = 4;
  /** While false every attempt to connect fails. */
  up = true;
  readonly clock: Clock;
  #connections = new Set<FakeConnection>();
  #producerIds = 0;
  #topicIds = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get connections(): number {
    return this.#connections.size;
  }

  open(_server: ServerAddress, handlers: SocketHandlers): Socket {
    const connection = new FakeConnection(this, handlers, () => this.#connections.delete(connection));
    if (this.up) this.#connections.add(connection);
    setImmediate(() => (this.up ? handlers.opened() : connection.close()));
    return connection;
  }

  /** Ends every stream. */
  disconnect(): void {
    for (const connection of [...this.#connections]) connection.close();
  }

  createTopic(name: string, partitions = this.partitionsDefault): Topic {
    const topic: Topic = {
      id: id(++this.#topicIds),
      name,
      createdAt: id(1),
      partitions: Array.from({ length: partitions }, (_, index) => id(this.#topicIds * 100 + index)),
      settings: TOPIC_DEFAULTS,
      version: 1,
    };
    this.topics.set(name, topic);
    this.groups.learn(topic);
    for (const index of topic.partitions.keys()) this.partitions.set(`${topic.id}/${index}`, new FakePartition());
    return topic;
  }

  addPartition(name: string): void {
    const topic = this.topics.get(name);
    if (topic === undefined) throw new Error(`no topic ${name}`);
    const index = topic.partitions.length;
    const partitions = [...topic.partitions, id<PartitionId>(topic.id * 100 + index)];
    this.topics.set(name, { ...topic, partitions, version: topic.version + 1 });
    this.partitions.set(`${topic.id}/${index}`, new FakePartition());
  }

  partition(topic: string, index: number): FakePartition {
    const found = this.partitions.get(`${this.topics.get(topic)?.id}/${index}`);
    if (found === undefined) throw new Error(`no partition ${topic}/${index}`);
    return found;
  }

  carryOut(request: Request, sessions: Map<number, Session>): Reply {
    const grouped = this.groups.carryOut(request);
    if (grouped !== undefined) return grouped;
    switch (request.call) {
      case 'produce':
        return this.#produce(request);
      case 'fetch':
        return this.#fetch(request, sessions);
      case 'producer':
        return { call: 'producer', producerId: id(++this.#producerIds), epoch: id(0) };
      case 'resolve':
        return { call: 'resolve', topics: request.names.map((name) => this.#resolve(name, request.create)) };
      case 'offsets':
        return { call: 'offsets', parts: request.parts.map((part) => ({ ...placeOf(part), ...this.#offset(part) })) };
      case 'topics':
        return { call: 'topics', topics: [...this.topics.values()] };
      default:
        return { call: 'refused', fault: fault('UNKNOWN_CALL', request.call) };
    }
  }

  #resolve(name: string, create: boolean): { topic: Topic } | { name: string; fault: Fault } {
    const topic = this.topics.get(name) ?? (create ? this.createTopic(name) : undefined);
    return topic === undefined ? { name, fault: fault('UNKNOWN_TOPIC', name) } : { topic };
  }

  #produce({ parts }: ProduceRequest): Reply {
    return {
      call: 'produce',
      parts: parts.map((part) => {
        const partition = this.partitions.get(`${part.topic}/${part.partition}`);
        const outcome = partition?.append(part.batch) ?? { fault: fault('UNKNOWN_TOPIC', `${part.topic}`) };
        return { ...placeOf(part), ...outcome };
      }),
    };
  }

  #offset({ topic, partition, at }: Place & { at: unknown }): { offset: Offset; timestamp: number } | { fault: Fault } {
    const found = this.partitions.get(`${topic}/${partition}`);
    if (found === undefined) return { fault: fault('UNKNOWN_PARTITION', `${partition}`) };
    return { offset: id(at === 'begin' ? found.begin : found.end), timestamp: -1 };
  }

  #fetch(request: FetchRequest, sessions: Map<number, Session>): Reply {
    const number = request.session === 0 ? sessions.size + 1 : request.session;
    const session = request.session === 0 ? { places: new Map() } : sessions.get(number);
    if (session === undefined) return { call: 'refused', fault: fault('INVALID_REQUEST', 'no such session') };
    sessions.set(number, session);
    for (const { topic, partition } of request.drop) session.places.delete(`${topic}/${partition}`);
    for (const { topic, partition, offset } of request.add)
      session.places.set(`${topic}/${partition}`, { place: { topic, partition }, next: offset });
    let left = request.bytesMax;
    const parts = [...session.places.values()].flatMap((entry) => {
      const given = left > 0 ? this.#part(entry, left) : [];
      for (const { bytes } of given) left -= bytes.length;
      return given;
    });
    return { call: 'fetch', session: number, parts };
  }

  /** Whole batches up to `bytesMax`, the first one whatever its size. */
  #part(entry: { place: Place; next: number }, bytesMax: number): (Reply & { call: 'fetch' })['parts'][number][] {
    const partition = this.partitions.get(`${entry.place.topic}/${entry.place.partition}`);
    const ends = { begin: id<Offset>(partition?.begin ?? 0), end: id<Offset>(partition?.end ?? 0) };
    const nothing = { ...entry.place, ...ends, bytes: new Uint8Array(0) };
    if (partition === undefined) return [{ ...nothing, fault: fault('UNKNOWN_TOPIC', 'gone') }];
    if (entry.next < partition.begin || entry.next > partition.end)
      return [{ ...nothing, fault: fault('OFFSET_OUT_OF_RANGE', `${entry.next}`) }];
    const given: Uint8Array[] = [];
    let room = bytesMax;
    for (const batch of partition.batches) {
      if (readNextOffset(batch) <= entry.next) continue;
      if (given.length > 0 && batch.length > room) break;
      given.push(batch);
      room -= batch.length;
    }
    const last = given.at(-1);
    if (last !== undefined) entry.next = readNextOffset(last);
    partition.given = Math.max(partition.given, entry.next);
    const bytes = Buffer.concat(given);
    return bytes.length === 0 ? [] : [{ ...entry.place, ...ends, bytes }];
  }
}

const placeOf = ({ topic, partition }: Place): { topic: Place['topic']; partition: PartitionIndex } => ({
  topic,
  partition,
});

/** How often a held request is looked at again, and how long it is held at most, ms. */
const LOOK_MS = 5;
const HELD_MS_MAX = 1_000;

/** Is there nothing to say yet? */
function holds(request: Request, reply: Reply): boolean {
  if (request.call === 'fetch') return reply.call === 'fetch' && reply.parts.length === 0;
  return request.call === 'heartbeat' && reply.call === 'heartbeat' && reply.epoch === request.epoch;
}

class FakeConnection implements Socket {
  readonly #node: FakeNode;
  readonly #handlers: SocketHandlers;
  readonly #onClose: () => void;
  readonly #assembler = new FrameAssembler((head) => measure(head, 64 * 1024 * 1024));
  readonly #sessions = new Map<number, Session>();
  #closed = false;

  constructor(node: FakeNode, handlers: SocketHandlers, onClose: () => void) {
    this.#node = node;
    this.#handlers = handlers;
    this.#onClose = onClose;
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const bytes = Uint8Array.from(Buffer.concat(chunks));
    setImmediate(() => this.#receive(bytes));
    return true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
    setImmediate(() => this.#handlers.closed());
  }

  #receive(bytes: Uint8Array): void {
    if (this.#closed) return;
    const frames = this.#assembler.push(bytes);
    if (!frames.ok) throw new Error(frames.fault.message);
    for (const frame of frames.value) this.#take(frame);
  }

  #take(bytes: Uint8Array): void {
    const frame = openFrame(bytes);
    if (!frame.ok) throw new Error(frame.fault.message);
    const said = decodeRequest(msgpack, frame.value);
    if (!said.ok) throw new Error(said.fault.message);
    if (said.value.type === 'hello') this.#greet(frame.value.correlation);
    else this.#ask(frame.value.correlation, said.value.request);
  }

  #greet(correlation: number): void {
    const limits = {
      frameBytes: 16 * 1024 * 1024,
      requestsInFlight: 256,
      fetchSessions: 16,
      fetchBytes: 8 * 1024 * 1024,
      waitMs: 60_000,
      idleMs: 600_000,
    };
    const answer = { version: 1, software: 'fake', node: 1, cluster: 'fake', features: [], limits };
    this.#send(encodeHelloAnswer(msgpack, correlation, answer));
  }

  #ask(correlation: number, request: Request): void {
    if (this.#closed) return;
    this.#node.requests.push(request);
    const fate = this.#node.fate(request);
    if (fate === 'hold') return;
    if (fate === 'drop') {
      this.close();
      return;
    }
    const reply = typeof fate === 'object' ? fate : this.#node.carryOut(request, this.#sessions);
    if (fate === 'forget') this.close();
    else if (request.call !== 'produce' || request.acks !== 'none') this.#answer(correlation, reply, request);
  }

  /** Holds the answer while there is nothing new, as a node does that waits. */
  #answer(correlation: number, reply: Reply, request: Request): void {
    const heldMs = holds(request, reply)
      ? request.call === 'fetch' || request.call === 'heartbeat'
        ? request.waitMs
        : 0
      : 0;
    const untilMs = this.#node.clock.monotonicMs() + Math.min(heldMs, HELD_MS_MAX);
    this.#hold(correlation, reply, request, heldMs === 0 ? 0 : untilMs);
  }

  #hold(correlation: number, reply: Reply, request: Request, untilMs: number): void {
    if (this.#closed) return;
    if (this.#node.clock.monotonicMs() >= untilMs) {
      this.#send(encodeReply(msgpack, correlation, reply));
      return;
    }
    this.#node.clock.after(LOOK_MS, () => {
      if (this.#closed) return;
      const session = reply.call === 'fetch' ? { session: reply.session, add: [], drop: [] } : {};
      const next = this.#node.carryOut({ ...request, ...session } as Request, this.#sessions);
      const isNews = !holds(request, next) || (next.call === 'heartbeat' && !isDeepStrictEqual(next, reply));
      this.#hold(correlation, next, request, isNews ? 0 : untilMs);
    });
  }

  #send(views: readonly Uint8Array[]): void {
    const bytes = Uint8Array.from(Buffer.concat(views));
    // What was sent before the end of the stream arrives before it.
    setImmediate(() => this.#handlers.data(bytes));
  }
}
