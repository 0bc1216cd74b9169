/**
 * OffsetFetch: what groups have committed, of the topics that are named or of all. Who wants stable offsets
 * hears where a transaction is about to commit another one.
 */
import { type Fault, type FaultCode, ok, type Result } from '../../../model/faults.ts';
import type { PartitionIndex, TopicId } from '../../../model/ids.ts';
import type { CommittedReply, CommittedRequest } from '../../groups.ts';
import { ask, resultOf, type Serving } from '../asking.ts';
import { type OffsetFetchRequest, type OffsetFetchResponse, offsetFetch } from '../calls/offset-fetch.ts';
import { coordinatorErrorOf, type ErrorCode, errors } from '../faults.ts';
import { checkGroup } from '../group-names.ts';
import { NO_UUID } from '../reading.ts';
import { type Peer, service } from '../service.ts';

/** What is wrong with a name, or an id: nobody has committed anything there. */
const OF_NAMES: readonly FaultCode[] = ['UNKNOWN_TOPIC', 'INVALID_NAME'];
const SEVERAL_SINCE = 8;
const BY_ID_SINCE = 10;

type Group = OffsetFetchRequest['groups'][number];
type Topic = NonNullable<Group['topics']>[number];
type GroupAnswer = NonNullable<OffsetFetchResponse['groups']>[number];
type TopicAnswer = GroupAnswer['topics'][number];
type PartitionAnswer = TopicAnswer['partitions'][number];
type Committed = CommittedReply['parts'][number];

export const serveOffsetFetch = service(offsetFetch, function* (request, peer, version) {
  const groups = version >= SEVERAL_SINCE ? request.groups : [single(request)];
  const answers = yield* fetchAll(groups, peer, request.requireStable, version >= BY_ID_SINCE);
  if (version >= SEVERAL_SINCE) return { groups: answers };
  const [answer] = answers;
  const topics = answer?.topics.map(({ name = '', partitions }) => ({ name, partitions })) ?? [];
  return { topics, errorCode: answer?.errorCode ?? errors.NONE };
});

/** How one group was asked for before there could be several. */
function single({ groupId, topics }: OffsetFetchRequest): Group {
  const all = topics?.map(({ name, partitionIndexes }) => ({ name, topicId: NO_UUID, partitionIndexes })) ?? null;
  return { groupId, memberId: null, memberEpoch: -1, topics: all };
}

function* fetchAll(groups: readonly Group[], peer: Peer, stable: boolean, byId: boolean): Serving<GroupAnswer[]> {
  const named = groups.flatMap(({ topics }) => topics ?? []);
  const found = yield* peer.topics.locate(
    named.map(({ name, topicId }) => ({ name, id: topicId })),
    byId,
  );
  const located = new Map<Topic, Result<TopicId>>();
  named.forEach((topic, index) => {
    const result = found[index];
    if (result !== undefined) located.set(topic, result);
  });
  const sound = groups.filter(({ groupId }) => checkGroup(groupId) === null);
  const replies = sound.length === 0 ? [] : yield sound.map((group) => requestOf(group, located));
  const results = new Map(sound.map((group, index) => [group, resultOf<'committed'>('committed', replies[index])]));
  const names = groups.some(({ topics }) => topics === null) ? yield* namesOfAll() : ok(new Map<TopicId, string>());
  return groups.map((group) => {
    const { groupId, topics } = group;
    const result = results.get(group);
    if (result === undefined) return { groupId, topics: [], errorCode: errors.INVALID_GROUP_ID };
    if (!result.ok) return refused(groupId, result.fault);
    const why = unnamed(topics, names, located);
    if (why !== null) return refused(groupId, why);
    const judged = result.value.parts.map((part) => ({ ...part, unstable: stable && part.unstable === true }));
    const answers =
      topics === null
        ? all(judged, names.ok ? names.value : new Map(), peer)
        : asked(topics, located, judged, peer, byId);
    return { groupId, topics: answers, errorCode: errors.NONE };
  });
}

