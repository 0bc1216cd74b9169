/**
 * The shard's journal: what all its partitions append goes through here to disk, one write and one fsync for all that
 * wait. Owns the shard's journal files; knows batches only as bytes. Kind `journal`, key = shard, at start.
 * Lives on: its shard. View: the partitions of its shard.
 */

import type { Actor, Address, Context, Down, Drain } from '../runtime/actor.ts';
import type { DiskError } from '../runtime/ports.ts';
import { GROUP_BYTES_MAX, Journal } from '../src/log/journal.ts';
import type { JournalEffect, JournalError } from '../src/log/journal-effect.ts';
import { JOURNAL_FOLDER } from '../src/log/paths.ts';
import { unreachable } from '../src/model/assert.ts';
import { type Fault, fault } from '../src/model/faults.ts';
import type { Offset, PartitionId } from '../src/model/ids.ts';
import { MIB } from '../src/model/limits.ts';
import { type JournalAnswer, type JournalRequest, journalAddress, type StorageInit } from './journal/contract.ts';
import { JournalFile } from './journal/file.ts';
import { JournalRecovery } from './journal/recovery.ts';
import { type JournalStart, readJournals } from './journal/start.ts';
import { type Step, step } from './step.ts';

type Inbox = JournalRequest | Down | Drain | Step;

/** Asks that were lost with their partition are sent again, ms. */
const REMIND_MS = 2_000;

class JournalActor implements Actor<Inbox> {
  readonly #context: Context<Inbox>;
  readonly #init: StorageInit;
  readonly #recovery: JournalRecovery;
  /** Null until the files of the last life were read. */
  #journal: Journal<Address> | null = null;
  #start: JournalStart | null = null;
  readonly #file: JournalFile;
  #refusing: Fault | null = null;
  #draining = false;
  /** Files with damage are set aside, not removed. */
  #damaged: ReadonlySet<string> = new Set();
  /** Shards that are done with a file of another layout; this is shard 0, which removes it. */
  readonly #released = new Map<string, Set<number>>();

