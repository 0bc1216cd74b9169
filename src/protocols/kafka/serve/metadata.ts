/** Metadata: the broker and its topics, made on demand where the client and the node's setting say so. */
import { ok, type Result } from '../../../model/faults.ts';
import type { Topic } from '../../../model/topic.ts';
import { ask, type Serving } from '../asking.ts';
import { type MetadataRequest, type MetadataResponse, metadata } from '../calls/metadata.ts';
import { errorOf, errors } from '../faults.ts';
import { lookUp } from '../look-up.ts';
import { NO_UUID } from '../reading.ts';
import { Ending, type Peer, service } from '../service.ts';
import { CLUSTER_OPERATIONS, LEADER_EPOCH, TOPIC_OPERATIONS } from '../standing.ts';
import { errorOfNamed } from '../topic-names.ts';

type Described = MetadataResponse['topics'][number];
type Wanted = NonNullable<MetadataRequest['topics']>[number];

const ERROR_SINCE = 13;

export const serveMetadata = service(metadata, function* (request, peer, version) {
  const { broker } = peer;
  const { topics: wanted } = request;
  // Version 0 has no null: no topics means all.
  const all = wanted === null || (version === 0 && wanted.length === 0);
  const found = all ? yield* everyTopic(peer) : yield* someTopics(peer, wanted, request.allowAutoTopicCreation);
  // Before there was an error for the whole, no topics would mean that there are none.
  if (!found.ok && version < ERROR_SINCE) return new Ending(found.fault);
  const topics = found.ok ? found.value : [];
  return {
    brokers: [{ nodeId: broker.node, host: broker.host, port: broker.port }],
    clusterId: broker.cluster,
    controllerId: broker.node,
    topics: request.includeTopicAuthorizedOperations ? topics.map(withOperations) : topics,
    ...(request.includeClusterAuthorizedOperations ? { clusterAuthorizedOperations: CLUSTER_OPERATIONS } : {}),
    errorCode: found.ok ? errors.NONE : errorOf(found.fault.code),
  };
});

function* everyTopic(peer: Peer): Serving<Result<readonly Described[]>> {
  const listed = yield* ask<'topics'>({ call: 'topics' });
  return listed.ok ? ok(listed.value.topics.map((topic) => describe(topic, peer))) : listed;
}

/** Each name and each id once, however often it was asked for. */
function* someTopics(peer: Peer, wanted: readonly Wanted[], create: boolean): Serving<Result<readonly Described[]>> {
  const names = [...new Set(wanted.flatMap(({ topicId, name }) => (topicId === NO_UUID ? [name ?? ''] : [])))];
  const ids = [...new Set(wanted.flatMap(({ topicId }) => (topicId === NO_UUID ? [] : [topicId])))];
  const named = names.length === 0 ? [] : yield* byName(peer, names, create);
  const numbered = ids.length === 0 ? [] : yield* byId(peer, ids);
  return ok([...named, ...numbered]);
}

function* byName(peer: Peer, names: readonly string[], create: boolean): Serving<readonly Described[]> {
  const found = yield* lookUp(names, create);
  return found.map((topic, index) => {
    const name = names[index] ?? '';
    if (topic.ok) return describe(topic.value, peer);
    return missing(name, NO_UUID, errorOfNamed(topic.fault, name));
  });
}

function* byId(peer: Peer, ids: readonly string[]): Serving<readonly Described[]> {
  const found = yield* peer.topics.byDigits(ids);
  return found.map((topic, index) => {
    if (topic.ok) return describe(topic.value, peer);
    return missing(null, ids[index] ?? NO_UUID, peer.topics.errorOf(topic.fault, { name: '', id: '' }, true));
  });
}

function missing(name: string | null, topicId: string, errorCode: number): Described {
  return { errorCode, name, topicId, isInternal: false, partitions: [] };
}

function describe({ id, name, partitions }: Topic, { broker, topics }: Peer): Described {
  topics.remember(name, id);
  const self = [broker.node];
  return {
    errorCode: errors.NONE,
    name,
    topicId: topics.ids.digitsOf(id),
    isInternal: false,
    partitions: partitions.map((_id, partitionIndex) => ({
      errorCode: errors.NONE,
      partitionIndex,
      leaderId: broker.node,
      leaderEpoch: LEADER_EPOCH,
      replicaNodes: self,
      isrNodes: self,
    })),
  };
}

function withOperations(topic: Described): Described {
  return topic.errorCode === errors.NONE ? { ...topic, topicAuthorizedOperations: TOPIC_OPERATIONS } : topic;
}
