/**
 * Brings a partition back: manifest, sidecar of the open segment, producers' state, then what the journal has beyond. The
 * same steps after a crash of the actor, of its thread and of the node. A plain class inside the partition's actor.
 */
import type { Context } from '../../runtime/actor.ts';
import type { DiskError } from '../../runtime/ports.ts';
import { ceilBlock, floorBlock } from '../../src/log/chunk.ts';
import { DIRECT_FLAG, ENTRY_BYTES, type Entry, mismatch } from '../../src/log/entry.ts';
import { decodeManifest, type Manifest } from '../../src/log/manifest.ts';
import { type PartitionLog, PREFIX_NEEDED } from '../../src/log/partition-log.ts';
import { manifestPath, partitionFolder, producersPath, segmentPath, sidecarPath } from '../../src/log/paths.ts';
import { damageAt } from '../../src/log/reading.ts';
import { Replay, restoreManifest, restoreSidecar, sealLost, type TailBatch } from '../../src/log/replay.ts';
import type { Segment } from '../../src/log/segment.ts';
import { Sidecar } from '../../src/log/sidecar.ts';
import { BATCH_HEADER_BYTES, readBaseOffset, readBatchBytes, readNextOffset } from '../../src/model/batch.ts';
import type { Offset } from '../../src/model/ids.ts';
import { type JournalAnswer, journalAddress } from '../journal/contract.ts';
import { rewrite } from '../rewrite.ts';
import { type Step, step } from '../step.ts';
import { rebuildManifest } from './manifest-rebuild.ts';
import { ProducersRecovery } from './producers-rebuild.ts';

/** Entries at the end of a sidecar that do not hold. `recorded`: the end that the manifest knew. */
interface Lost {
  readonly segment: Segment;
  readonly sidecar: Sidecar;
  readonly recorded: Offset;
}

export class PartitionRecovery {
  readonly #context: Context<Step>;
  readonly #log: PartitionLog;
  readonly #done: (manifest: Manifest | null) => void;
  readonly producers: ProducersRecovery;
  /** The manifest did not hold, and is to be written anew. */
  rebuilt = false;
  #manifest: Manifest | null = null;
  #replay: Replay | null = null;
  #era = 0;
  #tails: (JournalAnswer & { type: 'tail' })[] = [];
  /** Of the batch that is next, in the first of the tails. */
  #index = 0;
  #busy = false;
  #ended = false;
  #doubt: (Lost & { readonly end: Offset }) | null = null;
  #lost: Lost | null = null;
  /** Large batches that were found in their segments but are not known to be fsynced. */
  readonly #unproven: { readonly segment: Segment; readonly from: number; readonly to: number }[] = [];

  constructor(context: Context<Step>, log: PartitionLog, done: (manifest: Manifest | null) => void) {
    this.#context = context;
    this.#log = log;
    this.#done = done;
    this.producers = new ProducersRecovery(context, log);
  }

  begin(): void {
    const path = manifestPath(this.#log.partition);
    this.#context.disk.readAll(path, (error, bytes) =>
      step(() => {
        if (error?.code === 'ENOENT') this.#sidecar(null);
        else if (bytes === undefined) this.#fail(path, error);
        else this.#decode(path, bytes);
      }),
    );
  }

