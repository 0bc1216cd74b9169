/**
 * Partitions and journals on the real kernel and the simulated disk, in one thread on a clock that moves when told: what a
 * producer and a reader see of them, through crashes of actor, thread, process and power. Nothing here touches the machine.
 */
import { crc32c } from '@node-rs/crc32';
import { makeJanitor } from '../../actors/janitor.ts';
import type { StorageInit } from '../../actors/journal/contract.ts';
import { makeJournal } from '../../actors/journal.ts';
import { CompactionRoom } from '../../actors/partition/compaction-room.ts';
import { type PartitionAnswer, type PartitionRequest, partitionAddress } from '../../actors/partition/contract.ts';
import { ReadAheadRoom } from '../../actors/partition/read-ahead.ts';
import { Rereads } from '../../actors/partition/rereads.ts';
import { makePartition } from '../../actors/partition.ts';
import type { TransactionsRequest } from '../../actors/transactions/contract.ts';
import type { Actor, Address, Context, Lease, Message, Supervision, Tree } from '../../runtime/actor.ts';
import { deadLetters } from '../../runtime/dead-letters.ts';
import { InProcessShards } from '../../runtime/in-process.ts';
import type { Logger } from '../../runtime/ports.ts';
import type { CrashKind, SimulatedDisk } from '../../runtime/simulated/disk.ts';
import { World } from '../../runtime/simulated/world.ts';
import { filterSegment, findTime, noteSegmentKeys, scanSegment } from '../../src/jobs.ts';
import { UnlistedRoom } from '../../src/log/unlisted.ts';
import { batchesIn, readBaseOffset, readNextOffset } from '../../src/model/batch.ts';
import { BatchBuilder, type BatchOptions } from '../../src/model/batch-builder.ts';
import { id, type NodeId, type Offset, type PartitionId } from '../../src/model/ids.ts';
import { MIB } from '../../src/model/limits.ts';
import { openRecords } from '../../src/model/record.ts';
import { TOPIC_DEFAULTS, type TopicSettings } from '../../src/model/topic.ts';

const NODE: NodeId = id(1);
const HOST = 'node';
const HARDY: Supervision = { directive: 'restart', crashesMax: 100, windowMs: 1_000, backoffMs: [10, 40] };

export interface StorageOptions {
  readonly seed?: number;
  readonly shards?: number;
  readonly settings?: Partial<TopicSettings>;
  readonly arenaBytes?: number;
  readonly init?: Partial<StorageInit>;
}

/** Builds a batch of records with these values. */
export function batch(values: readonly string[], timestamp = 1_000, options: BatchOptions = {}): Uint8Array {
  const builder = new BatchBuilder();
  for (const value of values) builder.add(timestamp, null, value);
  return builder.finish(crc32c, options);
}

/** The records of a run of batches: offset and value. */
export function records(bytes: Uint8Array): [number, string][] {
  const found: [number, string][] = [];
  for (const one of batchesIn(bytes)) {
    const opened = openRecords(one, () => ({ ok: false, fault: null as never }), 0);
    if (!opened.ok) throw new Error('not readable');
    while (opened.value.next())
      found.push([opened.value.offset, new TextDecoder().decode(opened.value.value ?? undefined)]);
  }
  return found;
}

type Heard = Message & { readonly request?: number; readonly lease?: Lease };

export class StorageWorld {
  readonly world: World;
  readonly logged: string[] = [];
  settings: TopicSettings;
  shards = 0;
  /** What the coordinator of transactions says to partitions that ask, and how often they did. */
  coordinator: 'grants' | 'denies' | 'silent' = 'grants';
  asked = 0;
  readonly unanswered: ((all: boolean) => void)[] = [];
  /** Partitions whose topic is gone. */
  readonly gone = new Set<number>();
  #system: InProcessShards | null = null;
  #client: Context | null = null;
  #answers = new Map<number, PartitionAnswer>();
  #request = 0;
  readonly #options: StorageOptions;

  constructor(options: StorageOptions = {}) {
    this.#options = options;
    // The records of tests are old by their timestamps.
    this.settings = { ...TOPIC_DEFAULTS, retentionMs: -1, ...options.settings };
    const jobs = { scanSegment, noteSegmentKeys, filterSegment, findTime };
    this.world = new World({ seed: options.seed ?? 1, jobs });
    this.start(options.shards ?? 1);
  }

