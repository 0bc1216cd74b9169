/**
 * The offsets of a commit as Kafka's clients name them, within a transaction and without: which of them go to the group,
 * and what the others are answered. Decides nothing about the group.
 */
import type { Fault } from '../../model/faults.ts';
import type { Offset, PartitionIndex, TopicId } from '../../model/ids.ts';
import type { CommitOffsetsRequest } from '../classic.ts';
import type { Serving } from './asking.ts';
import { coordinatorErrorOf, errors } from './faults.ts';
import type { Peer } from './service.ts';

interface Asked {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly committedMetadata: string | null;
}
interface Topic {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly Asked[];
}
interface Answer {
  readonly partitionIndex: number;
  errorCode: number;
}
type GroupOffset = CommitOffsetsRequest['offsets'][number];

/** What came of the commit: of each offset in the order of {@link NamedOffsets.offsets}, or of all. */
type Outcome =
  | { readonly ok: true; readonly value: { readonly parts: readonly { readonly fault?: Fault }[] } }
  | { readonly ok: false; readonly fault: Fault };

export interface NamedOffsets {
  /** Those whose topic is known. */
  readonly offsets: readonly GroupOffset[];
  /** The answer. Those of {@link offsets} stand there as done until {@link settle} says otherwise. */
  readonly topics: readonly {
    readonly name: string;
    readonly topicId: string;
    readonly partitions: readonly Answer[];
  }[];
  /** @param codeOf the error of a fault that is not about a topic. */
  settle(outcome: Outcome, codeOf: (why: Fault) => number): void;
}

export function* nameOffsets(asked: readonly Topic[], peer: Peer, byId: boolean): Serving<NamedOffsets> {
  const wanted = asked.map(({ name, topicId }) => ({ name, id: topicId }));
  const found = yield* peer.topics.locate(wanted, byId);
  const offsets: GroupOffset[] = [];
  const open: { readonly answer: Answer; readonly topic: (typeof wanted)[number] }[] = [];
  const topics = asked.map(({ name, topicId, partitions }, index) => {
    const topic = { name, id: topicId };
    const known = found[index];
    const answers = partitions.map((one): Answer => {
      const answer = { partitionIndex: one.partitionIndex, errorCode: errors.NONE as number };
      if (known?.ok !== true) answer.errorCode = known === undefined ? -1 : unnamed(known.fault, topic, peer, byId);
      else if (one.partitionIndex < 0) answer.errorCode = errors.UNKNOWN_TOPIC_OR_PARTITION;
      else if (one.committedOffset < 0) answer.errorCode = errors.INVALID_REQUEST;
      else {
        open.push({ answer, topic });
        offsets.push(offsetOf(known.value, one));
      }
      return answer;
    });
    return { name, topicId, partitions: answers };
  });
  const settle: NamedOffsets['settle'] = (outcome, codeOf) => {
    open.forEach(({ answer, topic }, index) => {
      const why = outcome.ok ? outcome.value.parts[index]?.fault : outcome.fault;
      if (why === undefined) return;
      answer.errorCode = why.code === 'UNKNOWN_TOPIC' ? peer.topics.errorOf(why, topic, byId) : codeOf(why);
    });
  };
  return { offsets, topics, settle };
}

/** Clients come again after the errors of a coordinator; one that a partition would give ends them. */
function unnamed(why: Fault, topic: { readonly name: string; readonly id: string }, peer: Peer, byId: boolean): number {
  return why.retryable ? coordinatorErrorOf(why.code) : peer.topics.errorOf(why, topic, byId);
}

function offsetOf(topic: TopicId, asked: Asked): GroupOffset {
  return {
    topic,
    partition: asked.partitionIndex as PartitionIndex,
    offset: asked.committedOffset as Offset,
    leaderEpoch: asked.committedLeaderEpoch,
    metadata: asked.committedMetadata ?? '',
  };
}
