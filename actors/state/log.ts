/**
 * State as a log: what an actor needs that keeps its state in a log partition. A plain class inside the actor, not an
 * actor. Start-up replays the log through the machine's own `apply`; afterwards `propose` applies records at once and
 * `whenCommitted` holds back every answer that could show them until the partition has committed them. It is the
 * consensus of one voter: more voters change who commits, not these calls. It never decides what a record is.
 *
 * One append is in flight at a time; what is proposed meanwhile forms the next batch, so that the log never has a hole.
 * When an append is refused, the state has records that the log lacks: all who wait are refused and the state is read anew.
 */
import type { Address, Context, Down, Message } from '../../runtime/actor.ts';
import { assert, unreachable } from '../../src/model/assert.ts';
import { type Fault, fault } from '../../src/model/faults.ts';
import { id, type Offset, type PartitionId } from '../../src/model/ids.ts';
import { MIB } from '../../src/model/limits.ts';
import { type PartitionAnswer, type PartitionRequest, partitionAddress } from '../partition/contract.ts';
import { type Settled, StateProposals } from './proposals.ts';
import { Replay, type Replayed, type StateCodec } from './record.ts';

/** What the actor offers. Records are values that msgpack keeps as they are; `apply` is the only way in which state changes. */
export interface StateMachine<Entry> extends Replayed<Entry> {
  /** Records that lead from the empty state to this one. */
  snapshot(): Iterable<Entry>;
  /** A replay is over: requests may be served, or are to be refused when the log has a `failure`. */
  loaded(): void;
}

/** To self: `send` the partition may have room again; `go` the wait for an answer, or the back-off, is over. */
export type StateLogWake = { readonly type: 'stateLog'; readonly wake: 'send' | 'go'; readonly turn: number };
export type StateLogMessage = PartitionAnswer | Down | StateLogWake;

/** Bytes that one read of the replay asks for. */
const READ_BYTES_MAX = MIB;
/** A read that was not answered is asked again. */
const READ_WAIT_MS = 5_000;
/** From a refused write to the next one, doubling. */
const BACKOFF_MS: readonly [first: number, most: number] = [100, 5_000];

/**
 * `loading`: the state is being read. `ready`: serves. `resting`: the state is whole, but a write was refused a moment
 * ago and none is tried until the back-off is over. `failed`: the log cannot be read, for good.
 */
type Phase = 'loading' | 'ready' | 'resting' | 'failed';

export class StateLog<Entry> {
  readonly #context: Context<StateLogMessage>;
  readonly #machine: StateMachine<Entry>;
  readonly #codec: StateCodec;
  readonly #nextRequest: () => number;
  readonly #name: string;
  /** Pinned to an incarnation once it has answered: an append must not land behind the replay that came after it. */
  #partition: Address<PartitionRequest>;
  #watched = false;
  #phase: Phase = 'loading';
  #fault: Fault | null = null;
  #backoffMs: number = BACKOFF_MS[0];
  /** Tells wake-ups of an earlier wait from the present one. */
  #turn = 0;
  /** The request that waits for an answer, or for room in the partition's mailbox. */
  #asked: PartitionRequest | null = null;

  // the replay
  #replay: Replay<Entry> | null = null;
  #next: Offset = id(0);
  /** The replay is over here: behind what an earlier incarnation of the actor had in flight. */
  #end: Offset = id(0);

  readonly #proposals: StateProposals<Entry>;
  #snapshotFrom: Offset = id(0);

  constructor(
    context: Context<StateLogMessage>,
    partition: PartitionId,
    machine: StateMachine<Entry>,
    codec: StateCodec,
    nextRequest: () => number,
  ) {
    this.#context = context;
    this.#machine = machine;
    this.#codec = codec;
    this.#proposals = new StateProposals(codec);
    this.#nextRequest = nextRequest;
    this.#partition = partitionAddress(context.node, partition);
    this.#name = this.#partition.name;
  }

  /** Begins the replay. Call once, before the first message. */
  start(): void {
    this.#load();
  }

  /** The state is whole and may be read. */
  get loaded(): boolean {
    return this.#phase === 'ready' || this.#phase === 'resting';
  }

