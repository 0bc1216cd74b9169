/**
 * The ports as an actor sees them: every completion becomes a message to self, every file, socket and operation stands in
 * the ledger. An answer for an incarnation that is gone is dropped, and what came with it is closed by the ledger.
 */
import { assert } from '../src/model/assert.ts';
import type { ActorDisk, ActorNetwork, Message, Sent } from './actor.ts';
import type { Ledger } from './ledger.ts';
import type {
  Disk,
  DiskEntry,
  DiskError,
  DiskFile,
  DiskSpace,
  Done,
  DoneWith,
  Listening,
  ListenOptions,
  OpenOptions,
  Ports,
  Socket,
  SocketHandlers,
} from './ports.ts';

type Answer = (error: DiskError | null) => Message;
type AnswerWith<T> = (error: DiskError | null, value: T | undefined) => Message;

/** The incarnation that the answers are for. */
export interface Asker {
  readonly ledger: Ledger;
  readonly ports: Ports;
  /** Enqueues what `make` answers on the reply lane; a throw in it is a crash. */
  answer(make: () => Message): void;
  /** Runs the actor's code outside of its turn; a throw in it is a crash. */
  outside(run: () => void): void;
  deliver(message: Message): Sent;
}

function done(asker: Asker, answer: Answer): Done {
  asker.ledger.begin();
  return (error) => {
    if (asker.ledger.finish()) asker.answer(() => answer(error));
  };
}

function doneWith<T>(asker: Asker, answer: AnswerWith<T>): DoneWith<T> {
  asker.ledger.begin();
  return (error, value) => {
    if (asker.ledger.finish()) asker.answer(() => answer(error, value));
  };
}

export class DiskOfActor implements ActorDisk<Message> {
  readonly #asker: Asker;
  readonly #disk: Disk;

  constructor(asker: Asker) {
    this.#asker = asker;
    this.#disk = asker.ports.disk;
  }

  open(path: string, options: OpenOptions, answer: AnswerWith<DiskFile>): void {
    const opened = doneWith(this.#asker, answer);
    this.#disk.open(path, options, (error, file) => {
      if (file !== undefined) this.#asker.ledger.addFile(file);
      opened(error, file);
    });
  }

  close(file: DiskFile, answer: Answer): void {
    this.#asker.ledger.removeFile(file);
    this.#disk.close(file, done(this.#asker, answer));
  }

  write(file: DiskFile, views: readonly Uint8Array[], position: number, answer: Answer): void {
    this.#disk.write(file, views, position, done(this.#asker, answer));
  }

  read(file: DiskFile, into: Uint8Array, position: number, answer: AnswerWith<number>): void {
    this.#disk.read(file, into, position, doneWith(this.#asker, answer));
  }

  sync(file: DiskFile, answer: Answer): void {
    this.#disk.sync(file, done(this.#asker, answer));
  }

  size(file: DiskFile, answer: AnswerWith<number>): void {
    this.#disk.size(file, doneWith(this.#asker, answer));
  }

  truncate(file: DiskFile, length: number, answer: Answer): void {
    this.#disk.truncate(file, length, done(this.#asker, answer));
  }

  makeFolder(path: string, answer: Answer): void {
    this.#disk.makeFolder(path, done(this.#asker, answer));
  }

  syncFolder(path: string, answer: Answer): void {
    this.#disk.syncFolder(path, done(this.#asker, answer));
  }

  rename(from: string, to: string, answer: Answer): void {
    this.#disk.rename(from, to, done(this.#asker, answer));
  }

  remove(path: string, answer: Answer): void {
    this.#disk.remove(path, done(this.#asker, answer));
  }

  list(path: string, answer: AnswerWith<readonly DiskEntry[]>): void {
    this.#disk.list(path, doneWith(this.#asker, answer));
  }

  readAll(path: string, answer: AnswerWith<Uint8Array>): void {
    this.#disk.readAll(path, doneWith(this.#asker, answer));
  }

  replace(path: string, bytes: Uint8Array, answer: Answer): void {
    this.#disk.replace(path, bytes, done(this.#asker, answer));
  }

  space(answer: AnswerWith<DiskSpace>): void {
    this.#disk.space(doneWith(this.#asker, answer));
  }
}

