/**
 * A clock that stands still until it is told to go on. Runs what is due in the order of its time, and in the order of
 * asking where times are equal; the wall clock can jump, the monotonic one cannot.
 */
import { assert } from '../../src/model/assert.ts';
import type { Clock, TimerHandle } from '../ports.ts';

/** More callbacks than this without time going on are a loop that never ends. */
const CALLBACKS_PER_INSTANT_MAX = 1_000_000;
/** 2026-01-01T00:00Z */
const WALL_START_MS = 1_767_225_600_000;

interface Due {
  readonly at: number;
  readonly order: number;
  run: (() => void) | null;
}

export class SimulatedClock implements Clock {
  /** Binary heap, the next one first. */
  readonly #heap: Due[] = [];
  #time = 0;
  #wallOffset = WALL_START_MS;
  #asked = 0;
  #cancelled = 0;
  #atThisInstant = 0;

  now(): number {
    return Math.floor(this.#wallOffset + this.#time);
  }

  monotonic(): number {
    return this.#time;
  }

  after(ms: number, run: () => void): TimerHandle {
    assert(!Number.isNaN(ms), 'a timer needs a time');
    const due: Due = { at: this.#time + Math.max(0, ms), order: this.#asked, run };
    this.#asked += 1;
    this.#push(due);
    return { cancel: () => this.#cancel(due) };
  }

  soon(run: () => void): void {
    this.after(0, run);
  }

  /** Moves the wall clock alone, forth or back. */
  jump(ms: number): void {
    this.#wallOffset += ms;
  }

  /** Callbacks still to come. */
  get waiting(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** Runs the next callback at its time; false when there is none. */
  step(): boolean {
    return this.#stepUntil(Number.POSITIVE_INFINITY);
  }

  /** Lets `ms` pass, with everything that is due in them. */
  advance(ms: number): void {
    const until = this.#time + ms;
    while (this.#stepUntil(until));
    this.#time = until;
    this.#atThisInstant = 0;
  }

  /** Goes on until `ready` answers true; false when `msMax` have passed or nothing more comes. */
  advanceUntil(ready: () => boolean, msMax: number): boolean {
    const until = this.#time + msMax;
    while (!ready()) {
      if (!this.#stepUntil(until)) return false;
    }
    return true;
  }

  #stepUntil(until: number): boolean {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > until) return false;
      this.#pop();
      const run = next.run;
      if (run === null) {
        this.#cancelled -= 1;
        continue;
      }
      next.run = null;
      this.#enter(next.at);
      run();
      return true;
    }
  }

  #enter(time: number): void {
    if (time > this.#time) this.#atThisInstant = 0;
    this.#atThisInstant += 1;
    this.#time = time;
    assert(this.#atThisInstant <= CALLBACKS_PER_INSTANT_MAX, `time stands still at ${time} ms: a loop of callbacks`);
  }

  #cancel(due: Due): void {
    if (due.run === null) return;
    due.run = null;
    this.#cancelled += 1;
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(due);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (before(heap[parent] as Due, due)) break;
      heap[index] = heap[parent] as Due;
      index = parent;
    }
    heap[index] = due;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Due;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Due, heap[child] as Due)) child += 1;
      if (before(last, heap[child] as Due)) break;
      heap[index] = heap[child] as Due;
      index = child;
    }
    heap[index] = last;
  }
}

/**
 * The clock as one host has it, or one thread of it: its wall clock can jump by itself, and when the host crashes or the
 * thread ends nothing of what was asked for happens any more.
 */
export class HostClock implements Clock {
  readonly #world: Clock;
  #offsetMs = 0;
  #stopped = false;

  constructor(world: Clock) {
    this.#world = world;
  }

  now(): number {
    return this.#world.now() + this.#offsetMs;
  }

  monotonic(): number {
    return this.#world.monotonic();
  }

  after(ms: number, run: () => void): TimerHandle {
    return this.#world.after(ms, () => {
      if (!this.#stopped) run();
    });
  }

  soon(run: () => void): void {
    this.after(0, run);
  }

  /** Moves this host's wall clock alone, forth or back. */
  jump(ms: number): void {
    this.#offsetMs += ms;
  }

  stop(): void {
    this.#stopped = true;
  }
}

function before(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