  /** Why nothing can be proposed now; null when something can. */
  get refusal(): Fault | null {
    if (this.#phase === 'ready') return null;
    return this.#fault ?? fault('UNAVAILABLE', `${this.#name} is being read`);
  }

  /** The log is unreadable: every request is to be answered with this. */
  get failure(): Fault | null {
    return this.#phase === 'failed' ? this.#fault : null;
  }

  /** So many wait for the disk that no more should be let in. */
  get overloaded(): boolean {
    return this.#proposals.overloaded;
  }

  /** Nothing is on its way to the log. */
  get idle(): boolean {
    return this.#proposals.idle;
  }

  /** Applies a record now and brings it to the log. Only while {@link refusal} is null. */
  propose(record: Entry): void {
    assert(this.#phase === 'ready', `propose while ${this.#phase}`);
    this.#machine.apply(record);
    this.#proposals.add(record);
  }

  /** Holds `settled` until all that was proposed so far is committed: calls it at once where nothing is outstanding. */
  whenCommitted(settled: Settled): void {
    this.#proposals.whenCommitted(settled);
  }

  /** To be called at the end of every message: what was proposed in it goes to the log in one batch, as far as it fits. */
  flush(): void {
    if (this.#phase !== 'ready') return;
    const next = this.#proposals.next(this.#context.now());
    if (next !== null) this.#ask({ type: 'append', request: this.#nextRequest(), acks: 'all', bytes: next.bytes });
  }

  /** True when the message was for the log and is dealt with. */
  receive(message: Message, from: Address): boolean {
    if (message.type === 'stateLog') {
      this.#woken(message as StateLogWake);
      return true;
    }
    if (message.type === 'down') return this.#down((message as Down).address);
    if (from.name !== this.#name) return false;
    const answer = message as PartitionAnswer;
    if (this.#asked?.request === answer.request) this.#answered(answer, from);
    else if (answer.type === 'records') answer.lease?.release();
    return true;
  }

  // ---- asking

  #ask(request: PartitionRequest): void {
    if (!this.#watched) this.#context.watch(this.#partition);
    this.#watched = true;
    this.#asked = request;
    this.#turn++;
    if (this.#context.send(this.#partition, request) === 'full')
      this.#context.whenWritable(this.#partition, { type: 'stateLog', wake: 'send', turn: this.#turn });
    else if (this.#phase === 'loading') this.#wakeAfter(READ_WAIT_MS);
  }

  #wakeAfter(ms: number): void {
    this.#context.after(ms, { type: 'stateLog', wake: 'go', turn: ++this.#turn });
  }

  #woken(message: StateLogWake): void {
    if (message.turn !== this.#turn) return;
    if (message.wake === 'send' && this.#asked !== null) this.#ask(this.#asked);
    else if (this.#phase === 'loading') this.#describe();
    else if (this.#phase === 'resting') this.#ready();
  }

  #answered(answer: PartitionAnswer, from: Address): void {
    this.#asked = null;
    switch (answer.type) {
      case 'described':
        this.#partition = from as Address<PartitionRequest>;
        this.#begin(answer.begin, answer.appended);
        break;
      case 'records':
        this.#read(answer);
        break;
      case 'ready':
        this.#readOn();
        break;
      case 'appended':
        this.#appended(answer.baseOffset);
        break;
      case 'refused':
        this.#refused(answer.fault);
        break;
      case 'found':
      case 'measured':
      case 'producers':
      case 'trimmed':
      case 'scrubbed':
        throw new Error(`the log never waits for ${answer.type}`);
      default:
        unreachable(answer);
    }
  }

  /** True when the partition of this log ended. */
  #down(ended: Address): boolean {
    if (ended.name !== this.#name) return false;
    // News of an incarnation before the one that has answered is old.
    if (ended.incarnation !== 0 && ended.incarnation < this.#partition.incarnation) return true;
    this.#watched = false;
    if (this.#phase === 'failed') return true;
    this.#refused(fault('UNAVAILABLE', `${this.#name} is starting again`));
    return true;
  }

  /** State and log may have parted: refuse all who wait, and read the state anew once the back-off is over. */
  #refused(reason: Fault): void {
    if (this.#phase === 'loading' && !reason.retryable) {
      this.#fail(reason);
      return;
    }
    this.#context.log.warn({ log: this.#name, fault: reason.code, waitMs: this.#backoffMs }, reason.message);
    this.#fault = reason.retryable ? reason : fault('UNAVAILABLE', reason.message);
    const resting = this.#phase !== 'loading';
    const waiting = this.#proposals.giveUp();
    if (resting) this.#load();
    else this.#rest();
    for (const settled of waiting) settled(this.#fault);
  }

  /** A full disk refuses every write: not each of them may cost a replay, or a read of a log that is not there yet. */
  #rest(): void {
    this.#asked = null;
    this.#wakeAfter(this.#backoffMs);
    this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_MS[1]);
  }

  /** For good, until people have helped: a restart would end here again. */
  #fail(reason: Fault): void {
    this.#phase = 'failed';
    this.#fault = reason;
    this.#turn++;
    this.#context.log.error({ log: this.#name, fault: reason.code }, reason.message);
    this.#machine.loaded();
  }

  // ---- replay

  #load(): void {
    this.#phase = 'loading';
    // First: whom the machine sends away in its own reset must not wait for what the log will never have.
    this.#proposals.reset();
    this.#machine.reset();
    this.#replay = null;
    this.#describe();
  }

  /** Whichever incarnation there is: the one that was read from may have ended meanwhile. */
  #describe(): void {
    this.#partition = { ...this.#partition, incarnation: 0 };
    this.#ask({ type: 'describe', request: this.#nextRequest() });
  }

  #begin(begin: Offset, end: Offset): void {
    if (this.#replay === null || begin > this.#next) {
      this.#machine.reset();
      this.#replay = new Replay(this.#codec, this.#machine, begin > 0);
      this.#next = begin;
    }
    this.#end = end;
    this.#readOn();
  }

  #readOn(): void {
    if (this.#next >= this.#end) this.#readToEnd();
    else this.#ask({ type: 'read', request: this.#nextRequest(), offset: this.#next, bytesMax: READ_BYTES_MAX });
  }

  #read(answer: Extract<PartitionAnswer, { readonly type: 'records' }>): void {
    const wrong = this.#replay?.add(answer.bytes, this.#next) ?? null;
    answer.lease?.release();
    if (wrong !== null) {
      this.#fail(wrong);
      return;
    }
    this.#proposals.noteRead(answer.bytes.length);
    const empty = answer.next <= this.#next;
    this.#next = answer.next;
    // Appended and not yet committed: an earlier incarnation of this actor had it in flight.
    if (empty && this.#next < this.#end) this.#ask({ type: 'watch', request: this.#nextRequest(), offset: this.#next });
    else this.#readOn();
  }

  #readToEnd(): void {
    if (this.#replay?.whole !== true) {
      this.#fail(fault('DATA_DAMAGED', `${this.#name} begins at a later offset and has no whole snapshot`));
      return;
    }
    this.#context.log.debug({ log: this.#name, end: this.#next }, 'state read from its log');
    this.#replay = null;
    if (this.#fault === null) this.#phase = 'ready';
    else {
      this.#phase = 'resting';
      this.#rest();
    }
    this.#machine.loaded();
    this.flush();
  }

  #ready(): void {
    this.#phase = 'ready';
    this.#fault = null;
    this.#machine.loaded();
    this.flush();
  }

  // ---- proposals

  #appended(baseOffset: Offset): void {
    const { snapshot } = this.#proposals.appended();
    this.#backoffMs = BACKOFF_MS[0];
    if (snapshot?.first === true) this.#snapshotFrom = baseOffset;
    if (snapshot?.last === true) this.#trim();
    this.#proposals.settle();
    this.#proposals.snapshotWhenDue(() => this.#machine.snapshot(), this.#context.now());
    this.flush();
  }

  /** Nothing waits for it: what is not trimmed now is trimmed with the next snapshot. */
  #trim(): void {
    const request: PartitionRequest = { type: 'trim', request: this.#nextRequest(), offset: this.#snapshotFrom };
    if (this.#context.send(this.#partition, request) === 'full')
      this.#context.log.warn({ log: this.#name }, 'log not trimmed, its mailbox is full');
  }
}
