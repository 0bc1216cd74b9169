/**
 * The post office of a shard: finds who a message is for, here or over a link, keeps the death watch, and hands what
 * cannot be delivered to the dead letters. It never runs a receiver.
 */
import type { NodeId, ShardId } from '../src/model/ids.ts';
import type { Address, Down, Kind, Message, Sent } from './actor.ts';
import type { Place, Places } from './address.ts';
import { type Cell, held } from './cell.ts';
import type { ActorContext, Watch } from './context.ts';
import { DEAD_LETTERS, type DeadLetter, deadLettersAddress } from './dead-letters.ts';
import type { Envelope } from './envelope.ts';
import { DOWN, type Link, REPLY, REQUEST, UNWATCH, WATCH } from './link.ts';
import type { Counters } from './ports.ts';
import { type Watcher, Watchers } from './watchers.ts';

export interface PostParts {
  readonly node: NodeId;
  readonly shard: ShardId;
  readonly places: Places;
  /** By shard; null at its own place. */
  readonly links: readonly (Link | null)[];
  readonly counters: Counters;
  /** Begins an actor on demand. @returns null when its kind does not begin so, or not any more. */
  begin(name: string, place: Place): Cell | null;
  /** False: the shard is stopping, and actors of this kind were asked to finish. */
  starts(kind: Kind): boolean;
}

interface Writer {
  readonly context: ActorContext;
  readonly message: Message;
}

export class Post {
  readonly cells = new Map<string, Cell>();
  readonly #parts: PostParts;
  /** By shard: who found the link to it full. */
  readonly #writers: Writer[][];
  #watchNumber = 0;

  constructor(parts: PostParts) {
    this.#parts = parts;
    this.#writers = parts.links.map(() => []);
  }

  // ---- messages

  send(to: Address, message: Message, from: Address): Sent {
    const cell = this.cells.get(to.name);
    if (cell !== undefined) return this.#sendHere(cell, to, message, from);
    const place = to.node === this.#parts.node ? this.#parts.places.find(to.name) : null;
    const link = place === null ? null : this.#parts.links[place.shard];
    if (link) return link.request(to, from, message) ? 'sent' : 'full';
    const begun = place !== null && to.incarnation === 0 ? this.#parts.begin(to.name, place) : null;
    if (begun !== null) return this.#sendHere(begun, to, message, from);
    this.deadLetter(message, to, from, 'not there');
    return 'sent';
  }

  reply(to: Address, message: Message, from: Address): void {
    const cell = this.cells.get(to.name);
    const place = to.node === this.#parts.node ? this.#parts.places.find(to.name) : null;
    const link = place === null ? null : this.#parts.links[place.shard];
    if (!link) {
      this.#replyHere(cell, to, message, from);
      return;
    }
    // What waits for the ring belongs to the link; the sender answers for it no more.
    if (message.lease !== undefined) held(message.lease).moveTo(null);
    if (!link.reply(REPLY, to, from, message)) this.deadLetter(message, to, from, 'shard away');
  }

  whenWritable(to: Address, context: ActorContext, message: Message): void {
    const cell = this.cells.get(to.name);
    const writer = { context, message };
    if (cell?.mailbox.full) {
      cell.writers ??= [];
      cell.writers.push(writer);
      return;
    }
    const shard = this.#shardOf(to.name);
    const link = this.#parts.links[shard];
    if (!link || link.writable) context.tell(message);
    else this.#writers[shard]?.push(writer);
  }

  /** Once a turn: who waited for a link that has room again. */
  tellWriters(): void {
    for (let shard = 0; shard < this.#writers.length; shard++) {
      const writers = this.#writers[shard] as Writer[];
      if (writers.length === 0 || !this.#parts.links[shard]?.writable) continue;
      this.#writers[shard] = [];
      for (const { context, message } of writers) context.tell(message);
    }
  }

  #sendHere(cell: Cell, to: Address, message: Message, from: Address): Sent {
    if (!takes(cell, to)) {
      this.deadLetter(message, to, from, 'gone');
      return 'sent';
    }
    if (cell.mailbox.full) return 'full';
    if (message.lease !== undefined) held(message.lease).moveTo(null);
    cell.enqueueRequest(message, from);
    return 'sent';
  }

  #replyHere(cell: Cell | undefined, to: Address, message: Message, from: Address): void {
    if (cell === undefined || !takes(cell, to)) {
      const kind = this.#parts.places.find(to.name)?.kind;
      // It has finished because the node stops: an answer that comes now is nobody's loss.
      if (kind !== undefined && !this.#parts.starts(kind)) message.lease?.release();
      else this.deadLetter(message, to, from, 'gone');
      return;
    }
    if (message.lease !== undefined) held(message.lease).moveTo(null);
    cell.enqueueReply(message, from);
  }

  // ---- what comes from other shards

  /** @returns false when the receiver's mailbox is full and will have room again: offer it once more. */
  accept(envelope: Envelope): boolean {
    const { kind, target, sender, message } = envelope;
    switch (kind) {
      case REQUEST:
        return message === null || this.#acceptRequest(target, sender, message);
      case REPLY:
        if (message !== null) this.#replyHere(this.cells.get(target.name), target, message, sender);
        return true;
      case WATCH:
        this.#register(target, { address: sender, number: (message as NumberedMessage).number });
        return true;
      case UNWATCH:
        this.cells.get(target.name)?.watchers?.remove(sender);
        return true;
      case DOWN:
        this.#downHere(target, message as NumberedDown);
        return true;
      default:
        throw new Error(`an envelope of kind ${kind}`);
    }
  }

