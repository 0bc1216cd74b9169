/**
 * What an actor is and what it may ask of the kernel. An actor handles one message at a time, synchronously; disk,
 * network and timers answer later with a message. A throw is a crash: the supervisor decides, the ledger cleans up.
 */
import type { NodeId, ShardId } from '../src/model/ids.ts';
import type {
  DiskEntry,
  DiskError,
  DiskFile,
  DiskSpace,
  Listening,
  ListenOptions,
  Logger,
  OpenOptions,
  Random,
  Socket,
  SocketHandlers,
} from './ports.ts';

/** A member of a discriminated union, declared as `Inbox` at the top of its actor's file. */
export interface Message {
  readonly type: string;
  /** Bytes that go untouched behind the msgpack fields. Private to the receiver, or inside `lease` where there is one. */
  readonly bytes?: Uint8Array;
  /** Memory that `bytes` lies in. Moves with the message: the receiver releases it, exactly once. */
  readonly lease?: Lease;
}

declare const inbox: unique symbol;
/** Where to send: node, name, incarnation. A name outlives a restart, an incarnation does not; 0 means whichever is alive. */
export interface Address<In extends Message = Message> {
  readonly node: NodeId;
  readonly name: string;
  readonly incarnation: number;
  readonly [inbox]?: (message: In) => void;
}

/** Counted hold on a slot of an arena (shared memory). The slot is used again after the last hold has gone. */
export interface Lease {
  /** Exactly as long as asked for; starts on a block ({@link BLOCK_BYTES}) for lengths of a block or more. */
  readonly bytes: Uint8Array;
  /** One more hold, for another message or another writer. */
  retain(): Lease;
  /** @throws AssertionError when released twice. */
  release(): void;
}

export type Sent = 'sent' | 'full';

/** Answered to watchers when an actor has stopped, crashed, or its shard has died. `address` has the incarnation that ended. */
export interface Down extends Message {
  readonly type: 'down';
  readonly address: Address;
  readonly reason: 'stopped' | 'crashed' | 'shard died' | 'unknown';
}

/**
 * Clean stop, once the phases before {@link Kind.stops} of the actor's kind are over on every shard: finish what is in
 * flight, then `context.stop()`. Comes over the reply lane; who is not done by the deadline is stopped as it is.
 */
export interface Drain extends Message {
  readonly type: 'drain';
}

export interface Actor<In extends Message = Message> {
  receive(message: In, from: Address): void;
  /** Behind the messages that it was given in one go: what is cheaper done once for all of them. May do what `receive` may. */
  afterTurn?(): void;
  /** Last call, in order or after a crash: cancel what the ledger does not know. Must not send requests. */
  stopped?(): void;
  /** What people should see of it in `inspect`: small, structured-cloneable. Called between messages. */
  inspect?(): unknown;
}
export type ActorFactory<In extends Message = Message> = (
  context: Context<In>,
  key: string,
  init: unknown,
) => Actor<In>;

export interface Timer {
  /** A message that is in the mailbox already still comes. */
  cancel(): void;
}

export interface Context<In extends Message = Message> {
  readonly self: Address<In>;
  readonly node: NodeId;
  readonly shard: ShardId;
  readonly shards: number;
  readonly random: Random;
  readonly log: Logger;
  /** Wall clock, ms. */
  now(): number;
  /** Never goes back, ms. */
  monotonic(): number;

  /**
   * Enqueues, also on the same shard; never runs the receiver. `full` when its mailbox or the ring to it has no room:
   * the message (and its lease) stays the sender's, who tries again later or says no to whoever asked.
   */
  send<To extends Message>(to: Address<To>, message: To): Sent;
  /** Answers over the reply lane, which is bounded by the requests outstanding; to an incarnation that is gone it is a dead letter. */
  reply<Answer extends Message>(to: Address<never>, message: Answer): void;
  /** Delivers `message` to self once a `full` receiver may have room again. */
  whenWritable(to: Address<never>, message: In): void;
  /** Sends `message` to self after at least `ms`. Gone with the actor. */
  after(ms: number, message: In): Timer;
  /**
   * `down` comes once when that incarnation (with 0: the present or, after a crash, the coming one) ends; at once with
   * `unknown` when there is none, with `shard died` when its shard is away. Starts kinds on `demand`, as a message would.
   * Twice is once. Costs a ring record on another shard: watch for as long as there is business, not for each message.
   */
  watch(address: Address<never>): void;
  /** A `down` that is on its way still comes. */
  unwatch(address: Address<never>): void;
  /**
   * Starts a child on this shard, under the supervision that the tree states for `kind`: one of this kind's `children`
   * (ends with this actor), or one at the top of the tree that begins by `spawn` (outlives it).
   */
  spawn<Child extends Message>(kind: string, key: string, init: unknown): Address<Child>;
  /** Stops this actor after the present message. */
  stop(): void;

  /** Shared, page-aligned memory of this shard. `null` when the arena has no room now. */
  lease(length: number): Lease | null;
  /** Delivers `message` to self once the arena may have room again. */
  whenLeasable(message: In): void;

