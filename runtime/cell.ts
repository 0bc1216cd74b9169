/**
 * One actor's place on its shard: its name, its mailbox, its incarnations one after the other, its children and those who
 * watch it. Carries out what supervision decides. A crash ends the incarnation and what waits in its mailbox; what comes
 * afterwards waits for the next one, which begins once the ledger of the last has settled.
 *
 *     fresh ─▶ running ─▶ settling ─▶ resting (back-off) ─▶ fresh …
 *                             └────▶ gone
 */
import { assert } from '../src/model/assert.ts';
import type { NodeId, ShardId } from '../src/model/ids.ts';
import type { Actor, Address, Down, Drain, Kind, Lease, Message } from './actor.ts';
import type { Arena } from './arena.ts';
import { ArenaLease } from './arena-lease.ts';
import { ActorContext } from './context.ts';
import type { Held } from './ledger.ts';
import { Mailbox } from './mailbox.ts';
import type { Ports, TimerHandle } from './ports.ts';
import type { Post } from './post.ts';
import { CrashHistory } from './supervision.ts';
import type { Watchers } from './watchers.ts';

/** What a cell needs of its shard. */
export interface Host {
  readonly node: NodeId;
  readonly shard: ShardId;
  readonly shards: number;
  readonly ports: Ports;
  readonly arena: Arena;
  readonly post: Post;
  nextIncarnation(): number;
  /** Runs the cell in this turn or the next. */
  ready(cell: Cell): void;
  /** False from the phase on in which its kind stops. */
  starts(kind: Kind): boolean;
  spawn(parent: Cell, kind: string, key: string, init: unknown): Address;
  whenLeasable(context: ActorContext, message: Message): void;
  /** Its thread is as good as gone. */
  readonly dead: boolean;
  /** The name is free. */
  gone(cell: Cell): void;
  /** The top of the tree was asked to decide: the shard ends. */
  failed(error: Error): void;
}

type State = 'fresh' | 'running' | 'settling' | 'resting' | 'gone';

export interface CellView {
  readonly name: string;
  readonly incarnation: number;
  readonly state: State;
  readonly mailbox: number;
  readonly crashes: number;
  readonly held: Held;
  readonly view: unknown;
}

const DRAIN: Drain = { type: 'drain' };
const NOTHING_HELD: Held = { leases: 0, timers: 0, files: 0, sockets: 0, operations: 0 };

export class Cell {
  readonly name: string;
  readonly kind: Kind;
  readonly mailbox: Mailbox;
  /** Of the present incarnation, or the coming one. */
  address: Address;
  parent: Cell | null;
  children: Set<Cell> | null = null;
  watchers: Watchers | null = null;
  /** Who found the mailbox full. */
  writers: { readonly context: ActorContext; readonly message: Message }[] | null = null;
  /** Stands in the shard's queue. */
  queued = false;
  readonly #host: Host;
  readonly #key: string;
  #init: unknown;
  #state: State = 'fresh';
  #context: ActorContext | null = null;
  #actor: Actor<never> | null = null;
  #stopAsked = false;
  #crashes: CrashHistory | null = null;
  /** After settling: another incarnation follows, not before this (monotonic, ms); null: the end. */
  #againAt: number | null = null;
  #rest: TimerHandle | null = null;

  constructor(host: Host, name: string, key: string, kind: Kind, parent: Cell | null, init: unknown) {
    this.#host = host;
    this.name = name;
    this.#key = key;
    this.kind = kind;
    this.parent = parent;
    this.#init = init;
    this.mailbox = new Mailbox(kind.mailboxMax);
    this.address = { node: host.node, name, incarnation: host.nextIncarnation() };
  }

  get context(): ActorContext | null {
    return this.#context;
  }

