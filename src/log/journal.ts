/**
 * A shard's journal as a machine: everything that arrives while one write is in flight forms the next group, one write and
 * one fsync for all partitions of the shard. Decides when to write, sync, change files, what to answer and whom to ask to
 * flush; never touches a disk and never looks into a batch. `Client` is whatever the answers are sent to.
 */
import { assert } from '../model/assert.ts';
import { type Fault, fault } from '../model/faults.ts';
import { FIRST_USER_PARTITION, type Offset, type PartitionId } from '../model/ids.ts';
import { MIB } from '../model/limits.ts';
import { NumberMap } from '../model/number-map.ts';
import { readEntryDurable, readEntryLength, readEntryNext } from './entry.ts';
import { GroupWriter, groupBytes } from './group.ts';
import type { JournalEffect, JournalError, JournalOptions, Store } from './journal-effect.ts';
import { JournalFiles } from './journal-files.ts';

/** One write. Larger ones would keep the small ones of other partitions waiting. */
export const GROUP_BYTES_MAX = MIB;
/** Entries that wait for the next groups; whoever comes later hears OVERLOADED. */
const QUEUE_MAX = 65_536;

interface Written<Client> {
  readonly client: Client;
  readonly partition: PartitionId;
  readonly era: number;
  upTo: Offset;
}

