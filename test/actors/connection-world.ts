/**
 * Real listeners and connections on two shards in this thread, real sockets on loopback, and stand-ins for everything
 * they ask. Topic 1 has partitions 64 and 65 (one on each shard), topic 2 one that never answers, topic 3 one that
 * crashes when it is written to.
 */
import { connect, type Socket } from 'node:net';
import { crc32c } from '@node-rs/crc32';
import { makeCensus } from '../../actors/census.ts';
import { makeConnection } from '../../actors/connection.ts';
import type { CoordinatorRequest } from '../../actors/coordinator/contract.ts';
import type { DirectoryRequest } from '../../actors/directory/contract.ts';
import { HeapRoom } from '../../actors/heap-room.ts';
import { greetNative } from '../../actors/listener/native.ts';
import { type ListenerInit, makeListener } from '../../actors/listener.ts';
import type { PartitionAnswer, PartitionRequest } from '../../actors/partition/contract.ts';
import type { Actor, Address, Context, Kind, Tree } from '../../runtime/actor.ts';
import { NodeClock } from '../../runtime/clock.ts';
import { deadLetters } from '../../runtime/dead-letters.ts';
import { fieldsCodec } from '../../runtime/envelope.ts';
import { InProcessShards } from '../../runtime/in-process.ts';
import { NodeNetwork } from '../../runtime/listener.ts';
import type { Disk, Logger, Network, Ports } from '../../runtime/ports.ts';
import { NodeRandom } from '../../runtime/random.ts';
import { BatchBuilder } from '../../src/model/batch-builder.ts';
import { fault } from '../../src/model/faults.ts';
import { GROUP_BOUNDS } from '../../src/model/group-settings.ts';
import { id, type NodeId, type TopicId } from '../../src/model/ids.ts';
import { MIB } from '../../src/model/limits.ts';
import { TOPIC_DEFAULTS, type Topic } from '../../src/model/topic.ts';
import { decodeAnswer, encodeHello, encodeRequest } from '../../src/protocols/native/codec.ts';
import { openFrame } from '../../src/protocols/native/frame.ts';
import type { Reply, Request } from '../../src/protocols/request.ts';
import { FakeLog } from './fake-partition.ts';

const SHARDS = 2;
export const SOME_GROUP = {
  group: 'g',
  state: 'empty',
  members: 0,
  kind: 'consumer',
  protocolType: 'consumer',
} as const;
export const topicOf = (number: number, name: string, partitions: readonly number[]): Topic => ({
  id: id<TopicId>(number),
  name,
  createdAt: id(0),
  partitions: partitions.map((partition) => id(partition)),
  settings: TOPIC_DEFAULTS,
  version: 0,
});

const supervision = { directive: 'restart', crashesMax: 100, windowMs: 1_000, backoffMs: [1, 1] } as const;
const kindOf = (make: (context: Context, key: string, init: unknown) => Actor, rest: Partial<Kind>): Kind => ({
  make: make as Kind['make'],
  supervision,
  begins: 'start',
  keys: (shards) => Array.from({ length: shards }, (_, shard) => String(shard)),
  place: (key) => Number(key),
  mailboxMax: 2_000,
  ...rest,
});

interface Options {
  readonly connectionsMax?: number;
  readonly arenaBytes?: number;
  readonly heapRoomBytes?: number;
}

export class ConnectionWorld {
  readonly topics = [topicOf(1, 'orders', [64, 65]), topicOf(2, 'silent', [66]), topicOf(3, 'fragile', [67])];
  readonly logs = new Map<number, FakeLog>();
  readonly unwatched: number[] = [];
  /** Held answers of the coordinators. */
  readonly asked: { readonly message: CoordinatorRequest; answer(reply: object): void }[] = [];
  readonly failures: string[] = [];
  leasesFull = false;
  readonly shards: InProcessShards;
  /** Of all shards together. */
  readonly heapRoom: HeapRoom;
  readonly #init: ListenerInit;
  readonly #clients: Client[] = [];

