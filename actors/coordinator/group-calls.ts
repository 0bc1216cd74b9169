/**
 * What each call on groups does, once there is state to do it on: carries the machine's steps to the log and holds every
 * answer until what it shows is committed. A plain class inside the coordinator, which owns the inbox and the life of it.
 */
import type { Address, Context } from '../../runtime/actor.ts';
import { beat, expel, JOIN, nudge, settle, type Who } from '../../src/group/beat.ts';
import { expire } from '../../src/group/expiry.ts';
import type { Group, Member } from '../../src/group/group.ts';
import { Groups, type Migration } from '../../src/group/groups.ts';
import { commit, forgetTopics, mayAsk } from '../../src/group/offsets.ts';
import { type PlaceKey, partitionOf, placeKey, topicOf } from '../../src/group/places.ts';
import { wants } from '../../src/group/reconcile.ts';
import type { GroupRecord } from '../../src/group/record.ts';
import { commitAsSaid, dropOffsets, type Moment } from '../../src/group/seeking.ts';
import { overdue, touch } from '../../src/group/timeouts.ts';
import { unreachable } from '../../src/model/assert.ts';
import { type Fault, fault } from '../../src/model/faults.ts';
import type { GroupBounds } from '../../src/model/group-settings.ts';
import type { TopicId } from '../../src/model/ids.ts';
import type { Topic } from '../../src/model/topic.ts';
import type {
  JoinGroupRequest,
  KeepAliveRequest,
  LeaveGroupRequest,
  SyncGroupRequest,
} from '../../src/protocols/classic.ts';
import type { CommitRequest, CommittedReply, CommittedRequest, HeartbeatRequest } from '../../src/protocols/groups.ts';
import type { PartitionAnswer } from '../partition/contract.ts';
import type { StateLog } from '../state/log.ts';
import type { TransactionsAnswer } from '../transactions/contract.ts';
import { freshUuid } from '../uuid.ts';
import { GroupAdministration } from './administration.ts';
import { ClassicCalls } from './classic-calls.ts';
import type { CoordinatorRequest } from './contract.ts';
import { GuestCalls } from './guest-calls.ts';
import { type Asked, farewell, Heartbeats, type Held, isMember } from './heartbeats.ts';
import { GroupLog } from './log.ts';
import { GroupTopics } from './topics.ts';
import { GroupTransactions } from './transactions.ts';

type ClassicCall = JoinGroupRequest | SyncGroupRequest | KeepAliveRequest | LeaveGroupRequest;

export interface GroupRules {
  /** How long a classic group that was empty waits for more members, ms. */
  readonly initialRebalanceMs: number;
  /** How long committed offsets are kept that nobody needs, ms. */
  readonly offsetRetentionMs: number;
  readonly migration: Migration;
  /** Times of members that leave them to their group. */
  readonly groupBounds: GroupBounds;
}

const emptyGroups = ({ initialRebalanceMs, migration, groupBounds }: GroupRules): Groups =>
  new Groups(initialRebalanceMs, migration, groupBounds);

export class GroupCalls {
  readonly #context: Context<never>;
  readonly #log: GroupLog;
  readonly #classic: ClassicCalls;
  readonly #rules: GroupRules;
  readonly #guests: GuestCalls;
  readonly #administration: GroupAdministration;
  readonly #transactions: GroupTransactions;
  #groups: Groups;
  #heartbeats: Heartbeats;
  topics = new GroupTopics([]);

  constructor(context: Context<never>, log: StateLog<GroupRecord>, nextRequest: () => number, rules: GroupRules) {
    this.#context = context;
    this.#log = new GroupLog(context, log);
    this.#rules = rules;
    this.#groups = emptyGroups(rules);
    this.#heartbeats = new Heartbeats(this.#groups);
    this.#classic = new ClassicCalls(context, this.#log, this);
    this.#guests = new GuestCalls(context, this.#log, this);
    this.#administration = new GroupAdministration(context, this.#log, this, nextRequest);
    this.#transactions = new GroupTransactions(context, this.#log, this, nextRequest);
  }

  get groups(): Groups {
    return this.#groups;
  }

  /** Somebody waits for time to pass. */
  get waits(): boolean {
    const { barriers, occupied } = this.#groups;
    return (
      this.#administration.busy ||
      this.#transactions.busy ||
      this.#heartbeats.size > 0 ||
      occupied > 0 ||
      barriers.size > 0
    );
  }

