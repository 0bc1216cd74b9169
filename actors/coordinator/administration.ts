/**
 * Looking after groups: listed, shown with or without their lag, their offsets reset, deleted. A plain class inside the
 * coordinator.
 */
import type { Address, Context } from '../../runtime/actor.ts';
import { summaries } from '../../src/group/describe.ts';
import { Group } from '../../src/group/group.ts';
import type { Groups } from '../../src/group/groups.ts';
import { inspect } from '../../src/group/inspect.ts';
import { emptyGroup } from '../../src/group/offsets.ts';
import { alterSettings } from '../../src/group/settings.ts';
import { unreachable } from '../../src/model/assert.ts';
import { fault } from '../../src/model/faults.ts';
import type { GroupTime } from '../../src/model/group-settings.ts';
import type { InspectGroupRequest } from '../../src/protocols/classic.ts';
import type {
  AlteredGroupsRequest,
  AlterGroupRequest,
  DeleteGroupRequest,
  DescribeGroupRequest,
  GroupSettingsRequest,
  GroupsReply,
  GroupsRequest,
  ResetGroupRequest,
} from '../../src/protocols/groups.ts';
import type { PartitionAnswer } from '../partition/contract.ts';
import type { Asked } from './heartbeats.ts';
import type { GroupLog } from './log.ts';
import { describeGroup } from './report.ts';
import { planReset } from './reset.ts';
import { Surveys } from './survey.ts';
import type { GroupTopics } from './topics.ts';

/** The state, which a replay makes anew. */
interface State {
  readonly groups: Groups;
  readonly topics: GroupTopics;
}
type Ask =
  | GroupsRequest
  | DescribeGroupRequest
  | InspectGroupRequest
  | ResetGroupRequest
  | DeleteGroupRequest
  | GroupSettingsRequest
  | AlteredGroupsRequest
  | AlterGroupRequest;

export class GroupAdministration {
  readonly #context: Context<never>;
  readonly #log: GroupLog;
  readonly #state: State;
  readonly #surveys: Surveys;

  constructor(context: Context<never>, log: GroupLog, state: State, nextRequest: () => number) {
    this.#context = context;
    this.#log = log;
    this.#state = state;
    this.#surveys = new Surveys(context, nextRequest);
  }

  /** Partitions are being asked: `tick` is to be called. */
  get busy(): boolean {
    return this.#surveys.busy;
  }

  surveyed(answer: PartitionAnswer, from: Address): boolean {
    return this.#surveys.receive(answer, from);
  }

  tick(): void {
    this.#surveys.tick();
  }

  reset(): void {
    this.#surveys.reset();
  }

  serve({ ask, ...asked }: Asked<Ask>): void {
    switch (ask.call) {
      case 'groups':
        this.#log.answer(asked, this.#list());
        break;
      case 'describeGroup':
        this.#describe({ ...asked, ask });
        break;
      case 'inspectGroup':
        this.#inspect({ ...asked, ask });
        break;
      case 'resetGroup':
        this.#reset({ ...asked, ask });
        break;
      case 'deleteGroup':
        this.#delete({ ...asked, ask });
        break;
      case 'groupSettings':
        this.#settings({ ...asked, ask });
        break;
      case 'alteredGroups':
        this.#log.answer(asked, { call: 'alteredGroups', groups: [...this.#state.groups.withSettings.keys()] });
        break;
      case 'alterGroup':
        this.#alter({ ...asked, ask });
        break;
      default:
        unreachable(ask);
    }
  }

  #list(): GroupsReply {
    return { call: 'groups', groups: [...summaries(this.#state.groups)] };
  }

  #inspect(asked: Asked<InspectGroupRequest>): void {
    const report = inspect(this.#state.groups, this.#state.topics, asked.ask.group);
    if (report !== undefined) this.#log.answer(asked, { call: 'inspectGroup', report });
    else this.#log.refuse(asked, fault('UNKNOWN_GROUP', `group ${asked.ask.group} does not exist`));
  }

  #describe(asked: Asked<DescribeGroupRequest>): void {
    const { group: name } = asked.ask;
    const barrier = this.#state.groups.barriers.get(name);
    // Somebody may be joining a group of which there is no record yet.
    const group = this.#state.groups.get(name) ?? (barrier === undefined ? undefined : new Group(name));
    if (group === undefined) {
      this.#log.refuse(asked, fault('UNKNOWN_GROUP', `group ${asked.ask.group} does not exist`));
      return;
    }
    const { questions, reply } = describeGroup(group, barrier, this.#state.topics);
    this.#surveys.ask(questions, (answers) => this.#log.answer(asked, reply(answers, this.#context.now())));
  }

  #reset(asked: Asked<ResetGroupRequest>): void {
    const group = emptyGroup(this.#state.groups, asked.ask.group);
    if (!group.ok) {
      this.#log.refuse(asked, group.fault);
      return;
    }
    const { places, dryRun } = asked.ask;
    const plan = planReset(places, this.#state.topics);
    this.#surveys.ask(plan.questions, (answers) => {
      // Members may have come while the partitions were asked.
      const still = emptyGroup(this.#state.groups, asked.ask.group);
      if (!still.ok) {
        this.#log.refuse(asked, still.fault);
        return;
      }
      const { record, parts } = plan.decide(still.value, answers, this.#context.now());
      const refused = record === null || dryRun ? null : this.#log.carryOut([record]);
      if (refused !== null) this.#log.refuse(asked, refused);
      else this.#log.answer(asked, { call: 'resetGroup', parts });
    });
  }

  #delete(asked: Asked<DeleteGroupRequest>): void {
    const group = emptyGroup(this.#state.groups, asked.ask.group);
    const refused = group.ok ? this.#log.carryOut([{ group: asked.ask.group, type: 'deleted' }]) : group.fault;
    if (refused !== null) this.#log.refuse(asked, refused);
    else this.#log.answer(asked, { call: 'deleteGroup', group: asked.ask.group });
  }

  /** Of groups that nobody has heard of, too: they have them before they have members. */
  #settings(asked: Asked<GroupSettingsRequest>): void {
    const { groups } = this.#state;
    const { group } = asked.ask;
    const own = Object.keys(groups.settingsOf(group)) as GroupTime[];
    this.#log.answer(asked, { call: 'groupSettings', inForce: groups.timesOf(group), own });
  }

  #alter(asked: Asked<AlterGroupRequest>): void {
    const { group, change, validateOnly } = asked.ask;
    const record = alterSettings(this.#state.groups, group, change);
    const isAltered = record.ok && record.value !== null && !validateOnly;
    const refused = isAltered ? this.#log.carryOut([record.value]) : record.ok ? null : record.fault;
    if (refused !== null) this.#log.refuse(asked, refused);
    else this.#log.answer(asked, { call: 'alterGroup' });
  }
}
