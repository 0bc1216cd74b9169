/**
 * A partition: owns its segment files, gives out offsets, serves reads. Kind `partition`, key = partition id, on demand.
 * What others may ask of it stands in partition/contract.ts.
 * Lives on: shard `id % shards`. View: one partition.
 */
import type { Actor, Address, Context, Down, Drain, Lease } from '../runtime/actor.ts';
import { Flushing } from '../src/log/flushing.ts';
import type { Manifest } from '../src/log/manifest.ts';
import { PartitionLog } from '../src/log/partition-log.ts';
import { partitionFolder } from '../src/log/paths.ts';
import { Producers } from '../src/log/producers.ts';
import { unreachable } from '../src/model/assert.ts';
import { type Fault, fault } from '../src/model/faults.ts';
import { FIRST_USER_PARTITION, id, type PartitionId } from '../src/model/ids.ts';
import type { TopicSettings } from '../src/model/topic.ts';
import { directoryAddress } from './directory/contract.ts';
import { type JournalAnswer, journalAddress, type StorageInit } from './journal/contract.ts';
import { PartitionAnswers } from './partition/answers.ts';
import { type Known, PartitionAppends } from './partition/appends.ts';
import {
  INTERNAL_SETTINGS,
  isSilent,
  type PartitionAnswer,
  type PartitionConfiguration,
  type PartitionRequest,
} from './partition/contract.ts';
import { PartitionRecovery } from './partition/recovery.ts';
import { PartitionUpkeep } from './partition/upkeep.ts';
import { PartitionWriter } from './partition/writer.ts';
import { type Step, step } from './step.ts';
import type { TransactionsAnswer } from './transactions/contract.ts';

type Inbox = PartitionRequest | PartitionConfiguration | JournalAnswer | TransactionsAnswer | Down | Drain | Step;

/**
 * `starting`: requests wait. `listing`: they wait until the sidecar names what a replay found in segments. `ready`: serves.
 * `draining`: finishes what it has. `gone`: its topic was deleted.
 */
type State = 'starting' | 'listing' | 'ready' | 'draining' | 'gone';

/** Requests that wait for the start; whoever comes later hears UNAVAILABLE. */
const EARLY_MAX = 10_000;
/** The directory is asked again who this is, ms. */
const ASK_MS = 2_000;
class PartitionActor implements Actor<Inbox> {
  readonly #context: Context<Inbox>;
  readonly #partition: PartitionId;
  readonly #init: StorageInit;
  #state: State = 'starting';
  /** As the directory said; the node's own logs have no such place. */
  #known: Known | null = null;
  #log: PartitionLog | null = null;
  #recovery: PartitionRecovery | null = null;
  #parts: Parts | null = null;
  #early: { readonly message: PartitionRequest; readonly from: Address }[] = [];
  /** What the journal wants flushed, answered with `flushed` when it is. */
  #flushAsked = 0;
  #reporting = false;
  #drainAsked = false;

  constructor(context: Context<Inbox>, partition: PartitionId, init: StorageInit) {
    this.#context = context;
    this.#partition = partition;
    this.#init = init;
    if (partition < FIRST_USER_PARTITION) this.#configure(INTERNAL_SETTINGS);
    else this.#whoAmI();
  }