  #acceptRequest(target: Address, sender: Address, message: Message): boolean {
    if (this.send(target, message, sender) === 'sent') return true;
    if (this.cells.get(target.name)?.active) return false;
    // Its next incarnation may be long in coming; others must not wait behind this one.
    this.deadLetter(message, target, sender, 'mailbox full');
    return true;
  }

  // ---- dead letters

  /** Ends a message: its memory is given back, and the shard's dead letters hear of it. */
  deadLetter(message: Message, to: Address, from: Address, reason: string): void {
    message.lease?.release();
    // Answers of the machine to an actor that is gone, and the kernel's own notices, are nobody's loss.
    if (to.name === from.name || message.type === 'down') return;
    this.#parts.counters.add('dead_letters', 1);
    const cell = this.cells.get(deadLettersAddress(this.#parts.node, this.#parts.shard).name);
    if (cell === undefined || cell.mailbox.full || to.name.startsWith(DEAD_LETTERS)) return;
    const letter: DeadLetter = { type: 'deadLetter', letter: message.type, to, from, reason };
    cell.enqueueRequest(letter, from);
  }

  // ---- death watch

  watch(context: ActorContext, target: Address): void {
    context.watches ??= new Map();
    const known = context.watches.get(target.name);
    if (known !== undefined && known.target.incarnation === target.incarnation) return;
    const watch: Watch = { target, number: ++this.#watchNumber };
    context.watches.set(target.name, watch);
    const place = this.#parts.places.find(target.name);
    const link = place === null ? null : this.#parts.links[place.shard];
    const watcher = { address: context.self, number: watch.number };
    if (!link) this.#register(target, watcher);
    else if (!link.reply(WATCH, target, context.self, numbered('watch', watch.number)))
      this.#tellDown(watcher, target, 'shard died');
  }

  unwatch(context: ActorContext, name: string): void {
    const watch = context.watches?.get(name);
    if (watch === undefined) return;
    context.watches?.delete(name);
    const place = this.#parts.places.find(name);
    const link = place === null ? null : this.#parts.links[place.shard];
    if (link) link.reply(UNWATCH, watch.target, context.self, numbered('unwatch', watch.number));
    else this.cells.get(name)?.watchers?.remove(context.self);
  }

  /** An incarnation has ended: it watches nobody any more. */
  forget(context: ActorContext): void {
    for (const name of [...(context.watches?.keys() ?? [])]) this.unwatch(context, name);
  }

  tellWatchers(cell: Cell, ended: Address, reason: Down['reason']): void {
    const watchers = cell.watchers;
    cell.watchers = null;
    for (const watcher of watchers?.all() ?? []) this.#tellDown(watcher, ended, reason);
  }

  /** All that was on a shard is down, and nobody there watches any more. */
  shardDied(shard: number): void {
    for (const cell of this.cells.values()) {
      for (const { address } of cell.watchers?.all() ?? [])
        if (this.#shardOf(address.name) === shard) cell.watchers?.remove(address);
      for (const { target, number } of [...(cell.context?.watches?.values() ?? [])])
        if (this.#shardOf(target.name) === shard)
          this.#tellDown({ address: cell.address, number }, target, 'shard died');
    }
  }

  #shardOf(name: string): number {
    return this.#parts.places.find(name)?.shard ?? -1;
  }

  /** Somebody watches an actor of this shard. */
  #register(target: Address, watcher: Watcher): void {
    let cell = this.cells.get(target.name) ?? null;
    const place = this.#parts.places.find(target.name);
    if (cell === null && place !== null && target.incarnation === 0) cell = this.#parts.begin(target.name, place);
    cell?.demand();
    if (cell === null || !takes(cell, target)) {
      this.#tellDown(watcher, target, 'unknown');
      return;
    }
    cell.watchers ??= new Watchers();
    cell.watchers.add(watcher);
  }

  #tellDown(watcher: Watcher, address: Address, reason: Down['reason']): void {
    const down: NumberedDown = { type: 'down', address, reason, number: watcher.number };
    const shard = this.#shardOf(watcher.address.name);
    const link = this.#parts.links[shard];
    if (link) link.reply(DOWN, watcher.address, address, down);
    else this.#downHere(watcher.address, down);
  }

  #downHere(watcher: Address, { address, reason, number }: NumberedDown): void {
    const cell = this.cells.get(watcher.name);
    if (cell === undefined || cell.context?.self.incarnation !== watcher.incarnation) return;
    const { watches } = cell.context;
    if (watches?.get(address.name)?.number === number) watches.delete(address.name);
    const gone: Down = { type: 'down', address, reason };
    cell.enqueueReply(gone, address);
  }
}

interface NumberedMessage extends Message {
  readonly number: number;
}
type NumberedDown = Down & NumberedMessage;

const numbered = (type: string, number: number): NumberedMessage => ({ type, number });

/** Is it, or will it be, the one that is meant? */
function takes(cell: Cell, to: Address): boolean {
  return cell.expected && (to.incarnation === 0 || to.incarnation === cell.address.incarnation);
}
