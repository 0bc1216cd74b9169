/**
 * Calls of members that could assign by themselves, in a group in which the node assigns: carries their steps out and
 * answers at once, because nobody waits for the others there. A plain class inside the coordinator.
 */
import type { Context } from '../../runtime/actor.ts';
import { expel, type Who } from '../../src/group/beat.ts';
import { joinAsGuest, joinedAsGuest, keepGuest, leaving, syncAsGuest } from '../../src/group/classic/guest.ts';
import type { Group } from '../../src/group/group.ts';
import type { Groups } from '../../src/group/groups.ts';
import { touch } from '../../src/group/timeouts.ts';
import { fault } from '../../src/model/faults.ts';
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

interface Coordinating {
  /** The state, which a replay makes anew. */
  readonly groups: Groups;
  readonly topics: GroupTopics;
  /** Tells the others what a step means for them. */
  changed(group: string): void;
}

export class GuestCalls {
  readonly #context: Context<never>;
  readonly #log: GroupLog;
  readonly #state: Coordinating;

  constructor(context: Context<never>, log: GroupLog, state: Coordinating) {
    this.#context = context;
    this.#log = log;
    this.#state = state;
  }

  /** @returns the id by which it waits for the others, where there is nobody left but guests. */
  join(asked: Asked<JoinGroupRequest>, who: Who): string | null {
    const { ask } = asked;
    const id = ask.member === '' ? `${ask.instance ?? who.client}-${freshUuid(this.#context.random)}` : ask.member;
    if (ask.member === '' && ask.instance === undefined && ask.twoSteps) {
      const nothing = { generation: -1, protocolType: '', protocol: '', leader: '', skip: false, members: [] };
      const named = { member: id, fault: fault('MEMBER_ID_REQUIRED', `join again as ${id}`) };
      this.#log.answer(asked, { call: 'joinGroup', ...named, ...nothing });
      return null;
    }
    const { groups, topics } = this.#state;
    const refused = this.#log.carryOut(joinAsGuest(groups, topics, ask, { id, ...who }));
    this.#state.changed(ask.group);
    const guest = groups.get(ask.group)?.members.get(id);
    if (refused !== null) this.#log.refuse(asked, refused);
    else if (guest === undefined) return id;
    else {
      touch(groups, ask.group, guest, this.#context.monotonic());
      guest.unsynced = true;
      this.#log.answer(asked, { call: 'joinGroup', ...joinedAsGuest(guest) });
    }
    return null;
  }

  sync(asked: Asked<SyncGroupRequest>, group: Group): void {
    const synced = syncAsGuest(group, this.#state.topics, asked.ask);
    if (!synced.ok) {
      this.#log.refuse(asked, synced.fault);
      return;
    }
    const guest = group.members.get(asked.ask.member);
    if (guest !== undefined) {
      touch(this.#state.groups, group.name, guest, this.#context.monotonic());
      guest.unsynced = false;
    }
    this.#log.answer(asked, { call: 'syncGroup', ...synced.value });
  }

  /** Also while nothing can be written: a disk that is full does not make anybody dead. */
  keepAlive(asked: Asked<KeepAliveRequest>, group: Group): void {
    const kept = keepGuest(group, asked.ask);
    const guest = group.members.get(asked.ask.member);
    if (kept.ok && guest !== undefined) touch(this.#state.groups, group.name, guest, this.#context.monotonic());
    const refused = kept.ok ? kept.value : kept.fault;
    if (refused !== null) this.#log.refuse(asked, refused);
    else this.#log.answer(asked, { call: 'keepAlive' });
  }

  /** An admin takes out members of any kind; by itself a guest leaves so, and others with a heartbeat. */
  leave(asked: Asked<LeaveGroupRequest>): void {
    const { groups, topics } = this.#state;
    const { group: name, members } = asked.ask;
    const left = members.map((named) => {
      const group = groups.get(name);
      if (group === undefined) return { ...named, fault: fault('UNKNOWN_MEMBER', `group ${name} does not exist`) };
      const found = leaving(group, named);
      if (!found.ok) return { ...named, fault: found.fault };
      const refused = this.#log.carryOut(expel(groups, topics, group, [found.value.id]));
      return refused === null ? named : { ...named, fault: refused };
    });
    this.#state.changed(name);
    this.#log.answer(asked, { call: 'leaveGroup', members: left });
  }
}
