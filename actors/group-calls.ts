/**
 * What each call on groups does, once there is state to do it on: carries the machine's steps to the log and holds every
 * answer until what it shows is committed. A plain class inside the coordinator, which owns the inbox and the life of it.
 */
import type { Address, Context } from '../runtime/actor.ts';
import { beat, expel, nudge, type Steps, settle } from '../src/group/beat.ts';
import { stateOf } from '../src/group/describe.ts';
import type { Group } from '../src/group/group.ts';
import { Groups } from '../src/group/groups.ts';
import { commit, emptyGroup, forgetTopics } from '../src/group/offsets.ts';
import { type PlaceKey, partitionOf, placeKey, topicOf } from '../src/group/places.ts';
import type { GroupRecord } from '../src/group/record.ts';
import { overdue, touch } from '../src/group/timeouts.ts';
import { unreachable } from '../src/model/assert.ts';
import { type Fault, fault } from '../src/model/faults.ts';
import type { TopicId } from '../src/model/ids.ts';
import type { Topic } from '../src/model/topic.ts';
import type {
  CommitRequest,
  CommittedReply,
  CommittedRequest,
  DeleteGroupRequest,
  DescribeGroupRequest,
  GroupsReply,
  HeartbeatRequest,
  ResetGroupRequest,
} from '../src/protocols/request.ts';
import type { CoordinatorAnswer, CoordinatorRequest, GroupReply } from './coordinator.ts';
import { describeGroup } from './group-report.ts';
import { planReset } from './group-reset.ts';
import { GroupTopics } from './group-topics.ts';
import { type Asked, farewell, Heartbeats, type Held, isMember } from './heartbeats.ts';
import type { PartitionAnswer } from './partition.ts';
import type { StateLog } from './state-log.ts';
import { Surveys } from './survey.ts';

export class GroupCalls {
  readonly #context: Context<never>;
  readonly #log: StateLog<GroupRecord>;
  readonly #surveys: Surveys;
  #groups = new Groups();
  #heartbeats = new Heartbeats();
  topics = new GroupTopics([]);

  constructor(context: Context<never>, log: StateLog<GroupRecord>, nextRequest: () => number) {
    this.#context = context;
    this.#log = log;
    this.#surveys = new Surveys(context, nextRequest);
  }

  get groups(): Groups {
    return this.#groups;
  }

  /** Somebody waits for time to pass. */
  get waits(): boolean {
    return this.#surveys.busy || this.#heartbeats.size > 0 || this.#groups.occupied > 0;
  }