  /** Messages to it will be handled, now or by its next incarnation. */
  get expected(): boolean {
    if (this.#state === 'settling')
      return this.#againAt !== null || (this.kind.begins === 'demand' && this.#host.starts(this.kind));
    return this.#state !== 'gone';
  }

  /** Its mailbox empties by itself; otherwise it may take long. */
  get active(): boolean {
    return this.#state === 'running' || this.#state === 'fresh';
  }

  // ---- messages

  enqueueRequest(message: Message, from: Address): void {
    this.mailbox.pushRequest(message, from);
    if (this.active) this.#host.ready(this);
  }

  enqueueReply(message: Message, from: Address): void {
    this.mailbox.pushReply(message, from);
    if (this.active) this.#host.ready(this);
  }

  /** Handles up to `messagesMax` messages. @returns how many. */
  run(messagesMax: number): number {
    if (this.#state === 'fresh') this.#begin();
    let handled = 0;
    while (handled < messagesMax && this.#state === 'running' && this.mailbox.take()) {
      handled += 1;
      this.#handle(this.mailbox.message as Message, this.mailbox.sender as Address);
    }
    if (handled > 0 && this.#state === 'running') this.#afterTurn();
    if (this.#state === 'running' && this.mailbox.length > 0) this.#host.ready(this);
    if (this.writers !== null && this.mailbox.roomy) this.#tellWriters();
    return handled;
  }

  #handle(message: Message, from: Address): void {
    const context = this.#context as ActorContext;
    if (message.lease !== undefined) held(message.lease).moveTo(context.ledger);
    try {
      (this.#actor as Actor).receive(message, from);
    } catch (error) {
      this.crashed(asError(error), message.type);
    }
    if (this.#stopAsked) this.#end('stopped', null);
  }

  #afterTurn(): void {
    try {
      this.#actor?.afterTurn?.();
    } catch (error) {
      this.crashed(asError(error), 'after a turn');
    }
    if (this.#stopAsked) this.#end('stopped', null);
  }

  /** Code of the actor that runs in a callback of the machine. */
  outside(context: ActorContext, run: () => void): void {
    if (this.#context !== context || this.#host.dead) return;
    try {
      run();
    } catch (error) {
      this.crashed(asError(error), 'outside of a message');
    }
  }

  #tellWriters(): void {
    const writers = this.writers ?? [];
    this.writers = null;
    for (const { context, message } of writers) context.tell(message);
  }

  // ---- beginning

  #begin(): void {
    if (!this.#host.starts(this.kind)) {
      this.#end('stopped', null);
      return;
    }
    this.#state = 'running';
    const context = new ActorContext(this.#host, this, this.address);
    this.#context = context;
    try {
      this.#actor = this.kind.make(context as never, this.#key, this.#init);
    } catch (error) {
      this.crashed(asError(error), 'start');
    }
    if (this.#stopAsked) this.#end('stopped', null);
  }

  /** Somebody spawns it while its last incarnation still settles. */
  respawn(parent: Cell | null, init: unknown): void {
    assert(this.#state === 'settling' && this.#againAt === null, `${this.name} is there already`);
    this.parent = parent;
    this.#init = init;
    this.#againAt = 0;
  }

  /** It is watched: a kind on demand begins as with a message. */
  demand(): void {
    if (this.#state === 'fresh') this.#host.ready(this);
    if (this.#state === 'settling' && this.#againAt === null && this.expected) this.#againAt = 0;
  }

  // ---- the end of an incarnation

  stopSoon(context: ActorContext): void {
    if (this.#context === context) this.#stopAsked = true;
  }

  /** Clean stop: it is asked to finish, or does not begin again. */
  drain(): void {
    this.#againAt = null;
    if (this.#state === 'running') this.enqueueReply(DRAIN, this.address);
    else this.terminate();
  }

  /** Ends it as it is, for good. */
  terminate(): void {
    this.#againAt = null;
    if (this.#state === 'running' || this.#state === 'fresh') this.#end('stopped', null);
    else if (this.#state === 'resting') this.#leave();
  }

  /** An incarnation has thrown, or a child of it escalates. */
  crashed(error: Error, during: string): void {
    if (this.#state !== 'running') return;
    const { ports } = this.#host;
    const now = ports.clock.monotonic();
    this.#crashes ??= new CrashHistory();
    const verdict = this.#crashes.judge(this.kind.supervision, now);
    const { directive } = verdict;
    ports.counters.add('actor_crashes', 1);
    ports.logger.error(
      { actor: this.name, incarnation: this.address.incarnation, during, directive, error },
      'crashed',
    );
    if (directive === 'resume' && this.#actor !== null) return;
    const again = directive === 'restart' || directive === 'resume';
    this.#end('crashed', again && this.#host.starts(this.kind) ? now + verdict.waitMs : null);
    if (directive !== 'escalate') return;
    const escalation = new Error(`${this.name} escalated: ${error.message}`, { cause: error });
    if (this.parent === null) this.#host.failed(escalation);
    else this.parent.crashed(escalation, 'escalation');
  }

  #end(reason: Down['reason'], againAt: number | null): void {
    const context = this.#context;
    const ended = this.address;
    try {
      this.#actor?.stopped?.();
    } catch (error) {
      this.#host.ports.logger.error({ actor: this.name, error: asError(error) }, 'threw while it was stopped');
    }
    this.#state = 'settling';
    this.#actor = null;
    this.#context = null;
    this.#stopAsked = false;
    this.#againAt = againAt;
    this.address = { ...ended, incarnation: this.#host.nextIncarnation() };
    this.#drop(ended, reason);
    for (const child of this.children ?? []) child.terminate();
    if (context !== null) this.#host.post.forget(context);
    this.#host.post.tellWatchers(this, ended, reason);
    if (context === null) this.#settled();
    else context.ledger.end(this.#host.ports, reason === 'stopped', () => this.#settled());
  }

  /** What waits in the mailbox was for the incarnation that ended. */
  #drop(to: Address, reason: string): void {
    while (this.mailbox.take())
      this.#host.post.deadLetter(this.mailbox.message as Message, to, this.mailbox.sender as Address, reason);
    this.#tellWriters();
  }

  #settled(): void {
    assert(this.#state === 'settling', 'settles once');
    const wanted = this.mailbox.length > 0 && this.kind.begins === 'demand';
    const { clock } = this.#host.ports;
    const waitMs = this.#againAt === null ? 0 : this.#againAt - clock.monotonic();
    if (!this.#host.starts(this.kind) || (this.#againAt === null && !wanted)) this.#leave();
    else if (waitMs <= 0) this.#freshen();
    else {
      this.#state = 'resting';
      this.#rest = clock.after(waitMs, () => this.#freshen());
    }
  }

  #freshen(): void {
    this.#state = 'fresh';
    this.#rest = null;
    this.#againAt = null;
    this.#host.ports.counters.add('actor_restarts', 1);
    this.#host.ready(this);
  }

  #leave(): void {
    this.#rest?.cancel();
    this.#state = 'gone';
    this.#drop(this.address, 'gone');
    this.#host.post.tellWatchers(this, this.address, 'stopped');
    this.parent?.children?.delete(this);
    this.#host.gone(this);
  }

  // ---- for people, and for a shard that died

  holdsOf(arena: number): boolean {
    return this.#context?.ledger.holdsOf(arena) ?? false;
  }

  inspect(): CellView {
    return {
      name: this.name,
      incarnation: this.address.incarnation,
      state: this.#state,
      mailbox: this.mailbox.length,
      crashes: this.#crashes?.recent ?? 0,
      held: this.#context?.ledger.held ?? NOTHING_HELD,
      view: this.#actor?.inspect?.(),
    };
  }
}

/** Only leases of an arena travel in messages. */
export function held(lease: Lease): ArenaLease {
  assert(lease instanceof ArenaLease, 'a lease in a message is one of an arena');
  return lease;
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
