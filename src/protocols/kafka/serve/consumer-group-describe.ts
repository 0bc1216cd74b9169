/** ConsumerGroupDescribe (KIP-848): groups whose partitions the node assigns, those of Callboard's own clients among them. */
import type { Result } from '../../../model/faults.ts';
import type { ConsumerReport, InspectedPlaces, InspectGroupReply } from '../../classic.ts';
import { resultOf } from '../asking.ts';
import { NO_OPERATIONS } from '../call.ts';
import { type ConsumerGroupDescribeResponse, consumerGroupDescribe } from '../calls/consumer-group-describe.ts';
import { coordinatorErrorOf, errors } from '../faults.ts';
import { type Peer, service } from '../service.ts';
import { GROUP_OPERATIONS } from '../standing.ts';

export const CONSUMER_STATES: Readonly<Record<ConsumerReport['state'], string>> = {
  empty: 'Empty',
  assigning: 'Assigning',
  reconciling: 'Reconciling',
  stable: 'Stable',
};

/** Kafka's numbers for members of the classic protocol, and of this one. */
const CLASSIC_MEMBER = 0;
const CONSUMER_MEMBER = 1;

type Answer = ConsumerGroupDescribeResponse['groups'][number];
type MemberAnswer = Answer['members'][number];

export const serveConsumerGroupDescribe = service(consumerGroupDescribe, function* (request, peer) {
  const { groupIds, includeAuthorizedOperations } = request;
  const authorizedOperations = includeAuthorizedOperations ? GROUP_OPERATIONS : NO_OPERATIONS;
  const replies = groupIds.length === 0 ? [] : yield groupIds.map((group) => ({ call: 'inspectGroup', group }));
  return {
    groups: groupIds.map((group, index) => {
      const described = answer(group, resultOf<'inspectGroup'>('inspectGroup', replies[index]), peer);
      return described.errorCode === errors.NONE ? { ...described, authorizedOperations } : described;
    }),
  };
});

function answer(groupId: string, found: Result<InspectGroupReply>, peer: Peer): Answer {
  if (groupId === '') return refused(groupId, errors.INVALID_GROUP_ID, 'a group has a name');
  if (!found.ok) return refused(groupId, coordinatorErrorOf(found.fault.code), found.fault.message);
  const { report } = found.value;
  if (report.kind !== 'consumer') return refused(groupId, errors.GROUP_ID_NOT_FOUND, `${groupId} is a classic group`);
  return {
    errorCode: errors.NONE,
    groupId,
    groupState: CONSUMER_STATES[report.state],
    groupEpoch: report.epoch,
    assignmentEpoch: report.targetEpoch,
    assignorName: report.assignor === 'sticky' ? 'uniform' : report.assignor,
    members: report.members.map((member) => memberOf(member, peer)),
  };
}

function refused(groupId: string, errorCode: number, errorMessage: string): Answer {
  const nothing = { groupState: '', groupEpoch: 0, assignmentEpoch: 0, assignorName: '', members: [] };
  return { errorCode, errorMessage, groupId, ...nothing };
}

function memberOf(member: ConsumerReport['members'][number], peer: Peer): MemberAnswer {
  return {
    memberId: member.member,
    instanceId: member.instance ?? null,
    rackId: member.rack ?? null,
    memberEpoch: member.epoch,
    clientId: member.client,
    clientHost: `/${member.host}`,
    subscribedTopicNames: member.topics,
    subscribedTopicRegex: member.pattern ?? null,
    assignment: { topicPartitions: placesOf(member.owned, peer) },
    targetAssignment: { topicPartitions: placesOf(member.target, peer) },
    memberType: member.classic ? CLASSIC_MEMBER : CONSUMER_MEMBER,
  };
}

function placesOf(places: readonly InspectedPlaces[], { topics }: Peer): MemberAnswer['assignment']['topicPartitions'] {
  return places.map(({ topic, name, partitions }) => ({
    ...{ topicId: topics.ids.digitsOf(topic), topicName: name },
    partitions,
  }));
}