  counts(): unknown {
    return { groups: this.#groups.size, occupied: this.#groups.occupied, held: this.#heartbeats.size };
  }

  /** Before a replay: nobody waits any longer. */
  reset(): void {
    this.refuseHeld(fault('UNAVAILABLE', 'the groups are being read from their log again'));
    this.#heartbeats = new Heartbeats();
    this.#groups = new Groups();
    this.#surveys.reset();
  }

  refuseHeld(reason: Fault): void {
    for (const held of this.#heartbeats.all()) {
      this.#heartbeats.take(held.ask.group, held.member.id);
      this.#refuse(held, reason);
    }
  }

  serve({ request, ask, client }: CoordinatorRequest, from: Address): void {
    switch (ask.call) {
      case 'heartbeat':
        this.#heartbeat({ request, ask, from }, client);
        break;
      case 'commit':
        this.#commit({ request, ask, from });
        break;
      case 'committed':
        this.#committed({ request, ask, from });
        break;
      case 'groups':
        this.#answer({ request, from }, this.#list());
        break;
      case 'describeGroup':
        this.#describe({ request, ask, from });
        break;
      case 'resetGroup':
        this.#reset({ request, ask, from });
        break;
      case 'deleteGroup':
        this.#delete({ request, ask, from });
        break;
      default:
        unreachable(ask);
    }
  }

  surveyed(answer: PartitionAnswer, from: Address): boolean {
    return this.#surveys.receive(answer, from);
  }

  // ---- what happens by itself

  /** After a replay, and after a time in which nothing could be written. */
  settleAll(): void {
    for (const group of [...this.#groups.all()]) this.#adapt(group);
  }

  topicChanged(topic: Topic): void {
    this.topics.add(topic);
    if (this.#log.refusal !== null) return;
    for (const group of [...this.#groups.all()]) if (group.wants(topic.name)) this.#adapt(group);
  }

  topicGone(topic: TopicId): void {
    this.topics.drop(topic);
    if (this.#log.refusal !== null) return;
    for (const group of [...this.#groups.all()])
      if (group.topics.has(topic) || group.offsets.size > 0) this.#adapt(group);
  }

  tick(): void {
    this.#surveys.tick();
    if (this.#log.refusal === null) for (const group of [...this.#groups.all()]) this.#expelOverdue(group);
    const now = this.#context.monotonic();
    for (const held of this.#heartbeats.all()) if (now >= held.until) this.#answerHeld(held);
  }

  /** To the topics as they are now. */
  #adapt(group: Group): void {
    this.#carryOut(forgetTopics(this.#groups, group, (topic) => this.topics.byId(topic) !== undefined));
    this.#carryOut(settle(this.#groups, this.topics, group.name));
    this.#wakeMembers(group.name);
  }

  #expelOverdue(group: Group): void {
    const members = overdue(group, this.#context.monotonic());
    if (members.length === 0) return;
    this.#context.log.info({ group: group.name, members: members.length }, 'members out of time');
    this.#carryOut(expel(this.#groups, this.topics, group, members));
    this.#wakeMembers(group.name);
  }

  // ---- heartbeats

  #heartbeat(asked: Asked<HeartbeatRequest>, client: string): void {
    const { ask } = asked;
    this.#supersede(ask.group, ask.member);
    const refused = this.#carryOut(beat(this.#groups, this.topics, ask, client));
    const member = this.#groups.get(ask.group)?.members.get(ask.member);
    // A disk that is full does not make anybody dead.
    if (member !== undefined && refused !== null && refused === this.#log.refusal)
      touch(member, this.#context.monotonic());
    if (refused !== null) this.#refuse(asked, refused);
    else if (member === undefined || ask.epoch < 0) this.#answer(asked, farewell(ask));
    else {
      touch(member, this.#context.monotonic());
      if (ask.waitMs > 0 && !this.#heartbeats.news(asked, member))
        this.#heartbeats.hold(asked, member, this.#context.monotonic());
      else this.#answer(asked, this.#heartbeats.reply(asked, member));
    }
    this.#wakeMembers(ask.group);
  }

  /** A member has one heartbeat at a time: the older one is answered with what it knows. */
  #supersede(group: string, member: string): void {
    const held = this.#heartbeats.take(group, member);
    if (held !== undefined) this.#answerTaken(held);
  }

  /** Lets every member that waits make its next step, and tells those for whom something has changed. */
  #wakeMembers(name: string): void {
    for (const held of this.#heartbeats.of(name)) {
      const group = this.#groups.get(name);
      if (group !== undefined && isMember(group, held) && this.#log.refusal === null)
        this.#carryOut(nudge(group, held.member));
      if (!isMember(group, held) || this.#heartbeats.news(held, held.member)) this.#answerHeld(held);
    }
  }

  #answerHeld(held: Held): void {
    this.#heartbeats.take(held.ask.group, held.member.id);
    this.#answerTaken(held);
  }

  #answerTaken(held: Held): void {
    if (!isMember(this.#groups.get(held.ask.group), held))
      this.#refuse(held, fault('FENCED_MEMBER', `${held.member.id} is no longer a member of ${held.ask.group}`));
    else {
      // It was there all the time that it waited.
      touch(held.member, this.#context.monotonic());
      this.#answer(held, this.#heartbeats.reply(held, held.member));
    }
  }

  // ---- offsets

  #commit(asked: Asked<CommitRequest>): void {
    const decision = commit(this.#groups, this.topics, asked.ask);
    if (!decision.ok) {
      this.#refuse(asked, decision.fault);
      return;
    }
    const { record, parts } = decision.value;
    const refused = record === null ? null : this.#carryOut([record]);
    if (refused !== null) this.#refuse(asked, refused);
    else this.#answer(asked, { call: 'commit', parts });
  }

  #committed(asked: Asked<CommittedRequest>): void {
    const { group, places } = asked.ask;
    const offsets = this.#groups.get(group)?.offsets;
    const keys: Iterable<PlaceKey> =
      places?.map(({ topic, partition }) => placeKey(topic, partition)) ?? offsets?.keys() ?? [];
    const parts: CommittedReply['parts'][number][] = [];
    for (const key of keys) {
      const { offset, metadata } = offsets?.get(key) ?? { offset: -1, metadata: '' };
      parts.push({ topic: topicOf(key), partition: partitionOf(key), offset, metadata });
    }
    this.#answer(asked, { call: 'committed', parts });
  }

  // ---- administration

  #list(): GroupsReply {
    const groups = [...this.#groups.all()].map((group) => ({
      group: group.name,
      state: stateOf(group),
      members: group.members.size,
    }));
    return { call: 'groups', groups };
  }

  #describe(asked: Asked<DescribeGroupRequest>): void {
    const group = this.#groups.get(asked.ask.group);
    if (group === undefined) {
      this.#refuse(asked, fault('UNKNOWN_GROUP', `group ${asked.ask.group} does not exist`));
      return;
    }
    const { questions, reply } = describeGroup(group, this.topics);
    this.#surveys.ask(questions, (answers) => this.#answer(asked, reply(answers, this.#context.now())));
  }

  #reset(asked: Asked<ResetGroupRequest>): void {
    const group = emptyGroup(this.#groups, asked.ask.group);
    if (!group.ok) {
      this.#refuse(asked, group.fault);
      return;
    }
    const { places, dryRun } = asked.ask;
    const plan = planReset(places, this.topics);
    this.#surveys.ask(plan.questions, (answers) => {
      // Members may have come while the partitions were asked.
      const still = emptyGroup(this.#groups, asked.ask.group);
      if (!still.ok) {
        this.#refuse(asked, still.fault);
        return;
      }
      const { record, parts } = plan.decide(still.value, answers);
      const refused = record === null || dryRun ? null : this.#carryOut([record]);
      if (refused !== null) this.#refuse(asked, refused);
      else this.#answer(asked, { call: 'resetGroup', parts });
    });
  }

  #delete(asked: Asked<DeleteGroupRequest>): void {
    const group = emptyGroup(this.#groups, asked.ask.group);
    const refused = group.ok ? this.#carryOut([{ group: asked.ask.group, type: 'deleted' }]) : group.fault;
    if (refused !== null) this.#refuse(asked, refused);
    else this.#answer(asked, { call: 'deleteGroup', group: asked.ask.group });
  }

  // ---- the log

  /** Applies step by step. When nothing can be written now, it stops before the first, and nothing has happened. */
  #carryOut(steps: Steps | readonly GroupRecord[]): Fault | null {
    const iterator = steps[Symbol.iterator]();
    for (;;) {
      const next = iterator.next();
      if (next.done === true) return next.value ?? null;
      const refusal = this.#log.refusal;
      if (refusal !== null) return refusal;
      this.#log.propose(next.value);
    }
  }

  /** Once all that the answer may show is committed. */
  #answer(asked: Pick<Asked<never>, 'request' | 'from'>, reply: GroupReply): void {
    this.#log.whenCommitted((refused) => {
      const answer: CoordinatorAnswer =
        refused === null
          ? { type: 'answered', request: asked.request, reply }
          : { type: 'refused', request: asked.request, fault: refused };
      this.#context.reply(asked.from, answer);
    });
  }

  #refuse(asked: Pick<Asked<never>, 'request' | 'from'>, reason: Fault): void {
    this.#log.whenCommitted((refused) => {
      const answer: CoordinatorAnswer = { type: 'refused', request: asked.request, fault: refused ?? reason };
      this.#context.reply(asked.from, answer);
    });
  }
}