  #decode(path: string, bytes: Uint8Array): void {
    const { partition, tools } = this.#log;
    const manifest = decodeManifest(bytes, tools.crc32c);
    if (typeof manifest !== 'string') {
      this.#syncName(manifest);
      return;
    }
    this.#context.log.error(
      { file: path, reason: manifest },
      'the manifest is damaged: the sidecars tell what there is',
    );
    rebuildManifest(this.#context, partition, tools.crc32c, (rebuilt) => {
      this.rebuilt = true;
      this.#sidecar(rebuilt);
    });
  }

  /** What is read here may be gone after a power cut: its name was perhaps given by a node that could not sync the folder. */
  #syncName(manifest: Manifest): void {
    if (manifest.clean) {
      this.#sidecar(manifest);
      return;
    }
    const folder = partitionFolder(this.#log.partition);
    this.#context.disk.syncFolder(folder, (error) =>
      step(() => {
        if (error !== null) throw new Error(`${folder} could not be synced: ${error.message}`);
        this.#sidecar(manifest);
      }),
    );
  }

  #fail(path: string, error: DiskError | null): never {
    throw new Error(`${path} could not be read: ${error?.message ?? 'no answer'}`);
  }

  #sidecar(manifest: Manifest | null): void {
    this.#manifest = manifest;
    const open = manifest === null ? null : restoreManifest(this.#log, manifest);
    if (open === null) {
      this.#readProducers();
      return;
    }
    const path = sidecarPath(this.#log.partition, open.base, open.generation);
    this.#context.disk.readAll(path, (error, bytes) =>
      step(() => {
        if (bytes === undefined && error?.code !== 'ENOENT') this.#fail(path, error);
        this.#restore(open, bytes ?? new Uint8Array(0));
        if (bytes === undefined || manifest?.clean === true) this.#readProducers();
        else rewrite(this.#context, { path, direct: false, from: 0, to: bytes.length }, () => this.#readProducers());
      }),
    );
  }

  /**
   * An append to the sidecar that a power cut has torn leaves entries that do not hold, and perhaps some behind them that
   * do: the journal has all of their batches. First only what comes before is believed, see {@link #settleDoubt}.
   */
  #restore(open: Segment, bytes: Uint8Array): void {
    const { partition, tools } = this.#log;
    const recorded = open.end;
    const place = { partition, base: open.base, end: null };
    const sidecar = new Sidecar(bytes.slice(), place, tools.crc32c);
    const before = new Sidecar(bytes.slice(0, sidecar.prefix * ENTRY_BYTES), place, tools.crc32c);
    restoreSidecar(this.#log, open, before);
    const { end } = open;
    if (sidecar.prefix < sidecar.count || sidecar.lostAtEnd > 0 || end < recorded)
      this.#doubt = { segment: open, sidecar, recorded, end };
  }

  /** The journal goes on where the sidecar stops to hold: torn. It does not: damage, and what holds behind it counts. */
  #settleDoubt(first: Entry | null): void {
    const doubt = this.#doubt;
    if (doubt === null || (first !== null && first.next <= doubt.end)) return;
    this.#doubt = null;
    if (first !== null && first.base <= doubt.end) return;
    restoreSidecar(this.#log, doubt.segment, doubt.sidecar);
    for (const [from, behind] of doubt.sidecar.damaged) this.#tellDamage(from, behind);
    this.#replay = new Replay(this.#log);
    if (doubt.sidecar.lostAtEnd > 0 || doubt.segment.end < doubt.recorded) this.#lost = doubt;
  }

  #tellDamage(first: Offset, behind: Offset): void {
    const { partition } = this.#log;
    this.#context.log.error(
      { partition, from: first, to: behind - 1 },
      'records are damaged: the sidecar does not hold',
    );
  }

  #readProducers(): void {
    const path = producersPath(this.#log.partition);
    this.#context.disk.readAll(path, (error, bytes) =>
      step(() => {
        if (bytes === undefined && error?.code !== 'ENOENT') this.#fail(path, error);
        this.#replay = new Replay(this.#log);
        this.producers.restore(bytes, () => this.#askJournal());
      }),
    );
  }

  // ---- the journal's part

  #askJournal(): void {
    const { node, shard } = this.#context;
    const { partition } = this.#log;
    const offset = Math.min(this.producers.fedTo, this.#log.end) as Offset;
    const journal = journalAddress(node, shard);
    if (this.#context.send(journal, { type: 'recover', partition, offset }) === 'full')
      this.#context.whenWritable(
        journal,
        step(() => this.#askJournal()),
      );
  }

  /** What the journal answers, in its order. The memory is let go when the journal may use it again. */
  tail(message: JournalAnswer & { type: 'tail' }): void {
    this.#tails.push(message);
    this.#advance();
  }

  recovered(era: number): void {
    this.#era = era;
    this.#ended = true;
    this.#advance();
  }

  #advance(): void {
    if (this.#busy || this.#replay === null) return;
    for (let tail = this.#tails[0]; tail !== undefined; tail = this.#tails[0]) {
      while (this.#index < tail.batches.length) {
        const batch = tail.batches[this.#index] as TailBatch;
        this.#settleDoubt(batch.entry);
        if (!this.#closeGap(batch.entry.base) || !this.#take(this.#replay, batch, tail.durable)) return;
        this.#index++;
      }
      this.#index = 0;
      this.#tails.shift();
      tail.lease.release();
      this.#tellTaken();
    }
    if (this.#ended) this.#settleLost();
  }

  #closeGap(to: Offset): boolean {
    this.#busy = true;
    const isClosed = this.producers.closeGap(to, () => this.#resume());
    if (isClosed) this.#busy = false;
    return isClosed;
  }

  #tellTaken(): void {
    const { node, shard } = this.#context;
    const journal = journalAddress(node, shard);
    if (this.#context.send(journal, { type: 'tailTaken', partition: this.#log.partition }) === 'full')
      this.#context.whenWritable(
        journal,
        step(() => this.#tellTaken()),
      );
  }

  /** @returns false when the batch has to wait: {@link #advance} comes back to it, or to the next one. */
  #take(replay: Replay, batch: TailBatch, durable: Offset): boolean {
    const { entry, body, damaged } = batch;
    const wanted = replay.wants(entry);
    if ((entry.flags & DIRECT_FLAG) !== 0) {
      if (!wanted && entry.next <= this.producers.fedTo) return true;
      this.#readDirect(replay, entry, durable, wanted);
      return false;
    }
    if (wanted) {
      const taken = replay.take(batch, this.#context.now());
      if (taken === PREFIX_NEEDED) this.#readPrefix();
      if (taken === 'no memory') this.#await(() => this.#context.whenLeasable(step(() => this.#resume())));
      if (taken !== 'taken') return false;
    }
    if (body !== null && !damaged) this.producers.feed(entry, body, wanted);
    return true;
  }

  #await(wait: () => void): void {
    this.#busy = true;
    wait();
  }

  #resume(): void {
    this.#busy = false;
    this.#advance();
  }

  #readPrefix(): void {
    const segment = this.#log.active as Segment;
    const at = this.#log.prefixAt;
    this.#readSegment(segment, at, segment.bytes - at, (bytes) => {
      // Behind a large batch that is missing there may be no file, and a file may have lost its end: what the block held is
      // damage, told to those who read it, and what follows has its place behind it.
      this.#log.givePrefix(bytes ?? new Uint8Array(segment.bytes - at));
    });
  }

  /** A large batch is where its entry says, or it is not. */
  #readDirect(replay: Replay, entry: Entry, durable: Offset, wanted: boolean): void {
    const now = this.#context.now();
    const place = wanted ? replay.placeOf(entry, now) : null;
    const base = wanted ? place?.base : entry.segment;
    const segment = this.#log.segments.find((known) => known.base === base);
    const judge = (bytes: Uint8Array | null): void => {
      const holds = bytes !== null && mismatch(entry, bytes, 0, this.#log.tools.crc32c) === null;
      if (wanted && holds && segment !== undefined && entry.next > durable)
        this.#unproven.push({ segment, from: segment.synced, to: ceilBlock(entry.position + entry.length) });
      if (wanted) replay.readDirect(entry, holds, durable, now);
      if (holds && bytes !== null) this.producers.feed(entry, bytes, wanted);
      this.#index++;
    };
    if (segment === undefined) judge(null);
    else this.#readSegment(segment, entry.position, entry.length, judge);
    if (segment === undefined)
      this.#context.after(
        0,
        step(() => this.#resume()),
      );
    this.#busy = true;
  }

  /** Gives `length` bytes at `position` of the segment, null where there are not so many; then goes on. */
  #readSegment(segment: Segment, position: number, length: number, done: (bytes: Uint8Array | null) => void): void {
    this.#busy = true;
    const from = floorBlock(position);
    const lease = this.#context.lease(ceilBlock(position + length) - from);
    if (lease === null) {
      this.#context.whenLeasable(step(() => this.#readSegment(segment, position, length, done)));
      return;
    }
    const path = segmentPath(this.#log.partition, segment.base, segment.generation);
    const { disk } = this.#context;
    const finish = (bytes: Uint8Array | null): void => {
      done(bytes);
      lease.release();
      this.#resume();
    };
    disk.open(path, { mode: 'read', direct: true }, (error, file) =>
      step(() => {
        if (file === undefined) {
          if (error?.code !== 'ENOENT') this.#fail(path, error);
          finish(null);
          return;
        }
        disk.read(file, lease.bytes, from, (failure, count) =>
          step(() => {
            disk.close(file, () => step(() => {}));
            if (failure !== null) this.#fail(path, failure);
            const begins = position - from;
            const whole = (count ?? 0) >= begins + length;
            finish(whole ? lease.bytes.subarray(begins, begins + length) : null);
          }),
        );
      }),
    );
  }

  // ---- the end of it

  /** The sidecar's last entries did not hold. Where the journal has their batches they were a torn tail and are there now. */
  #settleLost(): void {
    this.#settleDoubt(null);
    if (!this.#closeGap(this.#log.end)) return;
    this.#ended = false;
    const lost = this.#lost;
    this.#lost = null;
    if (lost === null || this.#log.end > lost.segment.listedTo) this.#proveSegments();
    else this.#walk(lost, lost.segment.bytes, Math.max(0, lost.sidecar.lostAtEnd));
  }

  /** Finds out from the segment itself which offsets the lost entries stood for. */
  #walk(lost: Lost, position: number, left: number, end = lost.segment.end): void {
    const settle = (): void => {
      const behind = Math.max(end + left, lost.recorded) as Offset;
      if (behind > lost.segment.end) {
        this.#tellDamage(lost.segment.end, behind);
        sealLost(this.#log, lost.segment, behind, lost.sidecar);
        this.#replay = new Replay(this.#log);
      }
      this.#proveSegments();
    };
    if (left === 0) {
      settle();
      return;
    }
    this.#readSegment(lost.segment, position, BATCH_HEADER_BYTES, (header) => {
      const plausible =
        header !== null && readBaseOffset(header) === end && readBatchBytes(header) > BATCH_HEADER_BYTES;
      if (plausible) this.#walk(lost, position + readBatchBytes(header), left - 1, readNextOffset(header));
      else settle();
    });
  }

  /**
   * Large batches were found in their segments, which does not prove that they would survive a power cut, nor that the
   * small ones before them are there, which the same write was to bring: all are written once more, and fsynced.
   */
  #proveSegments(): void {
    const next = this.#unproven.shift();
    if (next === undefined) {
      this.#finish();
      return;
    }
    const { segment, from, to } = next;
    const path = segmentPath(this.#log.partition, segment.base, segment.generation);
    const amend = (bytes: Uint8Array, at: number): void => {
      for (const chunk of this.#log.chunks) if (chunk.segment === segment) chunk.copyInto(bytes, at);
    };
    rewrite(this.#context, { path, direct: true, from, to, amend }, () => this.#proveSegments());
  }

  #finish(): void {
    const { partition } = this.#log;
    const torn = this.#replay?.tornBatches ?? 0;
    if (torn > 0) this.#context.log.warn({ partition, batches: torn, end: this.#log.end }, 'a torn tail was cut off');
    const active = this.#log.active;
    // Nothing goes on in a block that cannot be read.
    if (active !== undefined && damageAt(this.#log, (this.#log.end - 1) as Offset) !== null) active.rolled = true;
    this.producers.producers.truncate(this.#log.end);
    this.producers.producers.commit(this.#log.end);
    this.#log.era = this.#era;
    this.#done(this.#manifest);
  }
}
