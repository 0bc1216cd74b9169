/**
 * A partition in memory for tests of what stands on it: answers as the real one, holds appends back or refuses them when
 * told, keeps its batches when its actor crashes. Batches only; no disk, no durability.
 */

import type { PartitionAnswer, PartitionRequest } from '../../actors/partition/contract.ts';
import type { Actor, Address, Context } from '../../runtime/actor.ts';
import { readMaxTimestamp, readNextOffset, stampBatch } from '../../src/model/batch.ts';
import { type Fault, type FaultCode, fault } from '../../src/model/faults.ts';
import { id, type Offset } from '../../src/model/ids.ts';

type Append = Extract<PartitionRequest, { readonly type: 'append' }>;
type Mark = Extract<PartitionRequest, { readonly type: 'mark' }>;
interface Batch {
  readonly base: number;
  readonly next: number;
  readonly bytes: Uint8Array;
}

/** What lies "on disk", and the switches of the test. */
export class FakeLog {
  batches: Batch[] = [];
  begin = 0;
  /** Readers see what is below. */
  committed = 0;
  end = 0;
  /** Appends stay uncommitted and unanswered until `release`. */
  hold = false;
  /** Every append is refused with it. */
  refuse: Fault | null = null;
  /** Does not answer questions for lag. */
  silent = false;
  /** What was told of transactions, and what is said to it. */
  readonly marks: { readonly producer: number; readonly epoch: number; readonly commit: boolean }[] = [];
  marking: 'answers' | 'silent' | FaultCode = 'answers';
  /** A read gives no more at a time, however much was asked for. */
  readBytesMax = Number.POSITIVE_INFINITY;
  appends = 0;
  reads = 0;
  #held: (() => void)[] = [];
  #watchers: { readonly offset: number; readonly ready: () => void }[] = [];

  append(message: Append, answer: (answer: PartitionAnswer) => void): void {
    this.appends++;
    const { request } = message;
    if (this.refuse !== null) {
      answer({ type: 'refused', request, fault: this.refuse });
      return;
    }
    const bytes = message.bytes.slice();
    const base = this.end;
    stampBatch(bytes, 0, id(base), id(0));
    const next: number = readNextOffset(bytes);
    this.end = next;
    const commit = (): void => {
      this.batches.push({ base, next, bytes });
      this.committed = next;
      answer({ type: 'appended', request, baseOffset: id(base), begin: id(this.begin) });
      for (const watcher of this.#watchers.splice(0)) {
        if (watcher.offset < this.committed) watcher.ready();
        else this.#watchers.push(watcher);
      }
    };
    if (this.hold) this.#held.push(commit);
    else commit();
  }

  mark({ request, producer, epoch, commit }: Mark, answer: (answer: PartitionAnswer) => void): void {
    this.marks.push({ producer, epoch, commit });
    if (this.marking === 'answers')
      answer({ type: 'appended', request, baseOffset: id(this.end), begin: id(this.begin) });
    else if (this.marking !== 'silent')
      answer({ type: 'refused', request, fault: fault(this.marking, 'as the test wants it') });
  }

  /** Commits what was held, from the next turn on: the test has to settle the world. */
  release(): void {
    this.hold = false;
    for (const commit of this.#held.splice(0)) commit();
  }

  read(offset: number, bytesMax: number): { readonly bytes: Uint8Array; readonly next: number } | Fault {
    this.reads++;
    if (offset < this.begin || offset > this.end) return fault('OFFSET_OUT_OF_RANGE', `${offset}`);
    const most = Math.min(bytesMax, this.readBytesMax);
    const chosen: Batch[] = [];
    let size = 0;
    for (const batch of this.batches) {
      if (batch.next <= offset || (chosen.length > 0 && size + batch.bytes.length > most)) continue;
      chosen.push(batch);
      size += batch.bytes.length;
    }
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const batch of chosen) {
      bytes.set(batch.bytes, at);
      at += batch.bytes.length;
    }
    return { bytes, next: chosen.at(-1)?.next ?? offset };
  }

  watch(offset: number, ready: () => void): void {
    if (offset < this.committed) ready();
    else this.#watchers.push({ offset, ready });
  }

  trim(offset: number): void {
    this.batches = this.batches.filter(({ next }) => next > offset);
    this.begin = Math.max(this.begin, this.batches[0]?.base ?? offset);
  }

  measure(offset: number): { readonly sizeBytes: number; readonly timestamp: number } {
    const rest = this.batches.filter(({ next }) => next > offset);
    const sizeBytes = rest.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const [first] = rest;
    return { sizeBytes, timestamp: first === undefined ? -1 : readMaxTimestamp(first.bytes) };
  }

  /** Bytes of all batches, for tests that compare. */
  get sizeBytes(): number {
    return this.batches.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }
}

/** To the fake alone: throw. */
export type Crash = { readonly type: 'crash' };

export function fakePartition(log: FakeLog, context: Context): Actor<PartitionRequest | Crash> {
  // What was held when the actor ended may still be committed; its answer has nobody left to send it.
  let alive = true;
  return {
    stopped(): void {
      alive = false;
    },
    receive(message: PartitionRequest | Crash, from: Address): void {
      const answer = (reply: PartitionAnswer): void => {
        if (alive) context.reply(from, reply);
      };
      const begin: Offset = id(log.begin);
      const end: Offset = id(log.committed);
      switch (message.type) {
        case 'crash':
          throw new Error('the test wants the partition to crash');
        case 'append':
          log.append(message, answer);
          break;
        case 'read': {
          const { request } = message;
          const read = log.read(message.offset, message.bytesMax);
          if ('code' in read) answer({ type: 'refused', request, fault: read });
          else answer({ type: 'records', request, begin, end, stable: end, next: id(read.next), bytes: read.bytes });
          break;
        }
        case 'watch':
          log.watch(message.offset, () => answer({ type: 'ready', request: message.request }));
          break;
        case 'find': {
          const offset = message.at === 'begin' ? begin : end;
          answer({ type: 'found', request: message.request, offset, timestamp: -1 });
          break;
        }
        case 'measure': {
          const measured = { type: 'measured', request: message.request, begin, end } as const;
          if (!log.silent) answer({ ...measured, ...log.measure(message.offset) });
          break;
        }
        case 'describe': {
          const rest = { sizeBytes: log.sizeBytes, segments: 1, damaged: [] };
          const appended: Offset = id(log.end);
          answer({ type: 'described', request: message.request, begin, end, durable: end, appended, ...rest });
          break;
        }
        case 'trim':
          log.trim(message.offset);
          answer({ type: 'trimmed', request: message.request, begin: id(log.begin) });
          break;
        case 'mark':
          log.mark(message, answer);
          break;
        case 'unwatch':
          break;
        default:
          throw new Error(`the fake does not know ${(message as { type: string }).type}`);
      }
    },
  };
}