  /** Warnings and errors, with the stacks of crashes. */
  #logger(): Logger {
    const keep = (fields: Readonly<Record<string, unknown>>, message: string): void => {
      const { error } = fields;
      this.logged.push(`${message} ${JSON.stringify(fields)} ${error instanceof Error ? error.stack : ''}`);
    };
    return { debug: () => {}, info: () => {}, warn: keep, error: keep };
  }

  get disk(): SimulatedDisk {
    return this.world.disk(HOST);
  }

  get system(): InProcessShards {
    if (this.#system === null) throw new Error('the node is down');
    return this.#system;
  }

  start(shards = this.shards): void {
    this.shards = shards;
    const ports = this.world.ports(HOST);
    this.#system = new InProcessShards({
      node: NODE,
      shards,
      tree: this.#tree(),
      init: this.#init(),
      arenaBytes: this.#options.arenaBytes ?? 64 * MIB,
      pipeBytes: 4 * MIB,
      ports: () => ({ ...ports, logger: this.#logger() }),
      failed: (shard, error) => this.logged.push(`shard ${shard} failed: ${error.stack}`),
    });
    this.#system.start();
    this.run(1);
  }

  /** The node ends in one moment. */
  crash(kind: CrashKind): void {
    for (let shard = 0; shard < this.shards; shard++) this.system.shard(shard).abandon();
    this.#system = null;
    this.world.crash(HOST, kind);
  }

  restart(kind: CrashKind, shards = this.shards): void {
    this.crash(kind);
    this.start(shards);
  }

  /** A clean stop, phase by phase. @returns actors that were not done. */
  stop(): string[] {
    const left: string[] = [];
    for (const phase of [4, 5, 9]) {
      let open = this.shards;
      for (let shard = 0; shard < this.shards; shard++)
        this.system.shard(shard).drain(phase, 20_000, (names) => {
          left.push(...names);
          open--;
        });
      this.until(() => open === 0, 30_000);
    }
    this.crash('power');
    return left;
  }

  #init(): StorageInit {
    const sizes = {
      journalFileBytes: 4 * MIB,
      journalFilesMax: 3,
      freeBytesMin: 0,
      freeRatioMin: 0,
      compactions: new CompactionRoom(),
      unlisted: new UnlistedRoom(64 * MIB),
      rereads: new Rereads(64 * MIB),
      readAhead: new ReadAheadRoom(8),
    };
    return { crc32c, ...sizes, ...this.#options.init };
  }

  #tree(): Tree {
    const onShard = { supervision: HARDY, mailboxMax: 10_000 };
    const perShard = { place: (key: string) => Number(key), begins: 'start' as const };
    const keys = (shards: number): string[] => Array.from({ length: shards }, (_, shard) => String(shard));
    return {
      'dead-letters': deadLetters,
      journal: { make: makeJournal, ...onShard, ...perShard, keys, stops: 9 },
      directory: { make: (context: Context) => this.#directory(context), ...onShard, ...perShard, keys },
      partition: {
        make: makePartition,
        ...onShard,
        begins: 'demand',
        place: (key, shards) => Number(key) % shards,
        stops: 5,
      },
      janitor: { make: makeJanitor, ...onShard, ...perShard, keys, stops: 4 },
      census: { make: () => ({ receive: () => {} }), ...onShard, ...perShard, keys },
      transactions: {
        make: (context: Context) => this.#coordinator(context),
        ...onShard,
        begins: 'demand',
        place: (key, shards) => Number(key) % shards,
      },
      client: { make: (context: Context) => this.#makeClient(context), ...onShard, ...perShard, keys: () => ['0'] },
    };
  }

  #directory(context: Context): Actor {
    const receive = (message: Message, from: Address): void => {
      const known = message as { type: string; partition?: PartitionId };
      if (known.type !== 'whoAmI') return;
      const configure = { type: 'configure', topic: id(1), topicName: 't', partition: id(0), settings: this.settings };
      context.reply(from, this.gone.has(known.partition ?? -1) ? { type: 'gone' } : configure);
    };
    return { receive };
  }

  /** Of transactions: says what the test says, at once or when it is released. */
  #coordinator(context: Context): Actor {
    const receive = (message: Message, from: Address): void => {
      const { request } = message as TransactionsRequest;
      const answer = (all: boolean): void => {
        const result = { ok: true, value: { call: 'join', all, missing: [] } };
        context.reply(from, { type: 'transacted', request, result });
      };
      this.asked++;
      if (this.coordinator === 'silent') this.unanswered.push(answer);
      else answer(this.coordinator === 'grants');
    };
    return { receive };
  }

  #makeClient(context: Context): Actor {
    this.#client = context;
    return {
      receive: (message) => this.#heard(message as Heard),
    };
  }

  #heard(message: {
    readonly type: string;
    readonly request?: number;
    readonly lease?: Lease;
    readonly bytes?: Uint8Array;
  }): void {
    if (message.request === undefined) return;
    const { lease, ...rest } = message;
    const copied = message.bytes === undefined ? rest : { ...rest, bytes: message.bytes.slice() };
    lease?.release();
    this.#answers.set(message.request, copied as unknown as PartitionAnswer);
  }

  /** The thread of a shard ends and is replaced, as soon as the others hold nothing of it. */
  replaceShard(shard: number): void {
    let dead = false;
    this.system.kill(shard, () => {
      dead = true;
    });
    if (!this.until(() => dead)) throw new Error('somebody holds memory of the dead shard');
    this.system.replace(shard);
  }

  /** Lets time pass. */
  run(ms: number): void {
    this.world.clock.advance(ms);
  }

  /** Lets time pass until something is so; @returns false when it did not come to that. */
  until(done: () => boolean, ms = 10_000): boolean {
    for (let passed = 0; passed < ms && !done(); passed += 5) this.run(5);
    return done();
  }

  /** Sends and does not wait. @returns the number of the request. */
  send(to: number, request: Partial<PartitionRequest> & { type: PartitionRequest['type'] }): number {
    const number = ++this.#request;
    const address = partitionAddress(NODE, id<PartitionId>(to));
    const sent = this.#client?.send(address, { ...request, request: number } as PartitionRequest);
    if (sent !== 'sent') throw new Error('the mailbox is full');
    return number;
  }

  /** The topic's settings were changed. */
  configure(to: number, settings: TopicSettings): void {
    const change = { type: 'configure', topic: id(1), topicName: 't', partition: id(0), settings };
    const address: Address = { node: NODE, name: `partition/${to}`, incarnation: 0 };
    if (this.#client?.send(address, change) !== 'sent') throw new Error('the mailbox is full');
    this.run(1);
  }

  answer(request: number): PartitionAnswer | undefined {
    return this.#answers.get(request);
  }

  /** Sends and waits for the answer. */
  ask<Type extends PartitionAnswer['type']>(
    to: number,
    request: Partial<PartitionRequest> & { type: PartitionRequest['type'] },
    ms = 10_000,
  ): PartitionAnswer & { type: Type } {
    const number = this.send(to, request);
    if (!this.until(() => this.#answers.has(number), ms))
      throw new Error(`no answer to ${request.type}: ${this.logged.slice(-5).join('\n')}`);
    return this.#answers.get(number) as PartitionAnswer & { type: Type };
  }

  /** Appends a batch of a transaction and does not wait. */
  write(to: number, bytes: Uint8Array): number {
    return this.send(to, { type: 'append', acks: 'all', bytes, transaction: { id: 'tx', joins: false } });
  }

  /** Writes and waits; @returns the base offset or the fault's code. */
  written(to: number, bytes: Uint8Array): number | string {
    const request = this.write(to, bytes);
    if (!this.until(() => this.answer(request) !== undefined)) throw new Error('no answer to a batch');
    return this.outcome(request);
  }

  /** The base offset that a request was answered with, or a fault's code; nothing yet. */
  outcome(request: number): number | string {
    const answer = this.answer(request);
    if (answer?.type === 'appended') return answer.baseOffset;
    return answer?.type === 'refused' ? answer.fault.code : 'nothing yet';
  }

  append(to: number, bytes: Uint8Array, acks: 'all' | 'none' = 'all'): number {
    return this.send(to, { type: 'append', acks, bytes });
  }

  /** Appends and waits; @returns the base offset or the fault's code. */
  appended(to: number, bytes: Uint8Array): number | string {
    const answer = this.ask(to, { type: 'append', acks: 'all', bytes });
    if (answer.type === 'refused') return (answer as PartitionAnswer & { type: 'refused' }).fault.code;
    return (answer as PartitionAnswer & { type: 'appended' }).baseOffset;
  }

  /** Everything from `offset` to the end; a fault's code where it cannot be read. */
  readAll(to: number, from = 0, bytesMax = MIB): [number, string][] | string {
    const found: [number, string][] = [];
    let offset = id<Offset>(from);
    for (;;) {
      const answer = this.ask(to, { type: 'read', offset, bytesMax }) as PartitionAnswer;
      if (answer.type === 'refused') return answer.fault.code;
      if (answer.type !== 'records' || answer.next === offset) return found;
      found.push(...records(answer.bytes).filter(([at]) => at >= from));
      for (const one of batchesIn(answer.bytes))
        if (readNextOffset(one) > answer.next || readBaseOffset(one) < 0) throw new Error('next is wrong');
      offset = answer.next;
    }
  }

  described(to: number): PartitionAnswer & { type: 'described' } {
    return this.ask<'described'>(to, { type: 'describe' });
  }

  /** Ends an actor by an error in its handler, as a defect would: a message that it cannot work with. */
  crashActor(name: string): void {
    const poison = { type: name.startsWith('journal/') ? 'store' : 'append', request: 0, acks: 'all' };
    this.#client?.send({ node: NODE, name, incarnation: 0 }, poison);
  }
}