  constructor(options: Options = {}) {
    this.heapRoom = new HeapRoom(options.heapRoomBytes ?? 64 * MIB);
    const listen = { host: '127.0.0.1', port: 0, shared: false };
    const facts = { version: '1.2.3', cluster: 'test', startedAt: id<never>(5), folder: '/data', direct: true };
    this.#init = {
      listeners: { native: listen },
      advertised: { host: '' },
      dialects: { native: (done) => done(greetNative), kafka: () => {} },
      defaults: { partitions: 4, settings: TOPIC_DEFAULTS },
      autoCreate: true,
      offsetRetentionMs: 604_800_000,
      migration: 'bidirectional',
      groupBounds: GROUP_BOUNDS,
      connectionsMax: options.connectionsMax ?? 100,
      frameBytesMax: 4 * MIB,
      frameRoomBytes: 64 * 1024 * 1024,
      fields: fieldsCodec,
      requests: { crc32c: (bytes, seed) => crc32c(bytes as Buffer, seed), facts, heapRoom: this.heapRoom },
    };
    this.shards = new InProcessShards({
      node: id<NodeId>(1),
      shards: SHARDS,
      tree: this.#tree(),
      init: this.#init,
      arenaBytes: options.arenaBytes ?? 32 * MIB,
      pipeBytes: 1 << 18,
      ports: () => ports(),
      failed: (shard, error) => this.failures.push(`${shard}: ${error.stack}`),
    });
    this.shards.start();
  }

  logOf(partition: number): FakeLog {
    const log = this.logs.get(partition) ?? new FakeLog();
    this.logs.set(partition, log);
    return log;
  }

  /** Port of a shard's listener. */
  async port(shard = 0): Promise<number> {
    for (;;) {
      const port = (this.inspect(`listener/${shard}.native`, shard) as { port: number } | undefined)?.port ?? 0;
      if (port > 0) return port;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  inspect(name: string, shard = 0): unknown {
    return this.shards
      .shard(shard)
      .inspect()
      .actors.find((actor) => actor.name === name)?.view;
  }

  connections(shard = 0): number {
    return this.connectionNames(shard).length;
  }

  connectionNames(shard = 0): string[] {
    const names = this.shards
      .shard(shard)
      .inspect()
      .actors.map(({ name }) => name);
    return names.filter((name) => name.startsWith('connection/'));
  }

  async client(shard = 0): Promise<Client> {
    const client = await this.stranger(shard);
    await client.hello();
    return client;
  }

  /** Connected, and has not said hello. */
  async stranger(shard = 0): Promise<Client> {
    const client = new Client(await this.port(shard));
    this.#clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.socket.destroy();
    for (let shard = 0; shard < SHARDS; shard++)
      await new Promise<void>((resolve) => this.shards.shard(shard).stop(1_000, () => resolve()));
  }

  #tree(): Tree {
    const onShard = (keys: (shards: number) => readonly string[]) => ({ keys, place: (key: string) => Number(key) });
    return {
      'dead-letters': deadLetters,
      listener: {
        ...kindOf(makeListener as never, { keys: (shards) => Array.from({ length: shards }, (_, n) => `${n}.native`) }),
        place: (key) => Number(key.split('.')[0]),
        stops: 0,
      },
      connection: {
        make: makeConnection as Kind['make'],
        supervision: { ...supervision, directive: 'stop' },
        begins: 'spawn',
        mailboxMax: 1_000,
        stops: 1,
      },
      census: kindOf(makeCensus as never, {}),
      directory: kindOf(
        (context) => this.#directory(context),
        onShard((n) => Array.from({ length: n }, (_, s) => `${s}`)),
      ),
      partition: kindOf((context, key) => this.#partition(context, Number(key)), {
        begins: 'demand',
        place: (key, shards) => Number(key) % shards,
      }),
      coordinator: kindOf((context) => this.#coordinator(context), {
        begins: 'demand',
        place: (key, shards) => Number(key) % shards,
      }),
      catalog: kindOf((context) => this.#catalog(context), { keys: () => [''], place: () => 0 }),
    };
  }

  #directory(context: Context): Actor {
    return {
      receive: (message: DirectoryRequest, from: Address) => {
        if (message.type === 'list')
          context.reply(from, { type: 'topics', request: message.request, topics: this.topics } as never);
        if (message.type !== 'resolve') return;
        const { request } = message;
        const topic = this.topics.find(({ id: number, name }) => number === message.topic || name === message.topic);
        const why = fault('UNKNOWN_TOPIC', `no topic ${message.topic}`);
        const answer = topic ? { type: 'resolved', request, topic } : { type: 'refused', request, fault: why };
        context.reply(from, answer);
      },
    } as Actor;
  }

  #partition(context: Context, number: number): Actor {
    const log = this.logOf(number);
    let alive = true;
    return {
      stopped: () => {
        alive = false;
      },
      receive: (message: PartitionRequest, from: Address) => {
        const answer = (reply: PartitionAnswer): void => {
          if (alive) context.reply(from, reply);
        };
        if (number === 67 && message.type === 'append') throw new Error('as the test wants it');
        if (number !== 66) this.#serve(context, log, message, answer);
        if (message.type === 'append') message.lease?.release();
      },
    } as Actor;
  }

  #serve(context: Context, log: FakeLog, message: PartitionRequest, answer: (reply: PartitionAnswer) => void): void {
    const { type } = message;
    const request = type === 'unwatch' ? 0 : message.request;
    const begin = id<never>(log.begin);
    const end = id<never>(log.committed);
    if (type === 'append') log.append(message, (reply) => message.acks === 'all' && answer(reply));
    else if (type === 'watch') log.watch(message.offset, () => answer({ type: 'ready', request }));
    else if (type === 'unwatch') this.unwatched.push(message.request);
    else if (type === 'find')
      answer({ type: 'found', request, offset: message.at === 'begin' ? begin : end, timestamp: -1 });
    else if (type === 'describe')
      answer({
        type: 'described',
        request,
        begin,
        end,
        durable: end,
        appended: end,
        sizeBytes: log.sizeBytes,
        segments: 1,
        damaged: [],
      });
    else if (type === 'read') {
      const read = log.read(message.offset, message.bytesMax);
      const lease = 'code' in read ? null : context.lease(Math.max(1, read.bytes.length));
      if ('code' in read) answer({ type: 'refused', request, fault: read });
      else if (lease === null) answer({ type: 'refused', request, fault: fault('OVERLOADED', 'no room') });
      else {
        lease.bytes.set(read.bytes);
        const bytes = lease.bytes.subarray(0, read.bytes.length);
        answer({ type: 'records', request, begin, end, stable: end, next: id(read.next), bytes, lease });
      }
    }
  }

  #coordinator(context: Context): Actor {
    return {
      receive: (message: CoordinatorRequest, from: Address) => {
        const { request, ask } = message;
        const answer = (reply: object): void => context.reply(from, { type: 'answered', request, reply } as never);
        if (ask.call === 'groups') {
          const key = context.self.name.split('/')[1];
          answer({ call: 'groups', groups: key === '3' ? [SOME_GROUP] : [] });
        } else this.asked.push({ message, answer });
      },
    } as Actor;
  }

  #catalog(context: Context): Actor {
    return {
      receive: (message: { type: string; request: number; name: string }, from: Address) => {
        const { request } = message;
        if (message.type === 'producer')
          context.reply(from, { type: 'producer', request, producerId: 7, epoch: 0 } as never);
        else context.reply(from, { type: 'changed', request, topic: topicOf(9, message.name, [80]) } as never);
      },
    } as unknown as Actor;
  }
}

