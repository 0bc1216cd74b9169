/** The description of a group: what its state says, and the lag from what the partitions answer. Asks nothing itself. */
import type { Barrier } from '../../src/group/classic/barrier.ts';
import {
  classicMembersOf,
  type Lag,
  lagOf,
  type Measured,
  membersOf,
  placesOf,
  stateOf,
} from '../../src/group/describe.ts';
import type { Group } from '../../src/group/group.ts';
import { id } from '../../src/model/ids.ts';
import type { DescribeGroupReply } from '../../src/protocols/request.ts';
import type { Answers, Question } from './survey.ts';
import type { GroupTopics } from './topics.ts';

export interface GroupDescription {
  readonly questions: readonly Question[];
  /** @param now ms since 1970. */
  reply(answers: Answers, now: number): DescribeGroupReply;
}

type Row = Omit<DescribeGroupReply['partitions'][number], 'begin' | 'end' | 'lag'>;

/** The state is taken now, the measures when they come. */
export function describeGroup(group: Group, barrier: Barrier | undefined, topics: GroupTopics): GroupDescription {
  const rows: Row[] = [];
  const questions: Question[] = [];
  for (const { topic, partition, key } of placesOf(group)) {
    const partitionId = topics.partition(topic, partition);
    const topicName = topics.byId(topic)?.name;
    // Deleted a moment ago: its part of the group goes, too.
    if (partitionId === undefined || topicName === undefined) continue;
    const committed = group.offsets.get(key)?.offset ?? -1;
    rows.push({ topic, partition, topicName, committed, member: group.owner(key) ?? '' });
    const offset = id<never>(Math.max(0, committed));
    questions.push({ partition: partitionId, ask: (request) => ({ type: 'measure', request, offset }) });
  }
  const head = { call: 'describeGroup', group: group.name, ...present(group, barrier) } as const;
  const reply = (answers: Answers, now: number): DescribeGroupReply => ({
    ...head,
    partitions: rows.map((row, index) => ({ ...row, ...measures(row.committed, answers[index] ?? null, now) })),
  });
  return { questions, reply };
}

function present(
  group: Group,
  barrier: Barrier | undefined,
): Pick<DescribeGroupReply, 'state' | 'epoch' | 'assignor' | 'members'> {
  if (barrier === undefined || barrier.members.size === 0)
    return { state: stateOf(group), epoch: group.epoch, assignor: group.assignor, members: membersOf(group) };
  const { phase: state, generation: epoch, protocol: assignor } = barrier;
  return { state, epoch, assignor, members: classicMembersOf(barrier) };
}

/** Begin and end are -1 where the partition did not answer in time. */
function measures(
  committed: number,
  answer: Answers[number],
  now: number,
): { readonly begin: number; readonly end: number; readonly lag: Lag } {
  const measured: Measured | null = answer?.type === 'measured' ? answer : null;
  return { begin: measured?.begin ?? -1, end: measured?.end ?? -1, lag: lagOf(committed, measured, now) };
}
