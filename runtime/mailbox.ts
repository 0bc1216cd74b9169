/**
 * What waits for one actor: requests, bounded, and beside them the reply lane, which is bounded by what the actor itself
 * asked for. Replies come first. It allocates nothing for a message: each lies in a circular array, its sender behind it.
 */
import { assert } from '../src/model/assert.ts';
import type { Address, Message } from './actor.ts';

const SLOTS_FIRST = 4;
/** An emptied queue that has grown beyond this is given back: most actors idle most of the time. */
const SLOTS_KEPT = 256;

/** A queue in a circular array, whose capacity is a power of two. */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#length) & (this.#items.length - 1)] = item;
    this.#length += 1;
  }

  first(): T | undefined {
    return this.#length === 0 ? undefined : this.#items[this.#head];
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#length -= 1;
    if (this.#length === 0 && this.#items.length > SLOTS_KEPT) this.#items = [];
    return item;
  }

  #grow(): void {
    const items: (T | undefined)[] = new Array(Math.max(SLOTS_FIRST, this.#items.length * 2)).fill(undefined);
    for (let i = 0; i < this.#length; i++) items[i] = this.#items[(this.#head + i) & (this.#items.length - 1)];
    this.#items = items;
    this.#head = 0;
  }
}

/** A message and its sender by turns. */
type Lane = Fifo<Message | Address>;

export class Mailbox {
  readonly #requestsMax: number;
  readonly #requests: Lane = new Fifo();
  readonly #replies: Lane = new Fifo();
  /** What {@link take} took. */
  message: Message | undefined;
  sender: Address | undefined;

  constructor(requestsMax: number) {
    assert(requestsMax > 0, 'a mailbox has room for one message at least');
    this.#requestsMax = requestsMax;
  }

  get length(): number {
    return (this.#requests.length + this.#replies.length) / 2;
  }

  get full(): boolean {
    return this.#requests.length >= 2 * this.#requestsMax;
  }

  /** Half of it is free: those who found it full may try again. */
  get roomy(): boolean {
    return this.#requests.length <= this.#requestsMax;
  }

  pushRequest(message: Message, sender: Address): void {
    assert(!this.full, 'the sender looks before it sends');
    this.#requests.push(message);
    this.#requests.push(sender);
  }

  pushReply(message: Message, sender: Address): void {
    this.#replies.push(message);
    this.#replies.push(sender);
  }

  /** Moves the next message into `message` and `sender`. @returns false when there is none. */
  take(): boolean {
    const lane = this.#replies.length > 0 ? this.#replies : this.#requests;
    this.message = lane.shift() as Message | undefined;
    this.sender = lane.shift() as Address | undefined;
    return this.message !== undefined;
  }
}