  receive(message: Inbox, from: Address): void {
    switch (message.type) {
      case 'step':
        message.run();
        break;
      case 'configure':
        this.#known ??= { topic: message.topic, index: message.partition };
        this.#configure(message.settings);
        break;
      case 'gone':
        this.#gone();
        break;
      case 'tail':
        if (this.#recovery === null) message.lease.release();
        else this.#recovery.tail(message);
        break;
      case 'recovered':
        this.#recovery?.recovered(message.era);
        break;
      case 'stored':
        this.#parts?.appends.stored(message);
        break;
      case 'storeFailed':
        this.#parts?.appends.storeFailed(message);
        break;
      case 'transacted':
        this.#parts?.appends.verified(message);
        break;
      case 'flush':
        this.#flushAsked = Math.max(this.#flushAsked, message.upTo);
        if (this.#log !== null) this.#log.cacheBytesMax = message.keepBytes;
        if (this.#state === 'gone') this.#forgetJournal();
        break;
      case 'down':
        this.#down(message.address);
        break;
      case 'drain':
        this.#drainAsked = true;
        break;
      default:
        this.#request(message, from);
    }
  }

  afterTurn(): void {
    this.#advance();
  }

  stopped(): void {
    this.#parts?.upkeep.compaction.ended();
    this.#parts?.answers.reader.ended();
    this.#parts?.flushing.ended();
  }

  inspect(): unknown {
    const log = this.#log;
    if (log === null) return { state: this.#state };
    const { begin, end, durable, committed, segments, chunks } = log;
    return { state: this.#state, begin, end, durable, committed, segments: segments.length, chunks: chunks.length };
  }

  // ---- who am I

  #whoAmI(): void {
    const { node, shard } = this.#context;
    const directory = directoryAddress(node, shard);
    this.#context.watch(directory);
    // A mailbox that is full, or a directory that starts anew, is asked again.
    this.#context.send(directory, { type: 'whoAmI', partition: this.#partition });
    this.#context.after(
      ASK_MS,
      step(() => {
        if (this.#log === null && this.#state === 'starting') this.#whoAmI();
      }),
    );
  }

  #down(address: Address): void {
    if (address.name.startsWith('directory/')) {
      if (this.#state !== 'gone') this.#whoAmI();
    } else if (address.name.startsWith('journal/')) throw new Error('the journal that has this partition went down');
    else this.#parts?.answers.down(address);
  }

  #configure(settings: TopicSettings): void {
    if (this.#state === 'gone') return;
    if (this.#log !== null) {
      // The engine is chosen once: what is on disk does not move to memory, nor the other way.
      this.#log.settings = { ...settings, engine: this.#log.settings.engine };
      return;
    }
    const lease = (length: number): Lease | null => this.#context.lease(length);
    this.#log = new PartitionLog(this.#partition, settings, { crc32c: this.#init.crc32c, lease });
    if (this.#log.inMemory) {
      this.#ready(this.#log, null, new Producers());
      return;
    }
    this.#context.watch(journalAddress(this.#context.node, this.#context.shard));
    const recovery = new PartitionRecovery(this.#context, this.#log, (manifest) => {
      if (this.#log === null || this.#state !== 'starting') return;
      this.#ready(this.#log, manifest, recovery.producers.producers);
      if (recovery.rebuilt || recovery.producers.rebuilt) this.#parts?.flushing.manifestDue();
      if (recovery.producers.rebuilt) this.#parts?.writer.snapshot(() => {});
    });
    this.#recovery = recovery;
    recovery.begin();
  }

  #ready(log: PartitionLog, manifest: Manifest | null, producers: Producers): void {
    this.#recovery = null;
    this.#state = 'listing';
    const flushing = new Flushing(log, manifest, this.#init.unlisted);
    flushing.want(log.bareTo);
    const appends = new PartitionAppends(this.#context, log, this.#known, producers, {
      prefixNeeded: () => this.#readPrefix(log),
    });
    const writer = new PartitionWriter(this.#context, log, flushing, () => producers, {
      progressed: () => this.#advance(),
      failed: (error) => appends.abandon(error),
    });
    const { compactions: room } = this.#init;
    const answers = new PartitionAnswers(this.#context, log, producers.transactions, this.#init);
    const upkeep = new PartitionUpkeep(this.#context, { log, flushing, writer, answers, producers, room });
    this.#parts = { log, producers, flushing, appends, writer, answers, upkeep };
    this.#advance();
  }

  #listed(parts: Parts): void {
    if (!parts.flushing.reached(parts.log.bareTo)) return;
    parts.log.dropBare();
    this.#state = 'ready';
    const early = this.#early;
    this.#early = [];
    for (const { message, from } of early) this.#serve(parts, message, from);
    parts.upkeep.begin();
  }

  /** The topic was deleted: the folder goes, and the journal may forget what it has. */
  #gone(): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    for (const { message, from } of this.#early) this.#refuse(message, from, unknown(this.#partition));
    this.#early = [];
    this.#parts?.appends.refuseAll(unknown(this.#partition));
    this.#parts?.upkeep.refuseAll(unknown(this.#partition));
    this.#parts?.upkeep.compaction.stop();
    this.#forgetJournal();
    this.#removeFolder();
  }

  #forgetJournal(): void {
    const { node, shard } = this.#context;
    const message = { type: 'flushed' as const, partition: this.#partition, upTo: Number.POSITIVE_INFINITY };
    this.#context.send(journalAddress(node, shard), message);
  }

  /** Once nothing is written any more. What is left after a failure is found again by the janitor. */
  #removeFolder(): void {
    const { writer, upkeep } = this.#parts ?? {};
    if (writer?.idle === false || upkeep?.compaction.idle === false || this.#recovery !== null) {
      this.#context.after(
        50,
        step(() => this.#removeFolder()),
      );
      this.#recovery = null;
      return;
    }
    this.#context.disk.remove(partitionFolder(this.#partition), () => step(() => this.#context.stop()));
  }

  // ---- requests

  #request(message: PartitionRequest, from: Address): void {
    this.#parts?.upkeep.used();
    if (this.#state === 'gone') this.#refuse(message, from, unknown(this.#partition));
    else if (this.#parts !== null && this.#state !== 'listing') this.#serve(this.#parts, message, from);
    else if (this.#early.length < EARLY_MAX) this.#early.push({ message, from });
    else this.#refuse(message, from, fault('UNAVAILABLE', 'the partition is starting'));
  }

  #serve({ producers, appends, answers, upkeep }: Parts, message: PartitionRequest, from: Address): void {
    switch (message.type) {
      case 'append':
        if (this.#state === 'draining') this.#refuse(message, from, fault('SHUTTING_DOWN', 'the node is stopping'));
        else appends.append(message, from);
        break;
      case 'mark':
        if (this.#state === 'draining') this.#refuse(message, from, fault('SHUTTING_DOWN', 'the node is stopping'));
        else appends.mark(message, from);
        break;
      case 'producers': {
        const { request } = message;
        this.#context.reply(from, { type: 'producers', request, producers: producers.report() } as PartitionAnswer);
        break;
      }
      case 'read':
        answers.read(message, from);
        break;
      case 'taken':
        answers.reader.taken();
        break;
      case 'watch':
        answers.watch(message, from);
        break;
      case 'unwatch':
        answers.unwatch(message.request, from);
        break;
      case 'find':
        answers.find(message, from);
        break;
      case 'measure':
        answers.measure(message, from);
        break;
      case 'describe':
        answers.describe(message.request, from);
        break;
      case 'scrub':
        upkeep.scrub(message.request, from);
        break;
      case 'trim':
        upkeep.trim(message, from);
        break;
      default:
        unreachable(message);
    }
  }

  #refuse(message: PartitionRequest, from: Address, reason: Fault): void {
    if (message.type === 'append') message.lease?.release();
    if (message.type === 'unwatch' || message.type === 'taken') return;
    if (message.type === 'append' && isSilent(message)) return;
    this.#context.reply(from, { type: 'refused', request: message.request, fault: reason } as PartitionAnswer);
  }

  // ---- what goes on by itself

  /** After what came in a turn: tells who waits, writes what is to be written, reports to the journal. */
  #advance(): void {
    const parts = this.#parts;
    if (parts === null || this.#state === 'gone') {
      if (this.#drainAsked && this.#state === 'starting') this.#context.stop();
      return;
    }
    parts.flushing.want(this.#flushAsked);
    if (this.#state === 'listing') this.#listed(parts);
    parts.appends.committed();
    parts.answers.committed();
    parts.upkeep.look();
    parts.writer.pump();
    parts.upkeep.tellTrimmed();
    this.#report(parts);
    if (this.#drainAsked && this.#state !== 'listing') this.#drain(parts);
  }

  /** The journal asked for a flush and it is done: it may forget what is below. */
  #report({ log, flushing, writer }: Parts): void {
    const upTo = this.#flushAsked;
    if (upTo === 0 || this.#reporting || !flushing.reached(upTo)) return;
    this.#reporting = true;
    log.evict(log.cacheBytesMax);
    writer.snapshot((done) => {
      this.#reporting = false;
      if (!done) return;
      if (this.#flushAsked === upTo) this.#flushAsked = 0;
      const { node, shard } = this.#context;
      this.#context.send(journalAddress(node, shard), { type: 'flushed', partition: this.#partition, upTo });
      this.#advance();
    });
  }

  #readPrefix(log: PartitionLog): void {
    const [segment, at] = [log.active, log.prefixAt];
    if (segment === undefined || this.#parts === null) return;
    this.#parts.answers.reader.block(segment, at, segment.bytes - at, (problem, bytes) => {
      if (problem?.code === 'OVERLOADED') this.#context.whenLeasable(step(() => this.#readPrefix(log)));
      else if (problem !== null && problem.code !== 'DATA_DAMAGED') throw new Error(`no prefix: ${problem.message}`);
      else {
        // Of a file that has lost its end: damage, told to those who read it.
        log.givePrefix(bytes ?? new Uint8Array(segment.bytes - at));
        this.#parts?.appends.goOn();
      }
    });
  }

  /** Clean stop: everything to the segments, then the manifest says so. */
  #drain(parts: Parts): void {
    this.#state = 'draining';
    const { log, flushing, appends, writer, upkeep } = parts;
    appends.refuseHeld(fault('SHUTTING_DOWN', 'the node is stopping'));
    if (log.inMemory) {
      this.#context.stop();
      return;
    }
    upkeep.compaction.stop();
    if (!appends.idle || !writer.idle || !upkeep.compaction.idle || this.#reporting) return;
    if (!flushing.reached(log.end)) {
      flushing.want(log.end);
      writer.pump();
    } else if (log.segments.length > 0 && !flushing.clean) {
      flushing.wantClean();
      writer.pump();
    } else this.#leave(writer);
  }

  #leave(writer: PartitionWriter): void {
    this.#reporting = true;
    writer.snapshot((done) => {
      const { node, shard } = this.#context;
      const upTo = this.#log?.end ?? 0;
      // Without the snapshot the journal keeps what it has, and the next start reads it.
      if (done) this.#context.send(journalAddress(node, shard), { type: 'flushed', partition: this.#partition, upTo });
      this.#context.stop();
    });
  }
}

interface Parts {
  readonly log: PartitionLog;
  readonly producers: Producers;
  readonly flushing: Flushing;
  readonly appends: PartitionAppends;
  readonly writer: PartitionWriter;
  readonly answers: PartitionAnswers;
  readonly upkeep: PartitionUpkeep;
}

const unknown = (partition: PartitionId): Fault =>
  fault('UNKNOWN_PARTITION', `partition ${partition} is gone with its topic`);

export function makePartition(context: Context<Inbox>, key: string, init: unknown): Actor<Inbox> {
  return new PartitionActor(context, id(Number(key)), init as StorageInit);
}