const refused = (groupId: string, why: Fault): GroupAnswer => ({
  ...{ groupId, topics: [], errorCode: coordinatorErrorOf(why.code) },
});

function requestOf(group: Group, located: ReadonlyMap<Topic, Result<TopicId>>): CommittedRequest {
  const { groupId, memberId, memberEpoch, topics } = group;
  const member = memberId === null && memberEpoch < 0 ? {} : { member: memberId ?? '', epoch: memberEpoch };
  if (topics === null) return { call: 'committed', group: groupId, ...member };
  const places = topics.flatMap((topic) => {
    const result = located.get(topic);
    if (result?.ok !== true) return [];
    const indexes = topic.partitionIndexes.filter((index) => index >= 0);
    return indexes.map((index) => ({ topic: result.value, partition: index as PartitionIndex }));
  });
  return { call: 'committed', group: groupId, places, ...member };
}

function* namesOfAll(): Serving<Result<ReadonlyMap<TopicId, string>>> {
  const listed = yield* ask<'topics'>({ call: 'topics' });
  return listed.ok ? ok(new Map(listed.value.topics.map(({ id, name }) => [id, name]))) : listed;
}

/** Why it cannot be told now which topics are meant: whoever hears of no offset then begins where it never was. */
function unnamed(
  topics: Group['topics'],
  names: Result<ReadonlyMap<TopicId, string>>,
  located: ReadonlyMap<Topic, Result<TopicId>>,
): Fault | null {
  if (topics === null) return names.ok ? null : names.fault;
  const failures = topics.map((topic) => located.get(topic)).filter((one) => one?.ok === false);
  return failures.find(({ fault }) => !OF_NAMES.includes(fault.code))?.fault ?? null;
}

/** Topics that were deleted a moment ago are left out: nobody can ask for them any more. */
function all(parts: readonly Committed[], names: ReadonlyMap<TopicId, string>, { topics }: Peer): TopicAnswer[] {
  const answers = new Map<TopicId, TopicAnswer & { readonly partitions: PartitionAnswer[] }>();
  for (const part of parts) {
    const name = names.get(part.topic);
    if (name === undefined) continue;
    const answer = answers.get(part.topic) ?? { name, topicId: topics.ids.digitsOf(part.topic), partitions: [] };
    answers.set(part.topic, answer);
    answer.partitions.push(partitionOf(part.partition, part, errors.NONE));
  }
  return [...answers.values()];
}

/** In the order in which they were asked for. */
function asked(
  topics: readonly Topic[],
  located: ReadonlyMap<Topic, Result<TopicId>>,
  parts: readonly Committed[],
  peer: Peer,
  byId: boolean,
): TopicAnswer[] {
  let next = 0;
  return topics.map((topic) => {
    const result = located.get(topic);
    const { name, topicId } = topic;
    // By name nobody has committed anything for what is not there; an id that is not there is an error.
    const unknown: ErrorCode = byId ? errors.UNKNOWN_TOPIC_ID : errors.NONE;
    if (result !== undefined && !result.ok) peer.topics.errorOf(result.fault, { name, id: topicId }, byId);
    const partitions = topic.partitionIndexes.map((index) => {
      if (result?.ok !== true) return partitionOf(index, undefined, unknown);
      return partitionOf(index, index >= 0 ? parts[next++] : undefined, errors.NONE);
    });
    return { name, topicId, partitions };
  });
}

function partitionOf(partitionIndex: number, part: Committed | undefined, errorCode: ErrorCode): PartitionAnswer {
  if (part?.unstable === true) {
    const nothing = { committedOffset: -1, committedLeaderEpoch: -1, metadata: '' };
    return { partitionIndex, ...nothing, errorCode: errors.UNSTABLE_OFFSET_COMMIT };
  }
  const { offset = -1, leaderEpoch = -1, metadata = '' } = part ?? {};
  return { partitionIndex, committedOffset: offset, committedLeaderEpoch: leaderEpoch, metadata, errorCode };
}