  constructor(context: Context<Inbox>, init: StorageInit) {
    this.#context = context;
    this.#init = init;
    this.#file = new JournalFile(context);
    this.#recovery = new JournalRecovery(context, init.crc32c);
    readJournals(context, init.crc32c, (start) => this.#begin(start));
  }

  receive(message: Inbox, from: Address): void {
    switch (message.type) {
      case 'step':
        message.run();
        break;
      case 'store':
        this.#store(message, from);
        break;
      case 'recover':
        this.#recover(message.partition, message.offset, from);
        break;
      case 'tailTaken':
        this.#recovery.taken(message.partition);
        break;
      case 'abandon':
        this.#journal?.abandon(message.partition, message.era, message.fault, from);
        break;
      case 'flushed':
        this.#journal?.flushed(message.partition, message.upTo);
        break;
      case 'hurry':
        this.#journal?.hurry();
        break;
      case 'refuse':
        this.#refusing = message.fault;
        this.#journal?.refuse(message.fault);
        break;
      case 'released':
        this.#release(message.name, message.shard);
        break;
      case 'down':
        this.#recovery.down(message.address);
        break;
      case 'drain':
        this.#drainLater();
        break;
      default:
        unreachable(message);
    }
    this.#perform();
  }

  /** What the turn brought forms one group. */
  afterTurn(): void {
    this.#journal?.goOn();
    this.#perform();
  }

  inspect(): unknown {
    return { files: this.#journal?.files.names ?? [], idle: this.#journal?.idle ?? false };
  }

  /** A partition that the journal has nothing of need not wait for a pass over the files. */
  #recover(partition: PartitionId, offset: Offset, from: Address): void {
    if (this.#journal?.knows(partition) === false) {
      this.#context.reply(from, { type: 'recovered', era: 1 } as JournalAnswer);
      return;
    }
    this.#recovery.ask(partition, offset, from);
    this.#journal?.hold();
  }

  /** The call to stop came over the reply lane: what partitions sent before it may be in the mailbox still. */
  #drainLater(): void {
    const drain = step(() => {
      this.#draining = true;
    });
    const self: Address<Inbox> = this.#context.self;
    if (this.#context.send(self, drain) === 'full') this.#context.whenWritable(self, drain);
  }

  #begin(start: JournalStart): void {
    const memory = this.#context.lease(GROUP_BYTES_MAX);
    if (memory === null) {
      this.#context.whenLeasable(step(() => this.#begin(start)));
      return;
    }
    this.#start = start;
    this.#damaged = start.damaged;
    this.#journal = new Journal<Address>({
      shard: this.#context.shard,
      shards: this.#context.shards,
      fileBytes: this.#init.journalFileBytes,
      filesMax: this.#init.journalFilesMax,
      crc32c: this.#init.crc32c,
      memory: memory.bytes,
      nextNumber: start.nextNumber,
      nextSequence: start.nextSequence,
      durable: start.durable,
    });
    this.#journal.refuse(this.#refusing);
    for (const { name, needs, behind, recycle } of start.files)
      this.#journal.files.adopt(name, needs, behind, recycle ? 'recycle' : 'remove');
    this.#journal.collect();
    this.#journal.remind();
    if (this.#recovery.asked) this.#journal.hold();
    this.#remindLater();
  }

  #remindLater(): void {
    this.#context.after(
      REMIND_MS,
      step(() => {
        this.#journal?.remind();
        this.#remindLater();
      }),
    );
  }

  #store(message: JournalRequest & { type: 'store' }, from: Address): void {
    const { partition, era, entry, flushIntervalMs, lease } = message;
    if (this.#journal === null) {
      // Partitions store only after `recovered`, which a journal that is starting has not told.
      lease?.release();
      const reason = fault('UNAVAILABLE', 'the journal is starting');
      this.#context.reply(from, { type: 'storeFailed', era, fault: reason } as JournalAnswer);
      return;
    }
    const body = message.bytes ?? null;
    this.#journal.store({ partition, era, entry, body, memory: lease ?? null, flushIntervalMs, client: from });
  }

  // ---- effects

  #perform(): void {
    const journal = this.#journal;
    if (journal === null) return;
    const { outbox } = journal;
    // Effects may lead to others, which stand behind them.
    for (let next = 0; next < outbox.length; next++) this.#effect(journal, outbox[next] as JournalEffect<Address>);
    outbox.length = 0;
    if (this.#draining && journal.idle) this.#close(journal);
  }

  #effect(journal: Journal<Address>, effect: JournalEffect<Address>): void {
    const { node } = this.#context;
    switch (effect.kind) {
      case 'write':
        this.#write(journal, effect);
        break;
      case 'sync':
        this.#sync(journal);
        break;
      case 'syncLater':
        this.#context.after(
          effect.ms,
          step(() => journal.syncDue()),
        );
        break;
      case 'prepare':
        this.#file.prepare(effect, (error) => journal.prepared(this.#problem(error)));
        break;
      case 'use':
        this.#file.use();
        break;
      case 'retire':
        this.#file.close();
        break;
      case 'flush': {
        const to: Address<JournalAnswer> = { node, name: `partition/${effect.partition}`, incarnation: 0 };
        // Full or lost, it is sent again with the next reminder.
        this.#context.send(to, { type: 'flush', upTo: effect.upTo, keepBytes: effect.keepBytes });
        break;
      }
      case 'remove':
        this.#remove(effect.name);
        break;
      case 'stored': {
        const { era, upTo, durable } = effect;
        this.#context.reply(effect.client, { type: 'stored', era, upTo, durable } as JournalAnswer);
        break;
      }
      case 'failed':
        this.#context.reply(effect.client, {
          type: 'storeFailed',
          era: effect.era,
          fault: effect.fault,
        } as JournalAnswer);
        break;
      case 'held':
        this.#recovery.run(journal);
        break;
      default:
        unreachable(effect);
    }
  }

  #write(journal: Journal<Address>, { bytes, position, durable }: JournalEffect<Address> & { kind: 'write' }): void {
    this.#context.count('journal_writes', 1);
    this.#context.count('journal_bytes', bytes.length);
    if (durable) this.#context.count('journal_syncs', 1);
    this.#file.write(bytes, position, durable, (error) => journal.written(this.#problem(error), bytes.length));
  }

  #sync(journal: Journal<Address>): void {
    this.#context.count('journal_syncs', 1);
    this.#file.sync((error) => journal.synced(this.#problem(error)));
  }

  #problem(error: DiskError | null): JournalError | null {
    if (error === null) return null;
    this.#context.log.error({ code: error.code, error: error.message }, 'the journal could not be written');
    return { full: error.code === 'ENOSPC', message: error.message };
  }

  // ---- files that nobody needs

  #remove(name: string): void {
    const { disk, node } = this.#context;
    const path = `${JOURNAL_FOLDER}/${name}`;
    if (this.#start?.shared.has(name) === true) {
      if (this.#context.shard === 0) this.#release(name, 0);
      else this.#context.send(journalAddress(node, 0), { type: 'released', name, shard: this.#context.shard });
    } else if (this.#damaged.has(name)) {
      this.#context.log.warn({ file: path }, 'a journal file with damage is set aside as it is');
      disk.rename(path, `${path}.damaged`, () => step(() => {}));
    } else disk.remove(path, () => step(() => {}));
  }

  #release(name: string, shard: number): void {
    const released = this.#released.get(name) ?? new Set();
    this.#released.set(name, released.add(shard));
    if (released.size < this.#context.shards) return;
    this.#released.delete(name);
    const path = `${JOURNAL_FOLDER}/${name}`;
    if (this.#damaged.has(name)) this.#context.disk.rename(path, `${path}.damaged`, () => step(() => {}));
    else this.#context.disk.remove(path, () => step(() => {}));
  }

  /** Everything is in the segments: the files go, but for an empty one that keeps the sequence rising. */
  #close(journal: Journal<Address>): void {
    this.#draining = false;
    const [first, ...rest] = journal.files.empty ? journal.files.names.toReversed() : [];
    if (first === undefined) {
      this.#context.stop();
      return;
    }
    let left = rest.length + 1;
    const done = (): void => {
      left--;
      if (left === 0) this.#context.stop();
    };
    for (const name of rest) this.#context.disk.remove(`${JOURNAL_FOLDER}/${name}`, () => step(done));
    this.#context.disk.replace(`${JOURNAL_FOLDER}/${first}`, new Uint8Array(0), () => step(done));
  }
}

/** Journal file and number of files that suit an arena: what is journaled is pinned there, with room left for frames and readers. */
export function journalSize(arenaBytes: number): {
  readonly journalFileBytes: number;
  readonly journalFilesMax: number;
} {
  const filesMax = 4;
  const fileBytes = Math.floor(arenaBytes / 4 / filesMax / MIB) * MIB;
  return { journalFileBytes: Math.max(4 * MIB, Math.min(64 * MIB, fileBytes)), journalFilesMax: filesMax };
}

export function makeJournal(context: Context<Inbox>, _key: string, init: unknown): Actor<Inbox> {
  return new JournalActor(context, init as StorageInit);
}
