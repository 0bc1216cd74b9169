/**
 * Looks after what nobody asks for: wakes the partitions that have files, so that retention and deletion reach them and
 * older bytes are checked; tells the journal to refuse writes before the disk is full. Removes nothing itself.
 * Kind `janitor`, key = shard, at start.
 * Lives on: every shard. View: the folders of its shard's partitions, and the disk.
 */
import type { Actor, Context, Down, Drain } from '../runtime/actor.ts';
import type { DiskEntry, DiskError, DiskSpace } from '../runtime/ports.ts';
import { PARTITIONS_FOLDER, parsePartitionName } from '../src/log/paths.ts';
import { unreachable } from '../src/model/assert.ts';
import { type Fault, fault } from '../src/model/faults.ts';
import type { PartitionId } from '../src/model/ids.ts';
import { censusAddress } from './census.ts';
import { journalAddress, type StorageInit } from './journal/contract.ts';
import { type PartitionAnswer, partitionAddress } from './partition/contract.ts';
import { type Step, step } from './step.ts';

type Inbox = PartitionAnswer | Down | Drain | Step;

/** The disk is asked how full it is, ms. */
const SPACE_MS = 2_000;
/** From the end of one round through the partitions to the next, ms. */
const ROUND_MS = 24 * 3_600_000;
/** Before the first round: a start belongs to those who wait for it, ms. */
const FIRST_ROUND_MS = 10_000;
/** Between two partitions of a round, ms. */
const NEXT_MS = 20;
/** Writes are allowed again when more is free than the watermark asks for, by this part of what may be used: no flapping. */
const HYSTERESIS = 0.1;

class Janitor implements Actor<Inbox> {
  readonly #context: Context<Inbox>;
  readonly #init: StorageInit;
  #refusing: Fault | null = null;
  /** Partitions of this round that were not visited yet; the first is being checked. */
  #round: PartitionId[] = [];

  constructor(context: Context<Inbox>, init: StorageInit) {
    this.#context = context;
    this.#init = init;
    this.#lookAtDisk();
    context.after(
      FIRST_ROUND_MS,
      step(() => this.#begin()),
    );
  }

  receive(message: Inbox): void {
    switch (message.type) {
      case 'step':
        message.run();
        break;
      case 'scrubbed':
      case 'refused':
      case 'down':
        this.#visited();
        break;
      case 'drain':
        this.#context.stop();
        break;
      case 'appended':
      case 'records':
      case 'ready':
      case 'found':
      case 'measured':
      case 'described':
      case 'trimmed':
      case 'producers':
        throw new Error(`the janitor did not ask for ${message.type}`);
      default:
        unreachable(message);
    }
  }

  inspect(): unknown {
    return { refusing: this.#refusing?.message ?? null, toVisit: this.#round.length };
  }

  // ---- watermarks

  #lookAtDisk(): void {
    this.#context.disk.space((error, space) => step(() => this.#judge(error, space)));
  }

  #judge(error: DiskError | null, space: DiskSpace | undefined): void {
    if (space !== undefined) this.#weigh(space);
    else this.#context.log.warn({ error: error?.message ?? '' }, 'the disk does not say how full it is');
    this.#context.after(
      SPACE_MS,
      step(() => this.#lookAtDisk()),
    );
  }

  #weigh({ freeBytes, totalBytes }: DiskSpace): void {
    const least = Math.max(this.#init.freeBytesMin, this.#init.freeRatioMin * totalBytes);
    this.#context.gauge('disk_free_bytes', freeBytes);
    const margin = HYSTERESIS * Math.max(0, Math.min(least, totalBytes - least));
    const wanted = this.#refusing === null ? least : least + margin;
    const refusing = freeBytes >= wanted ? null : fault('DISK_FULL', `${freeBytes} bytes are free, ${least} must be`);
    const changed = (refusing === null) !== (this.#refusing === null);
    this.#refusing = refusing;
    const { node, shard } = this.#context;
    // Told every time: a journal that was started anew does not know.
    this.#context.send(journalAddress(node, shard), { type: 'refuse', fault: refusing });
    this.#context.send(censusAddress(node, shard), { type: 'writes', refused: refusing !== null });
    if (!changed) return;
    if (refusing === null) this.#context.log.info({ freeBytes }, 'the disk has room again: writes are accepted');
    else this.#context.log.error({ freeBytes, least }, 'the disk is nearly full: writes are refused');
  }

  // ---- rounds

  #begin(): void {
    this.#context.disk.list(PARTITIONS_FOLDER, (error, entries) => step(() => this.#listed(error, entries ?? [])));
  }

  #listed(error: DiskError | null, entries: readonly DiskEntry[]): void {
    if (error !== null) this.#context.log.warn({ error: error.message }, 'the partitions could not be listed');
    const { shard, shards } = this.#context;
    for (const { name } of entries) {
      const partition = parsePartitionName(name);
      if (partition !== null && partition % shards === shard) this.#round.push(partition);
    }
    this.#visit();
  }

  /** A partition that starts looks at its own retention from then on, and finds out that its topic is gone. */
  #visit(): void {
    const partition = this.#round[0];
    if (partition === undefined) {
      this.#context.after(
        ROUND_MS,
        step(() => this.#begin()),
      );
      return;
    }
    const address = partitionAddress(this.#context.node, partition);
    this.#context.watch(address);
    if (this.#context.send(address, { type: 'scrub', request: partition }) === 'full')
      this.#context.whenWritable(
        address,
        step(() => this.#visit()),
      );
  }

  /** By its answer, or by its end. */
  #visited(): void {
    const partition = this.#round.shift();
    if (partition === undefined) return;
    this.#context.unwatch(partitionAddress(this.#context.node, partition));
    this.#context.after(
      NEXT_MS,
      step(() => this.#visit()),
    );
  }
}

export function makeJanitor(context: Context<Inbox>, _key: string, init: unknown): Actor<Inbox> {
  return new Janitor(context, init as StorageInit);
}
