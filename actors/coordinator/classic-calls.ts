/**
 * Groups whose members wait for each other: carries out what their barriers decide, and keeps the answers of joins and
 * syncs until the barrier opens. A plain class inside the coordinator; what it keeps is memory, and gone with a restart.
 */
import type { Context } from '../../runtime/actor.ts';
import { settle, type Who } from '../../src/group/beat.ts';
import { join } from '../../src/group/classic/join.ts';
import type { Effect } from '../../src/group/classic/member.ts';
import { keepAlive, leave, sync } from '../../src/group/classic/stay.ts';
import type { Groups } from '../../src/group/groups.ts';
import { assert, unreachable } from '../../src/model/assert.ts';
import type { Fault } from '../../src/model/faults.ts';
import type {
  JoinGroupRequest,
  KeepAliveRequest,
  LeaveGroupRequest,
  SyncGroupRequest,
} from '../../src/protocols/classic.ts';
import { freshUuid } from '../uuid.ts';
import type { Asked } from './heartbeats.ts';
import type { GroupLog } from './log.ts';
import type { GroupTopics } from './topics.ts';

/** The state, which a replay makes anew. */
interface State {
  readonly groups: Groups;
  readonly topics: GroupTopics;
}

type Waiting = Asked<JoinGroupRequest | SyncGroupRequest>;

export class ClassicCalls {
  readonly #context: Context<never>;
  readonly #log: GroupLog;
  readonly #state: State;
  /** By a number of our own: those of several connections may be the same. */
  readonly #waiting = new Map<number, Waiting>();
  #number = 0;

  constructor(context: Context<never>, log: GroupLog, state: State) {
    this.#context = context;
    this.#log = log;
    this.#state = state;
  }

  join(asked: Asked<JoinGroupRequest>, who: Who): void {
    const { ask } = asked;
    const freshId = `${ask.instance ?? who.client}-${freshUuid(this.#context.random)}`;
    this.#wait(asked, (request) => join(this.#state.groups, ask, { ...who, request, freshId }, this.#now));
  }

  sync(asked: Asked<SyncGroupRequest>): void {
    this.#wait(asked, (request) => sync(this.#state.groups, asked.ask, request, this.#now));
  }

  /** Also while nothing can be written: a disk that is full does not make anybody dead. */
  keepAlive(asked: Asked<KeepAliveRequest>): void {
    const refused = keepAlive(this.#state.groups, asked.ask, this.#now);
    if (refused !== null) this.#log.refuse(asked, refused);
    else this.#log.answer(asked, { call: 'keepAlive' });
  }

  leave(asked: Asked<LeaveGroupRequest>): void {
    const { group, members } = asked.ask;
    const refusal = this.#log.refusal;
    const left =
      refusal === null
        ? leave(this.#state.groups, group, members, this.#now)
        : ({ ok: false, fault: refusal } as const);
    this.#carryOn(group);
    if (left.ok) this.#log.answer(asked, { call: 'leaveGroup', members: left.value });
    else this.#log.refuse(asked, left.fault);
  }

  /** The node assigns from now on: who waits is to join again. */
  dissolve(group: string): void {
    this.#state.groups.barriers.get(group)?.dissolve();
    this.#carryOn(group);
  }

  /** Only while something can be written. */
  tick(): void {
    for (const barrier of [...this.#state.groups.barriers.all()]) {
      barrier.tick(this.#now);
      this.#carryOn(barrier.group);
    }
  }

  refuseHeld(reason: Fault): void {
    for (const barrier of this.#state.groups.barriers.all()) {
      barrier.refuseAll(reason);
      this.#carryOn(barrier.group);
    }
    assert(this.#waiting.size === 0, 'who waits, waits at a barrier');
  }

  get #now(): number {
    return this.#context.monotonic();
  }

  #wait(asked: Waiting, step: (request: number) => Fault | null): void {
    const request = ++this.#number;
    this.#waiting.set(request, asked);
    const refused = this.#log.refusal ?? step(request);
    if (refused !== null) {
      this.#waiting.delete(request);
      this.#log.refuse(asked, refused);
    }
    this.#carryOn(asked.ask.group);
  }

  /** Brings about what a barrier has decided; forgets the group where that was its end. */
  #carryOn(group: string): void {
    const { groups, topics } = this.#state;
    const effects = groups.barriers.take(group);
    for (const effect of effects) this.#carryOut(effect);
    if (effects.length > 0 && this.#log.refusal === null) this.#log.carryOut(settle(groups, topics, group));
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'record': {
        const refused = this.#log.carryOut([effect.record]);
        assert(refused === null, 'a barrier moves only while something can be written');
        break;
      }
      case 'joined':
        this.#log.answer(this.#take(effect.request), { call: 'joinGroup', ...effect.joined });
        break;
      case 'synced':
        this.#log.answer(this.#take(effect.request), { call: 'syncGroup', ...effect.synced });
        break;
      case 'refused':
        this.#log.refuse(this.#take(effect.request), effect.fault);
        break;
      default:
        unreachable(effect);
    }
  }

  #take(request: number): Waiting {
    const asked = this.#waiting.get(request);
    assert(asked !== undefined, 'an answer that nobody waits for');
    this.#waiting.delete(request);
    return asked;
  }
}