/** A socket from its accept on: whose it is, and what to call. */
class Accepted implements SocketHandlers {
  readonly socket: Socket;
  #owner: Asker;
  #handlers: SocketHandlers | null = null;
  /** It was closed before anybody attached to it. */
  #closed: string | null = null;

  constructor(socket: Socket, owner: Asker) {
    this.socket = socket;
    this.#owner = owner;
    owner.ledger.addSocket(socket);
  }

  takeOver(owner: Asker, handlers: SocketHandlers): void {
    assert(this.#handlers === null, 'attached twice');
    this.#owner.ledger.removeSocket(this.socket);
    this.#owner = owner;
    this.#handlers = handlers;
    const reason = this.#closed;
    if (reason === null) {
      owner.ledger.addSocket(this.socket);
      this.socket.resume();
    } else owner.ports.clock.soon(() => this.#call(() => handlers.closed(reason)));
  }

  data(chunk: Uint8Array): void {
    const handlers = this.#handlers;
    // Nobody attached: it was refused, and what the other side still sends is thrown away.
    if (handlers !== null) this.#call(() => handlers.data(chunk));
  }

  closed(reason: string): void {
    const handlers = this.#handlers;
    this.#closed = reason;
    if (handlers !== null) this.#call(() => handlers.closed(reason));
    this.#owner.ledger.removeSocket(this.socket);
  }

  #call(run: () => void): void {
    if (!this.#owner.ledger.ended) this.#owner.outside(run);
  }
}

/** Sockets are handed from actor to actor as they are; this is how attach() finds the rest. */
const accepted = new WeakMap<Socket, Accepted>();

export class NetworkOfActor implements ActorNetwork<Message> {
  readonly #asker: Asker;

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  listen(
    options: ListenOptions,
    accept: (socket: Socket) => Message,
    answer: (error: string | null, listening: Listening | undefined) => Message,
  ): void {
    const asker = this.#asker;
    asker.ledger.begin();
    asker.ports.network.listen(
      options,
      (socket) => this.#accept(socket, accept),
      (error, listening) => {
        if (listening !== undefined) asker.ledger.addListening(listening);
        if (asker.ledger.finish()) asker.answer(() => answer(error, listening));
      },
    );
  }

  close(listening: Listening, answer: (error: null) => Message): void {
    const asker = this.#asker;
    asker.ledger.removeListening(listening);
    asker.ledger.begin();
    listening.close(() => {
      if (asker.ledger.finish()) asker.answer(() => answer(null));
    });
  }

  attach(socket: Socket, handlers: SocketHandlers): void {
    const known = accepted.get(socket);
    assert(known !== undefined, 'attached to a socket that was not accepted');
    known.takeOver(this.#asker, handlers);
  }

  deliver(message: Message): Sent {
    return this.#asker.deliver(message);
  }

  write(socket: Socket, views: readonly Uint8Array[], answer: Answer): void {
    socket.write(views, done(this.#asker, answer));
  }

  #accept(socket: Socket, accept: (socket: Socket) => Message): SocketHandlers {
    const asker = this.#asker;
    socket.pause();
    if (asker.ledger.ended) {
      socket.destroy();
      return refusedSocket;
    }
    const known = new Accepted(socket, asker);
    accepted.set(socket, known);
    asker.outside(() => {
      if (asker.deliver(accept(socket)) === 'full') socket.destroy();
    });
    return known;
  }
}

/** A connection that came while its listener was closing. */
const refusedSocket: SocketHandlers = { data() {}, closed() {} };