  counts(): unknown {
    return { groups: this.#groups.size, occupied: this.#groups.occupied, held: this.#heartbeats.size };
  }

  /** Before a replay: nobody waits any longer. */
  reset(): void {
    this.refuseHeld(fault('UNAVAILABLE', 'the groups are being read from their log again'));
    this.#groups = emptyGroups(this.#rules);
    this.#heartbeats = new Heartbeats(this.#groups);
    this.#administration.reset();
  }

  refuseHeld(reason: Fault): void {
    for (const held of this.#heartbeats.all()) {
      this.#heartbeats.take(held.ask.group, held.member.id);
      this.#log.refuse(held, reason);
    }
    this.#classic.refuseHeld(reason);
    this.#transactions.refuseHeld(reason);
  }

  serve({ request, ask, client, host, openedAt }: CoordinatorRequest, from: Address): void {
    switch (ask.call) {
      case 'heartbeat':
        this.#heartbeat({ request, ask, from }, { client, host });
        break;
      case 'joinGroup':
      case 'syncGroup':
      case 'keepAlive':
      case 'leaveGroup':
        this.#classicCall({ request, ask, from }, { client, host });
        break;
      case 'commitOffsets':
        this.#log.decided(
          { request, from },
          'commitOffsets',
          commitAsSaid(this.#groups, this.topics, ask, this.#moment),
        );
        break;
      case 'dropOffsets':
        this.#log.decided({ request, from }, 'dropOffsets', dropOffsets(this.#groups, this.topics, ask));
        break;
      case 'commitInTransaction':
        this.#transactions.commit({ request, ask, from }, openedAt);
        break;
      case 'settleOffsets':
        this.#transactions.settle({ request, ask, from });
        break;
      case 'commit':
        this.#commit({ request, ask, from });
        break;
      case 'committed':
        this.#committed({ request, ask, from });
        break;
      case 'groups':
      case 'describeGroup':
      case 'inspectGroup':
      case 'resetGroup':
      case 'deleteGroup':
      case 'groupSettings':
      case 'alteredGroups':
      case 'alterGroup':
        this.#administration.serve({ request, ask, from });
        break;
      default:
        unreachable(ask);
    }
  }

  /** By those who wait for each other, or by guests among those who do not. */
  #classicCall({ ask, ...asked }: Asked<ClassicCall>, who: Who): void {
    const group = this.#groups.get(ask.group);
    const assigned = group !== undefined && group.members.size > 0 ? group : undefined;
    switch (ask.call) {
      case 'joinGroup':
        this.#join({ ...asked, ask }, who, assigned !== undefined);
        break;
      case 'syncGroup':
        if (assigned !== undefined) this.#guests.sync({ ...asked, ask }, assigned);
        else this.#classic.sync({ ...asked, ask });
        break;
      case 'keepAlive':
        if (assigned !== undefined) this.#guests.keepAlive({ ...asked, ask }, assigned);
        else this.#classic.keepAlive({ ...asked, ask });
        break;
      case 'leaveGroup':
        if (assigned !== undefined) this.#guests.leave({ ...asked, ask });
        else this.#classic.leave({ ...asked, ask });
        break;
      default:
        unreachable(ask);
    }
  }

