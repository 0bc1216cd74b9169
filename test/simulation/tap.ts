/**
 * Stands between a simulated node and its world: sees every message that an actor gets, every write to disk and socket,
 * and every line of the log. It changes nothing by itself; faults hang on it. It also judges what the ports demand: bytes
 * of a write stay as they are until it is answered.
 */
import type { Actor, Address, Context, Kind, Message, Tree } from '../../runtime/actor.ts';
import type { Disk, Done, Listening, ListenOptions, Network, Socket, SocketHandlers } from '../../runtime/ports.ts';
import { BLOCK_BYTES } from '../../src/model/limits.ts';
import { checksumOf, type Digest } from './digest.ts';

export type Effect = 'write' | 'sync' | 'rename' | 'replace' | 'remove' | 'truncate' | 'makeFolder' | 'syncFolder';

/** What the one who runs the world wants to hear. */
export interface TapEvents {
  /** A disk call that changes something is about to begin. */
  effect(operation: Effect, path: string): void;
  /** Throwing crashes the actor. */
  message(actor: string, message: Message): void;
  /** Where a write goes instead of its place, in blocks behind it; 0: where it belongs. */
  astray(path: string): number;
  /** A port's rule was broken. */
  broken(what: string): void;
}

export class Tap {
  readonly digest: Digest;
  readonly #events: TapEvents;

  constructor(digest: Digest, events: TapEvents) {
    this.digest = digest;
    this.#events = events;
  }

  tree(tree: Tree): Tree {
    return Object.fromEntries(Object.entries(tree).map(([name, kind]) => [name, this.#kind(kind)]));
  }

  #kind(kind: Kind): Kind {
    const make = (context: Context<never>, key: string, init: unknown): Actor<never> =>
      this.#actor(context, kind.make(context, key, init));
    return kind.children === undefined ? { ...kind, make } : { ...kind, make, children: this.tree(kind.children) };
  }

  #actor(context: Context<never>, actor: Actor<never>): Actor<never> {
    const { digest } = this;
    const { name, incarnation } = context.self;
    const tapped: Actor = {
      receive: (message: Message, from: Address) => {
        digest.text(name);
        digest.number(incarnation);
        digest.text(from.name);
        digest.value(message);
        this.#events.message(name, message);
        (actor as Actor).receive(message, from);
      },
      afterTurn: () => actor.afterTurn?.(),
      inspect: () => actor.inspect?.(),
      stopped: () => actor.stopped?.(),
    };
    return tapped as Actor<never>;
  }

  disk(disk: Disk): Disk {
    const events = this.#events;
    const tapped = Object.create(disk) as Disk;
    tapped.write = (file, views, position, done) => {
      this.#effect('write', file.path);
      this.digest.number(position);
      // What follows in the last block of a segment is not named yet, and is written once more.
      const unsteady = file.path.endsWith('.log') ? BLOCK_BYTES : 0;
      const astray = events.astray(file.path) * BLOCK_BYTES;
      disk.write(
        file,
        views,
        position + astray,
        this.#unchanged(views, `a write to ${file.path} at ${position}`, unsteady, done),
      );
    };
    tapped.sync = (file, done) => {
      this.#effect('sync', file.path);
      disk.sync(file, done);
    };
    tapped.rename = (from, to, done) => {
      this.#effect('rename', from);
      this.digest.text(to);
      disk.rename(from, to, done);
    };
    tapped.replace = (path, bytes, done) => {
      this.#effect('replace', path);
      this.digest.bytes(bytes);
      const gap = events.astray(path) * BLOCK_BYTES;
      const written = gap === 0 ? bytes : new Uint8Array(gap + bytes.length);
      if (gap > 0) written.set(bytes, gap);
      disk.replace(path, written, done);
    };
    tapped.remove = (path, done) => {
      this.#effect('remove', path);
      disk.remove(path, done);
    };
    tapped.truncate = (file, length, done) => {
      this.#effect('truncate', file.path);
      this.digest.number(length);
      disk.truncate(file, length, done);
    };
    tapped.makeFolder = (path, done) => {
      this.#effect('makeFolder', path);
      disk.makeFolder(path, done);
    };
    tapped.syncFolder = (path, done) => {
      this.#effect('syncFolder', path);
      disk.syncFolder(path, done);
    };
    this.#reads(tapped, disk);
    return tapped;
  }

  /** What comes from the disk counts as what goes to it. */
  #reads(tapped: Disk, disk: Disk): void {
    tapped.read = (file, into, position, done) => {
      disk.read(file, into, position, (error, count) => {
        this.digest.bytes(into.subarray(0, count ?? 0));
        done(error, count);
      });
    };
    tapped.readAll = (path, done) => {
      disk.readAll(path, (error, bytes) => {
        if (bytes !== undefined) this.digest.bytes(bytes);
        done(error, bytes);
      });
    };
  }

  #effect(operation: Effect, path: string): void {
    this.#events.effect(operation, path);
    this.digest.text(operation);
    this.digest.text(path);
  }

  network(network: Network): Network {
    return {
      listen: (
        options: ListenOptions,
        accept: (socket: Socket) => SocketHandlers,
        done: (error: string | null, listening?: Listening) => void,
      ) => network.listen(options, (socket) => accept(this.#socket(socket)), done),
      connect: network.connect.bind(network),
    };
  }

  #socket(socket: Socket): Socket {
    return {
      remote: socket.remote,
      local: socket.local,
      write: (views, done) => socket.write(views, this.#unchanged(views, `an answer to ${socket.remote}`, 0, done)),
      pause: () => socket.pause(),
      resume: () => socket.resume(),
      end: () => socket.end(),
      destroy: () => socket.destroy(),
    };
  }

  /** Takes the bytes into the digest, and compares them when the call is answered; all but the last few. */
  #unchanged(views: readonly Uint8Array[], what: string, ununsteadyBytes: number, done: Done): Done {
    this.digest.number(checksumOf(views));
    const last = views.at(-1) as Uint8Array;
    const judged = [...views.slice(0, -1), last.subarray(0, Math.max(0, last.length - ununsteadyBytes))];
    const before = checksumOf(judged);
    return (error) => {
      if (checksumOf(judged) !== before) this.#events.broken(`the bytes of ${what} changed before it was done`);
      done(error);
    };
  }
}