function ports(): Ports {
  const silent = (): void => {};
  const logger: Logger = { debug: silent, info: silent, warn: silent, error: silent };
  const disk = {
    space: (done: (error: null, space: object) => void) => setImmediate(done, null, { freeBytes: 10, totalBytes: 20 }),
  };
  return {
    clock: new NodeClock(),
    random: new NodeRandom(),
    disk: disk as unknown as Disk,
    network: new NodeNetwork(silent) as Network,
    pool: { run: silent },
    logger,
    counters: { add: silent, set: silent },
  };
}

/** A client of bytes and frames, without the manners of the real one. */
export class Client {
  readonly socket: Socket;
  readonly replies: { readonly correlation: number; readonly reply: Reply }[] = [];
  closed = false;
  greeted = false;
  #received = Buffer.alloc(0);
  #correlation = 0;
  #wake: (() => void)[] = [];

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.closed = true;
      this.#wakeAll();
    });
    this.socket.on('data', (chunk: Buffer) => this.#data(chunk));
  }

  async hello(): Promise<void> {
    this.write(...encodeHello(fieldsCodec, 0, { versions: [1], client: 'tester', features: [] }));
    await this.until(() => this.greeted);
  }

  write(...views: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(views));
  }

  send(request: Request): number {
    this.write(...encodeRequest(fieldsCodec, ++this.#correlation, request));
    return this.#correlation;
  }

  async ask<R extends Reply = Reply>(request: Request): Promise<R> {
    return (await this.reply(this.send(request))) as R;
  }

  async reply(correlation: number): Promise<Reply> {
    await this.until(() => this.replies.some((one) => one.correlation === correlation));
    return this.replies.find((one) => one.correlation === correlation)?.reply as Reply;
  }

  async until(condition: () => boolean, ms = 60_000): Promise<void> {
    const end = Date.now() + ms;
    while (!condition()) {
      if (Date.now() > end) throw new Error('waited too long');
      if (this.closed) throw new Error('the connection is closed');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 20);
        this.#wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  #data(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (;;) {
      const length = this.#received.length < 4 ? Number.POSITIVE_INFINITY : this.#received.readUInt32BE(0) + 4;
      if (this.#received.length < length) break;
      this.#frame(new Uint8Array(this.#received.subarray(0, length)));
      this.#received = this.#received.subarray(length);
    }
    this.#wakeAll();
  }

  #frame(bytes: Uint8Array): void {
    const frame = openFrame(bytes);
    if (!frame.ok) throw new Error(frame.fault.message);
    const answer = decodeAnswer(fieldsCodec, frame.value);
    if (!answer.ok) throw new Error(answer.fault.message);
    if (answer.value.type === 'hello') this.greeted = true;
    else this.replies.push({ correlation: frame.value.correlation, reply: answer.value.reply });
  }
}

/** A batch of records, each with `valueBytes` of value. */
export function batchOf(records: number, valueBytes = 10): Uint8Array {
  const builder = new BatchBuilder();
  for (let n = 0; n < records; n++) builder.add(1_000 + n, `key ${n}`, new Uint8Array(valueBytes).fill(n));
  return builder.finish((bytes, seed) => crc32c(bytes as Buffer, seed));
}
