/**
 * The judge of compacted partitions: what was written under each key, in its order, and what a reader who goes through all
 * of it must find. The newest value of a key that was acked is there, or something newer; a key is gone only by a tombstone
 * whose time has come, or by age; nothing that was replaced is ever the newest again. Never talks to the node.
 */
import type { Checker, PlaceHistory } from './checker.ts';

interface Write {
  readonly serial: number;
  readonly isTombstone: boolean;
  /** First sent, ms; acked, ms, or never. */
  readonly asked: number;
  acked: number;
}

/** One way through a partition, from its beginning to the end that it had. */
export interface Pass {
  readonly begun: number;
  /** Serials by key, in the order of offsets. */
  readonly found: Map<string, number[]>;
}

export class KeyedHistory {
  readonly place: PlaceHistory;
  readonly #checker: Checker;
  readonly #now: () => number;
  /** By key, ascending by serial: each key has one writer, who sends one batch after the other. */
  readonly #writes = new Map<string, Write[]>();
  /** What was read or acked at an offset. */
  readonly #at = new Map<number, string>();
  #serial = 0;
  /** Whole ways through it that were judged. */
  passes = 0;

  constructor(checker: Checker, place: PlaceHistory, now: () => number) {
    this.#checker = checker;
    this.place = place;
    this.#now = now;
  }

  /** A value of `key` is about to be sent. @returns its serial. */
  writes(key: string, isTombstone: boolean): number {
    this.#serial += 1;
    const writes = this.#writes.get(key) ?? [];
    this.#writes.set(key, writes);
    writes.push({ serial: this.#serial, isTombstone, asked: this.#now(), acked: Number.POSITIVE_INFINITY });
    return this.#serial;
  }

  acked(key: string, serial: number, offset: number): void {
    const write = this.#writes.get(key)?.find((one) => one.serial === serial);
    if (write !== undefined) write.acked = this.#now();
    this.#stands(offset, key, serial);
  }

  begin(): Pass {
    return { begun: this.#now(), found: new Map() };
  }

  read(pass: Pass, offset: number, key: string, serial: number, isTombstone: boolean): void {
    this.#checker.recordsRead += 1;
    const write = this.#writes.get(key)?.find((one) => one.serial === serial);
    if (write === undefined || write.isTombstone !== isTombstone)
      this.#violate(`${this.place.name} ${offset}: ${key}=${serial} was read and never sent`);
    this.#stands(offset, key, serial);
    const found = pass.found.get(key) ?? [];
    pass.found.set(key, found);
    if (serial <= (found.at(-1) ?? 0))
      this.#violate(`${this.place.name} ${offset}: ${key}=${serial} follows ${key}=${found.at(-1)}`);
    found.push(serial);
  }

  /** It has come to the end that the partition had when it began, or beyond. */
  finish(pass: Pass): void {
    this.passes += 1;
    for (const [key, writes] of this.#writes) {
      const newest = writes.findLast(({ acked }) => acked < pass.begun);
      if (newest !== undefined) this.#judge(pass, key, newest, writes);
    }
  }

  #judge(pass: Pass, key: string, newest: Write, writes: readonly Write[]): void {
    const last = pass.found.get(key)?.at(-1) ?? -1;
    // Something later may have taken its place meanwhile, behind the end of this pass.
    if (last >= newest.serial || (writes.at(-1) as Write) !== newest) return;
    const what = `${this.place.name}: ${key}=${newest.serial}${newest.isTombstone ? ' (a tombstone)' : ''}`;
    if (last >= 0 && !this.#tookLong(pass)) this.#violate(`${what} was acked, and the newest is ${key}=${last} again`);
    if (last < 0 && !this.#mayBeGone(newest)) this.#violate(`${what} was acked and is lost`);
  }

  /** A tombstone that it came for too late: what that took out may have been seen before. */
  #tookLong({ begun }: Pass): boolean {
    return this.#checker.jumped || this.#now() - begun > this.place.topic.settings.tombstoneRetentionMs;
  }

  #mayBeGone({ asked, isTombstone }: Write): boolean {
    const { retentionMs, tombstoneRetentionMs, cleanup } = this.place.topic.settings;
    const age = this.#now() - asked;
    if (isTombstone && (this.#checker.jumped || age > tombstoneRetentionMs)) return true;
    return cleanup !== 'compact' && retentionMs >= 0 && (this.#checker.jumped || age > retentionMs);
  }

  /** One value at an offset, for ever. */
  #stands(offset: number, key: string, serial: number): void {
    const record = `${key}=${serial}`;
    const before = this.#at.get(offset);
    if (before !== undefined && before !== record)
      this.#violate(`${this.place.name} ${offset}: ${record} stands where ${before} had been`);
    this.#at.set(offset, record);
  }

  get excused(): boolean {
    return this.#checker.excusesDamage(this.place);
  }

  #violate(what: string): void {
    if (!this.excused) this.#checker.violate(what);
  }
}