export class Journal<Client> {
  readonly outbox: JournalEffect<Client>[] = [];
  readonly files: JournalFiles;
  readonly #options: JournalOptions;
  readonly #writer: GroupWriter;
  #queue: Store<Client>[] = [];
  /** What is in the file but not fsynced, by partition; the group in flight comes to it once it was written. */
  readonly #unsynced = new NumberMap<Written<Client>>();
  #group: Store<Client>[] = [];
  /** The group in flight is durable once it is written. */
  #durably = false;
  #number: number;
  #durableNumber: number;
  #busy: 'no' | 'write' | 'sync' = 'no';
  /** The next file could not be made ready ahead of time: that is tried again when it is needed. */
  #isLate = false;
  #syncTimer = false;
  #syncWanted = false;
  #holding = false;
  /** Eras that were told that they failed: what still comes of them is refused. */
  readonly #brokenEras = new Map<PartitionId, number>();
  readonly #eras = new Map<PartitionId, number>();
  /** Highest durable offset that a partition has told with a batch. */
  readonly durable: Map<PartitionId, Offset>;
  #hurrying = false;
  /** Memory is short: who flushes keeps nothing. */
  #isShort = false;
  #refusing: Fault | null = null;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#writer = new GroupWriter(options.memory, options.crc32c);
    this.durable = new Map(options.durable);
    this.#number = options.nextNumber;
    this.#durableNumber = options.nextNumber - 1;
    this.files = new JournalFiles(options.shard, options.fileBytes, options.filesMax, options.nextSequence);
  }

  get idle(): boolean {
    const isStill = this.#busy === 'no' && !this.files.isPreparing;
    return isStill && this.#queue.length === 0 && this.#unsynced.size === 0;
  }

  /** Disk watermark: user partitions are refused while set; the node's own logs may still write, to make room. */
  refuse(reason: Fault | null): void {
    this.#refusing = reason;
  }

  /** Takes a batch for the next group, which {@link goOn} begins. It is answered by `stored`, or by `failed` for its era. */
  store(request: Store<Client>): void {
    if ((this.#brokenEras.get(request.partition) ?? 0) >= request.era) {
      release(request);
      return;
    }
    this.#eras.set(request.partition, request.era);
    this.durable.set(request.partition, readEntryDurable(request.entry, 0));
    const refusal = this.#refusal(request.partition);
    if (refusal !== null) this.#refuseOne(request, refusal);
    else this.#queue.push(request);
  }

  /**
   * Does what is next, once all was taken that came together: a group that began with the first of it would make two
   * writes of one request's batches.
   */
  goOn(): void {
    this.#advance();
  }

  #refusal(partition: PartitionId): Fault | null {
    if (this.#refusing !== null && partition >= FIRST_USER_PARTITION) return this.#refusing;
    if (this.#queue.length < QUEUE_MAX) return null;
    return fault('OVERLOADED', 'the journal has too many batches waiting');
  }

  /** Nothing of the partition's era is stored from here on. */
  #refuseOne(request: Store<Client>, reason: Fault): void {
    this.#breakEra(request.partition, request.era);
    const { client, partition, era } = request;
    this.outbox.push({ kind: 'failed', client, partition, era, fault: reason });
    release(request);
  }

  #breakEra(partition: PartitionId, era: number): void {
    if (era > (this.#brokenEras.get(partition) ?? 0)) this.#brokenEras.set(partition, era);
  }

  // ---- one thing at a time: write a group, sync; files are made ready meanwhile

  #advance(): void {
    if (this.#busy !== 'no') return;
    if (this.#hurrying && this.#unsynced.size === 0) {
      this.#hurrying = false;
      this.#retire();
    }
    if ((this.#syncWanted || this.#holding) && this.#unsynced.size > 0) this.#sync();
    else if (this.#holding) this.outbox.push({ kind: 'held' });
    else if (this.#queue.length === 0) return;
    else if (this.files.full(this.#nextGroupBytes())) this.#changeFile();
    else this.#writeGroup();
  }

  #changeFile(): void {
    // The first group of the next file says that everything before it is durable.
    if (this.#unsynced.size > 0) {
      this.#sync();
      return;
    }
    this.#retire();
    if (this.files.isReady) {
      this.files.use();
      this.#isLate = false;
      this.outbox.push({ kind: 'use' });
      this.#advance();
    } else if (!this.files.isPreparing) this.#prepare();
  }

  #prepare(): void {
    const plan = this.files.prepare();
    if (plan !== null) this.outbox.push({ kind: 'prepare', ...plan });
  }

  #retire(): void {
    if (this.files.retire(this.#number) === null) return;
    this.outbox.push({ kind: 'retire' });
    this.#askToFlush();
  }

  #nextGroupBytes(): number {
    const first = this.#queue[0];
    return first === undefined ? 0 : groupBytes(1, first.body?.length ?? 0);
  }

  #writeGroup(): void {
    const room = Math.min(GROUP_BYTES_MAX, this.files.room);
    let count = 0;
    let bodies = 0;
    for (const request of this.#queue) {
      const body = request.body?.length ?? 0;
      if (groupBytes(count + 1, bodies + body) > room) break;
      count++;
      bodies += body;
    }
    this.#group = this.#queue.splice(0, count);
    assert(count > 0, 'a group has at least one entry');
    this.#writer.begin(count);
    for (const request of this.#group) this.#writer.copyIntoGroup(request.entry, request.body);
    const { shard, shards } = this.#options;
    const place = { shard, shards, sequence: this.files.sequence, number: this.#number, durable: this.#durableNumber };
    this.#busy = 'write';
    const bytes = this.#writer.finish(place);
    this.#durably = this.#allDurable && this.#group.some((request) => request.flushIntervalMs === 0);
    this.outbox.push({ kind: 'write', bytes, position: this.files.position, durable: this.#durably });
  }

  /** A durable write says nothing about what was written before it: what still waits for an fsync needs a real one. */
  get #allDurable(): boolean {
    return this.#durableNumber === this.#number - 1;
  }

  /** The write is over; {@link goOn} begins the next. */
  written(error: JournalError | null, bytes: number): void {
    assert(this.#busy === 'write', 'nothing was being written');
    this.#busy = 'no';
    if (error?.full === true) this.#failGroup(error);
    else if (error !== null) this.#failFile(error);
    else this.#groupWritten(bytes);
  }

  #groupWritten(bytes: number): void {
    this.#number++;
    let intervalMs = Number.POSITIVE_INFINITY;
    for (const request of this.#group) {
      const upTo = readEntryNext(request.entry, 0);
      this.files.wrote(request.partition, upTo, request.body === null ? readEntryLength(request.entry, 0) : 0);
      this.#note(request, upTo);
      intervalMs = Math.min(intervalMs, request.flushIntervalMs);
    }
    this.files.advance(bytes);
    if (this.files.wantsNext && !this.#isLate) this.#prepare();
    if (this.#durably) this.#settle();
    else if (intervalMs === 0) this.#sync();
    else this.#answerWritten(intervalMs);
    for (const request of this.#group) release(request);
    this.#group = [];
  }

  #note(request: Store<Client>, upTo: Offset): void {
    const { client, partition, era } = request;
    const noted = this.#unsynced.get(partition);
    if (noted?.era === era) noted.upTo = upTo;
    else this.#unsynced.set(partition, { client, partition, era, upTo });
  }

  #answerWritten(intervalMs: number): void {
    const told = new Set<PartitionId>();
    for (const { partition } of this.#group) {
      const noted = this.#unsynced.get(partition);
      if (noted !== undefined && !told.has(partition)) this.outbox.push({ kind: 'stored', ...noted, durable: false });
      told.add(partition);
    }
    if (this.#syncTimer) return;
    this.#syncTimer = true;
    this.outbox.push({ kind: 'syncLater', ms: intervalMs });
  }

  /** The time of `syncLater` has come. */
  syncDue(): void {
    this.#syncTimer = false;
    this.#syncWanted = true;
    this.#advance();
  }

  #sync(): void {
    this.#busy = 'sync';
    this.#syncWanted = false;
    this.outbox.push({ kind: 'sync' });
  }

  synced(error: JournalError | null): void {
    assert(this.#busy === 'sync', 'nothing was being synced');
    this.#busy = 'no';
    if (error !== null) this.#failFile(error);
    else this.#settle();
  }

  /** Everything written is durable. */
  #settle(): void {
    this.#durableNumber = this.#number - 1;
    for (const { client, partition, era, upTo } of this.#unsynced.values())
      this.outbox.push({ kind: 'stored', client, partition, era, upTo, durable: true });
    this.#unsynced.clear();
    this.files.synced();
  }

  prepared(error: JournalError | null): void {
    assert(this.files.isPreparing, 'nothing was being prepared');
    this.files.prepared(error === null);
    this.#isLate = error !== null;
    if (error !== null && !this.files.isOpen) this.#failQueue(storageFault(error));
    this.#advance();
  }

  // ---- failures

  /** No room: nothing of the group is stored, the next one goes to the same place. */
  #failGroup(error: JournalError): void {
    const reason = storageFault(error);
    for (const request of this.#group) this.#refuseOne(request, reason);
    this.#group = [];
    this.#dropBroken();
  }

  /** Final for the file: nothing since the last fsync counts, and the numbers of those groups are given again. */
  #failFile(error: JournalError): void {
    const reason = storageFault(error);
    for (const { client, partition, era } of this.#unsynced.values()) {
      this.#breakEra(partition, era);
      this.outbox.push({ kind: 'failed', client, partition, era, fault: reason });
    }
    this.#unsynced.clear();
    this.#number = this.#durableNumber + 1;
    this.#failGroup(error);
    this.#failQueue(reason);
    this.files.failed();
    this.#retire();
    this.collect();
  }

  #failQueue(reason: Fault): void {
    const queue = this.#queue;
    this.#queue = [];
    for (const request of queue) this.#refuseOne(request, reason);
  }

  /** Batches behind a refused one of the same partition would leave a hole. */
  #dropBroken(): void {
    const kept: Store<Client>[] = [];
    for (const request of this.#queue) {
      if ((this.#brokenEras.get(request.partition) ?? 0) >= request.era) release(request);
      else kept.push(request);
    }
    this.#queue = kept;
  }

  // ---- partitions that come back

  /** Is there, or may there be on its way, anything of the partition? */
  knows(partition: PartitionId): boolean {
    return this.#eras.has(partition) || this.files.holding(partition).length > 0;
  }

  /** Waits until nothing is in flight → `held`. */
  hold(): void {
    this.#holding = true;
    this.#advance();
  }

  /** Goes on writing. */
  release(): void {
    this.#holding = false;
    this.#advance();
  }

  /** The partition itself gives up what it has on its way: a segment has failed. → `failed` */
  abandon(partition: PartitionId, era: number, reason: Fault, client: Client): void {
    if ((this.#brokenEras.get(partition) ?? 0) >= era) return;
    this.#breakEra(partition, era);
    this.#dropBroken();
    this.outbox.push({ kind: 'failed', client, partition, era, fault: reason });
  }

  /** What the partition's last life had on its way is given up. @returns the era that its next life begins with. */
  forget(partition: PartitionId): number {
    // An era can be broken before anything was stored in it, by a partition that gave it up.
    const era = Math.max(this.#eras.get(partition) ?? 0, this.#brokenEras.get(partition) ?? 0);
    this.#breakEra(partition, era);
    this.#dropBroken();
    return era + 1;
  }

  // ---- files that are no longer written

  /** Sorts out files that nobody needs. */
  collect(): void {
    for (const name of this.files.collect()) this.outbox.push({ kind: 'remove', name });
  }

  /** The partition has everything below `upTo` in its segments; `Infinity` when it is gone for good. */
  flushed(partition: PartitionId, upTo: number): void {
    this.files.flushed(partition, upTo);
    if (upTo === Number.POSITIVE_INFINITY)
      for (const known of [this.#eras, this.#brokenEras, this.durable]) known.delete(partition);
    this.collect();
    this.#askToFlush();
    this.#advance();
  }

  /** Memory is short: what is journaled is to get to its segments soon. */
  hurry(): void {
    this.#hurrying = this.files.old === 0;
    this.#isShort = true;
    this.#advance();
  }

  /** Asks again: an answer may have been lost with its partition. */
  remind(): void {
    this.files.forgetAsked();
    this.#askToFlush();
  }

  #askToFlush(): void {
    if (this.files.old === 0) this.#isShort = false;
    const keepBytes = this.#isShort ? 0 : this.files.keepBytes;
    for (const [partition, upTo] of this.files.toFlush(this.#isShort))
      this.outbox.push({ kind: 'flush', partition, upTo, keepBytes });
  }
}

function release<Client>(request: Store<Client>): void {
  request.memory?.release();
}

function storageFault(error: JournalError): Fault {
  return error.full
    ? fault('DISK_FULL', `the journal could not be written: ${error.message}`)
    : fault('STORAGE_FAILED', `the journal could not be written: ${error.message}`);
}
