/**
 * The way to one other shard and back: a lane for requests, which may be full, and one for replies, which never refuses:
 * what does not fit waits here, bounded by what was asked. It moves envelopes and decides nothing about them.
 */
import type { Address, Message } from './actor.ts';
import type { ArenaMap } from './arena-map.ts';
import { type Envelope, EnvelopeWriter, readEnvelope } from './envelope.ts';
import { Fifo } from './mailbox.ts';

/** What an envelope is; its `kind`. All but requests go over the reply lane. */
export const REQUEST = 0;
export const REPLY = 1;
export const WATCH = 2;
export const UNWATCH = 3;
export const DOWN = 4;

/** Records taken from one lane in one turn, so that no shard starves the others. */
const RECORDS_PER_TURN = 512;

/** A ring's writing end, or the same on one thread. */
export interface RecordWriter {
  readonly bytes: Uint8Array;
  readonly recordBytesMax: number;
  /** From a refused claim until the reader has made room. */
  readonly waits: boolean;
  claim(length: number): number;
  publish(): void;
}
export interface RecordReader {
  readonly empty: boolean;
  drain(recordsMax: number, take: (bytes: Uint8Array, at: number, length: number) => void): number;
  writerWaits(): boolean;
}
export interface LinkEnds {
  readonly requestsOut: RecordWriter;
  readonly repliesOut: RecordWriter;
  readonly requestsIn: RecordReader;
  readonly repliesIn: RecordReader;
  /** Wakes the other shard if it sleeps. */
  ring(): void;
}

interface Waiting {
  readonly kind: number;
  readonly target: Address;
  readonly sender: Address;
  readonly message: Message;
}

export class Link {
  readonly #arenas: ArenaMap;
  readonly #writer: EnvelopeWriter;
  readonly #changed: () => void;
  #ends: LinkEnds;
  /** The other shard is dead and not replaced yet. */
  #away = false;
  readonly #replies = new Fifo<Waiting>();
  /** Requests taken from the ring whose receiver's mailbox was full: the ring is not read beyond. */
  #held: Envelope[] = [];
  #published = false;

  /**
   * @param to the other shard.
   * @param changed told when there is something to flush.
   */
  constructor(to: number, ends: LinkEnds, arenas: ArenaMap, changed: () => void) {
    this.#ends = ends;
    this.#arenas = arenas;
    this.#changed = changed;
    this.#writer = new EnvelopeWriter(arenas, to);
  }

  get away(): boolean {
    return this.#away;
  }

  /** Somebody who found it full may try again. */
  get writable(): boolean {
    return !this.#away && !this.#ends.requestsOut.waits;
  }

  /** Something to do that does not come with a ring of the bell. */
  get busy(): boolean {
    if (this.#held.length > 0) return true;
    if (this.#away) return false;
    const { repliesIn, requestsIn, repliesOut } = this.#ends;
    return !repliesIn.empty || !requestsIn.empty || (this.#replies.length > 0 && !repliesOut.waits);
  }

  /** @returns false when there is no room: nothing was taken. */
  request(target: Address, sender: Address, message: Message): boolean {
    if (this.#away) return false;
    return this.#write(this.#ends.requestsOut, REQUEST, target, sender, message);
  }

  /** @returns false when the other shard is away: nothing was taken. */
  reply(kind: number, target: Address, sender: Address, message: Message): boolean {
    if (this.#away) return false;
    if (this.#replies.length > 0 || !this.#write(this.#ends.repliesOut, kind, target, sender, message))
      this.#replies.push({ kind, target, sender, message });
    return true;
  }

  /** Sends what waits, and wakes the other side if there is anything new for it. Once a turn. */
  flush(): void {
    if (this.#away) return;
    for (let next = this.#replies.first(); next !== undefined; next = this.#replies.first()) {
      if (!this.#write(this.#ends.repliesOut, next.kind, next.target, next.sender, next.message)) break;
      this.#replies.shift();
    }
    if (!this.#published) return;
    this.#published = false;
    this.#ends.ring();
  }

  /**
   * Hands over what has come.
   * @param accept false for a request whose receiver has no room: it is kept and offered again.
   */
  receive(accept: (envelope: Envelope) => boolean): void {
    const held = this.#held;
    this.#held = [];
    for (const envelope of held) if (!accept(envelope)) this.#held.push(envelope);
    this.#drain(this.#ends.repliesIn, accept);
    if (this.#held.length === 0) this.#drain(this.#ends.requestsIn, accept);
  }

  /**
   * The other shard has died: takes in all it had published, and is away from now on.
   * @returns replies that never left.
   */
  leave(accept: (envelope: Envelope) => boolean): Waiting[] {
    while (this.#drain(this.#ends.repliesIn, accept) > 0);
    while (this.#drain(this.#ends.requestsIn, accept) > 0);
    this.#away = true;
    const left: Waiting[] = [];
    for (let next = this.#replies.shift(); next !== undefined; next = this.#replies.shift()) left.push(next);
    return left;
  }

  /** Its replacement starts, on rings laid anew. */
  comeBack(ends: LinkEnds): void {
    this.#ends = ends;
    this.#away = false;
  }

  #drain(reader: RecordReader, accept: (envelope: Envelope) => boolean): number {
    if (this.#away) return 0;
    const taken = reader.drain(RECORDS_PER_TURN, (bytes, at, length) => {
      const envelope = readEnvelope(bytes, at, length, this.#arenas);
      if (!accept(envelope)) this.#held.push(envelope);
    });
    if (reader.writerWaits()) this.#ends.ring();
    return taken;
  }

  #write(ring: RecordWriter, kind: number, target: Address, sender: Address, message: Message): boolean {
    const length = this.#writer.prepare(kind, target, sender, message);
    if (length < 0) return false;
    const at = ring.claim(length);
    if (at < 0) return false;
    this.#writer.write(ring.bytes, at);
    ring.publish();
    this.#published = true;
    this.#changed();
    return true;
  }
}
