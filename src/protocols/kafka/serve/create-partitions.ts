/** CreatePartitions: more partitions for topics. A topic that a request names twice is refused, and answered once. */
import type { Fault, Result } from '../../../model/faults.ts';
import { PARTITIONS_PER_TOPIC_MAX } from '../../../model/limits.ts';
import type { Topic } from '../../../model/topic.ts';
import { resultOf } from '../asking.ts';
import {
  type CreatePartitionsRequest,
  type CreatePartitionsResponse,
  createPartitions,
} from '../calls/create-partitions.ts';
import { errorOf, errors } from '../faults.ts';
import { lookUp } from '../look-up.ts';
import { type Peer, service } from '../service.ts';
import { firsts, namedTwice } from '../twice.ts';

type Asked = CreatePartitionsRequest['topics'][number];
type Answer = CreatePartitionsResponse['results'][number];

export const serveCreatePartitions = service(createPartitions, function* (request, peer) {
  const { validateOnly } = request;
  const twice = namedTwice(request.topics.map(({ name }) => name));
  const topics = firsts(request.topics, ({ name }) => name);
  const found = yield* lookUp(
    topics.map(({ name }) => name),
    false,
  );
  const results = topics.map((asked, index) =>
    twice.has(asked.name)
      ? refused(asked.name, errors.INVALID_REQUEST, 'the request names this topic twice')
      : judge(asked, found[index], peer),
  );
  const sound = topics.filter((_asked, index) => results[index]?.errorCode === errors.NONE);
  if (sound.length === 0) return { results };
  const replies = yield sound.map(({ name, count }) => ({
    ...{ call: 'alterTopic' as const, name, partitions: count, settings: {} },
    validateOnly,
  }));
  let next = 0;
  return {
    results: results.map((result) => {
      if (result.errorCode !== errors.NONE) return result;
      const altered = resultOf<'alterTopic'>('alterTopic', replies[next++]);
      return altered.ok ? result : ofFault(result.name, altered.fault);
    }),
  };
});

function judge({ name, count, assignments }: Asked, topic: Result<Topic> | undefined, { broker }: Peer): Answer {
  if (topic?.ok !== true)
    return topic === undefined ? refused(name, errors.UNKNOWN_SERVER_ERROR, null) : ofFault(name, topic.fault);
  const had = topic.value.partitions.length;
  if (count <= had || count > PARTITIONS_PER_TOPIC_MAX)
    return refused(
      name,
      errors.INVALID_PARTITIONS,
      `${name} has ${had} partitions, and may have ${PARTITIONS_PER_TOPIC_MAX}`,
    );
  const here = assignments?.every(({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === broker.node) ?? true;
  if (!here || (assignments !== null && assignments.length !== count - had))
    return refused(name, errors.INVALID_REPLICA_ASSIGNMENT, `each new partition is on node ${broker.node} alone`);
  return { name, errorCode: errors.NONE };
}

function refused(name: string, errorCode: number, errorMessage: string | null): Answer {
  return { name, errorCode, errorMessage };
}

function ofFault(name: string, { code, message }: Fault): Answer {
  return refused(name, errorOf(code), message);
}
