/**
 * What waits for one actor: requests, bounded, and beside them the reply lane, which is bounded by what the actor itself
 * asked for. Replies come first. It allocates nothing for a message: senders and messages lie in two circular arrays.
 */
import { assert } from '../src/model/assert.ts';
import type { Address, Message } from './actor.ts';

const SLOTS_FIRST = 8;
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

class Lane {
  readonly messages = new Fifo<Message>();
  readonly senders = new Fifo<Address>();
}

export class Mailbox {
  readonly #requestsMax: number;
  readonly #requests = new Lane();
  readonly #replies = new Lane();
  /** What {@link take} took. */
  message: Message | undefined;
  sender: Address | undefined;

  constructor(requestsMax: number) {
    assert(requestsMax > 0, 'a mailbox has room for one message at least');
    this.#requestsMax = requestsMax;
  }

  get length(): number {
    return this.#requests.messages.length + this.#replies.messages.length;
  }

  get full(): boolean {
    return this.#requests.messages.length >= this.#requestsMax;
  }

  /** Half of it is free: those who found it full may try again. */
  get roomy(): boolean {
    return this.#requests.messages.length * 2 <= this.#requestsMax;
  }

  pushRequest(message: Message, sender: Address): void {
    assert(!this.full, 'the sender looks before it sends');
    this.#requests.messages.push(message);
    this.#requests.senders.push(sender);
  }

  pushReply(message: Message, sender: Address): void {
    this.#replies.messages.push(message);
    this.#replies.senders.push(sender);
  }

  /** Moves the next message into `message` and `sender`. @returns false when there is none. */
  take(): boolean {
    const lane = this.#replies.messages.length > 0 ? this.#replies : this.#requests;
    this.message = lane.messages.shift();
    this.sender = lane.senders.shift();
    return this.message !== undefined;
  }
}
