/** A reset of committed offsets: which partition is asked what, and what comes out of their answers. Asks nothing itself. */
import type { Group } from '../../src/group/group.ts';
import { placeKey } from '../../src/group/places.ts';
import type { CommittedEntry, GroupRecord } from '../../src/group/record.ts';
import { type Fault, failed, fault, ok, type Result } from '../../src/model/faults.ts';
import { id, type Offset } from '../../src/model/ids.ts';
import type { ResetGroupReply, ResetGroupRequest } from '../../src/protocols/request.ts';
import type { PartitionRequest } from '../partition/contract.ts';
import type { Answers, Question } from './survey.ts';
import type { GroupTopics } from './topics.ts';

type Place = ResetGroupRequest['places'][number];

export interface ResetDecision {
  /** Null when no offset could be told. */
  readonly record: GroupRecord | null;
  readonly parts: ResetGroupReply['parts'];
}

export interface GroupReset {
  readonly questions: readonly Question[];
  decide(group: Group, answers: Answers, at: number): ResetDecision;
}

export function planReset(places: readonly Place[], topics: GroupTopics): GroupReset {
  const questions: Question[] = [];
  // Bound now: topics may come and go until the answers are there.
  const targets = places.map(({ topic, partition, to }) => {
    const partitionId = topics.partition(topic, partition);
    if (partitionId === undefined) return unknownPlace(topic, topics);
    return ok(questions.push({ partition: partitionId, ask: (request) => questionFor(to, request) }) - 1);
  });
  const decide = (group: Group, answers: Answers, at: number): ResetDecision => {
    const offsets: CommittedEntry[] = [];
    const parts = places.map(({ topic, partition, to }, index) => {
      const asked = targets[index];
      const target = asked?.ok === true ? offsetOf(to, answers[asked.value] ?? null) : asked;
      if (target?.ok !== true) return { topic, partition, fault: target?.fault ?? unknownPlace(topic, topics).fault };
      offsets.push([topic, partition, target.value, '', -1, at]);
      const from = group.offsets.get(placeKey(topic, partition))?.offset ?? -1;
      return { topic, partition, from, to: target.value };
    });
    return { parts, record: offsets.length === 0 ? null : { group: group.name, type: 'offsets', offsets } };
  };
  return { questions, decide };
}

function questionFor(to: Place['to'], request: number): PartitionRequest {
  if (typeof to === 'string') return { type: 'find', request, at: to };
  if ('timestamp' in to) return { type: 'find', request, at: to.timestamp };
  // Any offset may be asked for; the answer says where the partition begins and ends.
  return { type: 'measure', request, offset: id(0) };
}

function offsetOf(to: Place['to'], answer: Answers[number]): Result<Offset> {
  if (answer === null) return failed('TIMED_OUT', 'the partition did not answer in time');
  if (answer.type === 'refused') return { ok: false, fault: answer.fault };
  if (answer.type === 'found') return ok(answer.offset);
  if (answer.type !== 'measured' || typeof to === 'string' || !('offset' in to))
    return failed('INTERNAL', `the partition answered ${answer.type}`);
  if (to.offset >= answer.begin && to.offset <= answer.end) return ok(to.offset);
  return failed('OFFSET_OUT_OF_RANGE', `${to.offset} is outside of ${answer.begin} to ${answer.end}`);
}

function unknownPlace(topic: Place['topic'], topics: GroupTopics): { readonly ok: false; readonly fault: Fault } {
  const known = topics.byId(topic);
  if (known === undefined) return { ok: false, fault: fault('UNKNOWN_TOPIC', `topic ${topic} does not exist`) };
  return failed('UNKNOWN_PARTITION', `topic ${known.name} has ${known.partitions} partitions`);
}