  readonly disk: ActorDisk<In>;
  readonly network: ActorNetwork<In>;
  /** Runs a CPU-heavy job in the pool; the answer is the message that `answer` makes. */
  run(job: string, argument: unknown, answer: (error: string | null, result: unknown) => In): void;
  /** Begins what calls back once, at any time, and hears of it by a message. */
  when<T>(begin: (done: (value: T) => void) => void, answer: (value: T) => In): void;
  count(counter: string, by: number): void;
  gauge(counter: string, value: number): void;
}

type Answer<In> = (error: DiskError | null) => In;
type AnswerWith<T, In> = (error: DiskError | null, value: T | undefined) => In;
/**
 * The disk port, with answers as messages to self (over the reply lane). Open files and I/O in flight are in the
 * ledger: when the actor crashes, its I/O is waited for and its files are closed before it starts again.
 */
export interface ActorDisk<In extends Message> {
  open(path: string, options: OpenOptions, answer: AnswerWith<DiskFile, In>): void;
  close(file: DiskFile, answer: Answer<In>): void;
  write(file: DiskFile, views: readonly Uint8Array[], position: number, answer: Answer<In>): void;
  read(file: DiskFile, into: Uint8Array, position: number, answer: AnswerWith<number, In>): void;
  sync(file: DiskFile, answer: Answer<In>): void;
  size(file: DiskFile, answer: AnswerWith<number, In>): void;
  truncate(file: DiskFile, length: number, answer: Answer<In>): void;
  makeFolder(path: string, answer: Answer<In>): void;
  syncFolder(path: string, answer: Answer<In>): void;
  rename(from: string, to: string, answer: Answer<In>): void;
  remove(path: string, answer: Answer<In>): void;
  list(path: string, answer: AnswerWith<readonly DiskEntry[], In>): void;
  readAll(path: string, answer: AnswerWith<Uint8Array, In>): void;
  replace(path: string, bytes: Uint8Array, answer: Answer<In>): void;
  space(answer: AnswerWith<DiskSpace, In>): void;
}

/** The network port, with answers as messages to self. Sockets and listeners are in the ledger: closed with their actor. */
export interface ActorNetwork<In extends Message> {
  /**
   * Each connection comes as the message that `accept` makes (when the mailbox is full it is closed at once), paused and
   * without handlers, until this actor or the one it hands the socket to (in the `init` of `spawn`) attaches to it.
   */
  listen(
    options: ListenOptions,
    accept: (socket: Socket) => In,
    answer: (error: string | null, listening: Listening | undefined) => In,
  ): void;
  /** No new connections; answers once the port is free. */
  close(listening: Listening, answer: (error: null) => In): void;
  /**
   * Takes the socket over and lets data arrive. The handlers run outside the actor, in the socket's callback: they copy
   * the chunk (into memory of `lease`, which may be called there), may pause the socket, and {@link deliver} a message to
   * self. A throw in them is a crash of the actor.
   */
  attach(socket: Socket, handlers: SocketHandlers): void;
  /** To self, from a socket's handler, as a request. `full`: keep it, pause, and go on with the actor's next message. */
  deliver(message: In): Sent;
  /** As {@link Socket.write}: views and their leases must stay until the answer; a crash waits for it before it releases them. */
  write(socket: Socket, views: readonly Uint8Array[], answer: Answer<In>): void;
}

// ---- supervision, as data

/** What happens after a crash: go on with the same state, start anew, end, or crash the parent in turn. */
export type Directive = 'resume' | 'restart' | 'stop' | 'escalate';
export interface Supervision {
  readonly directive: Directive;
  /** More crashes than this within the window escalate; `stop` never does. */
  readonly crashesMax: number;
  readonly windowMs: number;
  /** Wait before a restart: doubles from the first to the most. */
  readonly backoffMs: readonly [first: number, most: number];
}
/** One kind of actor in the tree. Names are `kind` or `kind/key`. */
export interface Kind {
  /** An {@link ActorFactory}; declared as a method, so that one of any inbox will do. */
  make(context: Context<never>, key: string, init: unknown): Actor<never>;
  readonly supervision: Supervision;
  /**
   * The shard that `key` lives on. Absent: on the shard that spawned it, and the name says which:
   * keys of such kinds start with `<shard>.`.
   */
  readonly place?: (key: string, shards: number) => number;
  /** `start`: one on its shard from the beginning, per key in `keys`. `demand`: with the first message to it. `spawn`: by its parent. */
  readonly begins: 'start' | 'demand' | 'spawn';
  /** Keys of kinds that begin at start. */
  readonly keys?: (shards: number) => readonly string[];
  /** Mailbox bound, in messages; the reply lane is beside it. */
  readonly mailboxMax: number;
  /** Its actors run when the others have done what they can in a turn, and so find all of it at once. */
  readonly gathers?: true;
  /**
   * Phase of a clean stop in which actors of this kind get {@link Drain}: 0 listeners, 1 connections, 3 coordinators and
   * catalog, 5 partitions, 9 journals. From then on none of the kind starts. Absent: stopped after all phases, unasked.
   */
  readonly stops?: number;
  /** Children by kind, names unique in the whole tree: they end with their parent, and it crashes when they escalate. */
  readonly children?: Readonly<Record<string, Kind>>;
}
/** The whole node: actors/node.ts holds the one literal of it. */
export type Tree = Readonly<Record<string, Kind>>;