  #join(asked: Asked<JoinGroupRequest>, who: Who, assigned: boolean): void {
    const member = assigned ? this.#guests.join(asked, who) : asked.ask.member;
    if (member !== null) this.#classic.join({ ...asked, ask: { ...asked.ask, member } }, who);
  }

  surveyed(answer: PartitionAnswer, from: Address): boolean {
    return this.#administration.surveyed(answer, from);
  }

  transacted(answer: TransactionsAnswer): void {
    this.#transactions.transacted(answer);
  }

  // ---- what happens by itself

  /** The replay is over: members of classic groups go on, each with a new session. */
  restore(): void {
    this.#groups.barriers.restore(this.#groups.all(), this.#now());
  }

  /** After a replay, and after a time in which nothing could be written. */
  settleAll(): void {
    for (const group of [...this.#groups.all()]) this.#adapt(group);
  }

  topicChanged(topic: Topic): void {
    this.topics.add(topic);
    if (this.#log.refusal !== null) return;
    for (const group of [...this.#groups.all()]) if (wants(group, this.topics, topic.name)) this.#adapt(group);
  }

  topicGone(topic: TopicId): void {
    this.topics.drop(topic);
    if (this.#log.refusal !== null) return;
    for (const group of [...this.#groups.all()])
      if (group.topics.has(topic) || group.offsets.size > 0) this.#adapt(group);
  }

  /** Offsets that nobody has needed for too long go; to be called now and then, and before anybody is shown them. */
  expire(): void {
    if (this.#log.refusal !== null) return;
    for (const group of [...this.#groups.all()])
      this.#log.carryOut(expire(this.#groups, this.topics, group, this.#context.now(), this.#rules.offsetRetentionMs));
  }

  tick(): void {
    this.#administration.tick();
    this.#transactions.tick();
    if (this.#log.refusal === null) {
      for (const group of [...this.#groups.all()]) this.#expelOverdue(group);
      this.#classic.tick();
    }
    const now = this.#context.monotonic();
    for (const held of this.#heartbeats.all()) if (now >= held.until) this.#answerHeld(held);
  }

  /** To the topics as they are now. */
  #adapt(group: Group): void {
    this.#log.carryOut(forgetTopics(this.#groups, group, (topic) => this.topics.byId(topic) !== undefined));
    this.#log.carryOut(settle(this.#groups, this.topics, group.name));
    this.changed(group.name);
  }

  #expelOverdue(group: Group): void {
    const members = overdue(this.#groups, group, this.#context.monotonic());
    if (members.length === 0) return;
    this.#context.log.info({ group: group.name, members: members.length }, 'members out of time');
    this.#log.carryOut(expel(this.#groups, this.topics, group, members));
    this.changed(group.name);
  }

  get #moment(): Moment {
    return { now: this.#now(), at: this.#context.now() };
  }

  #now(): number {
    return this.#context.monotonic();
  }

  // ---- heartbeats

  #heartbeat(beaten: Asked<HeartbeatRequest>, who: Who): void {
    const asked = this.#named(beaten);
    const { ask } = asked;
    this.#supersede(ask.group, ask.member);
    const refused = this.#log.carryOut(beat(this.#groups, this.topics, ask, who));
    const member = this.#groups.get(ask.group)?.members.get(ask.member);
    // A disk that is full does not make anybody dead.
    if (member !== undefined && refused !== null && refused === this.#log.refusal) this.#heard(ask.group, member);
    if (refused !== null) this.#log.refuse(asked, refused);
    else if (member === undefined || ask.epoch < 0) this.#log.answer(asked, farewell(ask));
    else {
      this.#heard(ask.group, member);
      if (ask.waitMs > 0 && !this.#heartbeats.news(asked, member))
        this.#heartbeats.hold(asked, member, this.#context.monotonic());
      else this.#log.answer(asked, this.#heartbeats.reply(asked, member));
    }
    this.changed(ask.group);
  }

  #heard(group: string, member: Member): void {
    touch(this.#groups, group, member, this.#context.monotonic());
  }

  /** Members of some dialects have no id until they are given one. */
  #named(asked: Asked<HeartbeatRequest>): Asked<HeartbeatRequest> {
    const { ask } = asked;
    if (ask.member !== '' || ask.epoch !== JOIN) return asked;
    return { ...asked, ask: { ...ask, member: freshUuid(this.#context.random) } };
  }

  /** A member has one heartbeat at a time: the older one is answered with what it knows. */
  #supersede(group: string, member: string): void {
    const held = this.#heartbeats.take(group, member);
    if (held !== undefined) this.#answerTaken(held);
  }

  /** Who assigns may have changed: either there are members at the barrier, or some that the node assigns to. */
  #sortOut(name: string): void {
    const group = this.#groups.get(name);
    if (group === undefined) return;
    if (group.members.size > 0) this.#classic.dissolve(name);
    else this.#groups.barriers.restore([group], this.#now());
  }

  /** Lets every member that waits make its next step, and tells those for whom something has changed. */
  changed(name: string): void {
    this.#sortOut(name);
    for (const held of this.#heartbeats.of(name)) {
      const group = this.#groups.get(name);
      if (group !== undefined && isMember(group, held) && this.#log.refusal === null)
        this.#log.carryOut(nudge(group, held.member));
      if (!isMember(group, held) || this.#heartbeats.news(held, held.member)) this.#answerHeld(held);
    }
  }

  #answerHeld(held: Held): void {
    this.#heartbeats.take(held.ask.group, held.member.id);
    this.#answerTaken(held);
  }

  #answerTaken(held: Held): void {
    if (!isMember(this.#groups.get(held.ask.group), held))
      this.#log.refuse(held, fault('FENCED_MEMBER', `${held.member.id} is no longer a member of ${held.ask.group}`));
    else {
      // It was there all the time that it waited.
      this.#heard(held.ask.group, held.member);
      this.#log.answer(held, this.#heartbeats.reply(held, held.member));
    }
  }

  // ---- offsets

  #commit({ ask, ...asked }: Asked<CommitRequest>): void {
    this.#log.decided(asked, 'commit', commit(this.#groups, this.topics, ask, this.#context.now()));
  }

  #committed(asked: Asked<CommittedRequest>): void {
    const { group, places } = asked.ask;
    const stranger = mayAsk(this.#groups, asked.ask);
    if (stranger !== null) {
      this.#log.refuse(asked, stranger);
      return;
    }
    const known = this.#groups.get(group);
    const offsets = known?.offsets;
    const keys: Iterable<PlaceKey> =
      places?.map(({ topic, partition }) => placeKey(topic, partition)) ?? offsets?.keys() ?? [];
    const parts: CommittedReply['parts'][number][] = [];
    for (const key of keys) {
      const { offset, metadata, leaderEpoch } = offsets?.get(key) ?? { offset: -1, metadata: '', leaderEpoch: -1 };
      const part = { topic: topicOf(key), partition: partitionOf(key), offset, metadata };
      const whole = leaderEpoch < 0 ? part : { ...part, leaderEpoch };
      parts.push(known?.pending.has(key) === true ? { ...whole, unstable: true } : whole);
    }
    this.#log.answer(asked, { call: 'committed', parts });
  }
}
