/** Fetch: record batches as they are stored, from the partitions that the connection follows. Copies no batch. */
import type { Fault } from '../../../model/faults.ts';
import type { Offset } from '../../../model/ids.ts';
import { FETCH_BYTES_MAX, WAIT_MS_MAX } from '../../../model/limits.ts';
import type { FetchReply } from '../../request.ts';
import { ask, resultOf, type Serving } from '../asking.ts';
import { type FetchRequest, type FetchResponse, fetch } from '../calls/fetch.ts';
import { type ErrorCode, errorOf, errors } from '../faults.ts';
import type { Follower, Wanted } from '../follower.ts';
import { type Peer, service } from '../service.ts';
import { LEADER_EPOCH } from '../standing.ts';

type Answer = FetchResponse['responses'][number]['partitions'][number];
type Part = FetchReply['parts'][number];
type Given = Answer & {
  readonly records: Uint8Array[];
  abort(producerId: number, firstOffset: number): void;
};

const FIRST_BY_ID = 13;
const ERROR_SINCE = 7;
const READ_COMMITTED = 1;

export const serveFetch = service(fetch, function* (request, peer, version) {
  const { follower } = peer;
  const refuse = (code: ErrorCode): FetchResponse => refuseAll(code, request, version);
  const byId = version >= FIRST_BY_ID;
  // Only another broker may say that it is a replica, and there is none.
  if (request.replicaId >= 0 || request.replicaState.replicaId >= 0) return refuse(errors.CLUSTER_AUTHORIZATION_FAILED);
  const taken = follower.take(request, byId);
  if (taken !== 'whole' && taken !== 'changes') return refuse(taken);
  const whole = taken === 'whole';
  const refused = yield* prepare(peer, byId);
  const limits = limitsOf(request, refused.size > 0);
  const [reply] = yield [
    follower.request({ ...limits, uncommitted: request.isolationLevel !== READ_COMMITTED }, whole),
  ];
  const fetched = resultOf<'fetch'>('fetch', reply);
  if (!fetched.ok) {
    const close = follower.lost();
    if (close !== undefined) yield [close];
    return refuse(errorOf(fetched.fault.code));
  }
  if (fetched.value.throttleMs !== undefined) return throttled(fetched.value, follower, whole);
  const answers = new Answers(peer, byId, request.isolationLevel === READ_COMMITTED);
  for (const [one, error] of refused) answers.refuse(one, error);
  const ends = yield* divergingEnds(follower, fetched.value.parts);
  for (const part of fetched.value.parts) answers.give(part, ends);
  if (whole) for (const one of follower.wanted) answers.mention(one);
  follower.answered(fetched.value);
  return { errorCode: errors.NONE, sessionId: follower.session, responses: answers.responses };
});

/** Who is ahead of its quota is given nothing, and no session is opened for it (KIP-219): it asks again the same way. */
function throttled(reply: FetchReply, follower: Follower, whole: boolean): FetchResponse {
  follower.answered(reply);
  const sessionId = whole ? 0 : follower.session;
  return { throttleTimeMs: reply.throttleMs ?? 0, errorCode: errors.NONE, sessionId, responses: [] };
}

/**
 * Where the log ends for those who say of which epoch their last record was, and are beyond the end: another log had that
 * record, and they are told where theirs goes another way (KIP-595). There is one epoch.
 */
function* divergingEnds(follower: Follower, parts: readonly Part[]): Serving<ReadonlyMap<Wanted, Offset>> {
  const ends = new Map<Wanted, Offset>();
  const beyond = parts.filter(
    (part) => part.fault?.code === 'OFFSET_OUT_OF_RANGE' && follower.at(part)?.lastFetchedEpoch === LEADER_EPOCH,
  );
  if (beyond.length === 0) return ends;
  const asked = beyond.map(({ topic, partition }) => ({ topic, partition, at: 'end' as const }));
  const found = yield* ask<'offsets'>({ call: 'offsets', parts: asked, uncommitted: true });
  if (!found.ok) return ends;
  for (const part of found.value.parts) {
    const one = follower.at(part);
    if (one !== undefined && !('fault' in part) && one.offset > part.offset) ends.set(one, part.offset);
  }
  return ends;
}

/** Before there was an error for the whole, each partition has it: none at all would look like nothing new. */
function refuseAll(errorCode: ErrorCode, { topics }: FetchRequest, version: number): FetchResponse {
  if (version >= ERROR_SINCE) return { errorCode, sessionId: 0, responses: [] };
  const nothing = { errorCode, highWatermark: -1, abortedTransactions: null, records: null };
  const responses = topics.map(({ topic, topicId, partitions }) => ({
    ...{ topic, topicId },
    partitions: partitions.map(({ partition }) => ({ partitionIndex: partition, ...nothing })),
  }));
  return { responses };
}

/** What can't wait waits for nothing. */
function limitsOf({ maxWaitMs, minBytes, maxBytes }: FetchRequest, atOnce: boolean) {
  return {
    waitMs: atOnce ? 0 : Math.min(Math.max(maxWaitMs, 0), WAIT_MS_MAX),
    bytesMin: Math.min(Math.max(minBytes, 0), FETCH_BYTES_MAX),
    bytesMax: Math.min(Math.max(maxBytes, 1), FETCH_BYTES_MAX),
  };
}

/** Finds topics, and takes out what the node can't follow. */
function* prepare({ follower, topics }: Peer, byId: boolean): Serving<ReadonlyMap<Wanted, ErrorCode>> {
  const refused = new Map<Wanted, ErrorCode>();
  const unfound = follower.unfound();
  const found = yield* topics.locate(
    unfound.map(({ topic }) => topic),
    byId,
  );
  unfound.forEach((one, index) => {
    const topic = found[index];
    if (topic?.ok === true) one.number = topic.value;
    else if (topic !== undefined) refused.set(one, topics.errorOf(topic.fault, one.topic, byId));
  });
  for (const one of follower.unsettled) {
    const wrong = judge(one);
    if (wrong !== null && !refused.has(one)) refused.set(one, wrong);
  }
  for (const one of refused.keys()) follower.refuse(one);
  return refused;
}

function judge({ offset, partition, leaderEpoch, lastFetchedEpoch }: Wanted): ErrorCode | null {
  if (partition < 0) return errors.UNKNOWN_TOPIC_OR_PARTITION;
  if (leaderEpoch > LEADER_EPOCH) return errors.UNKNOWN_LEADER_EPOCH;
  // Records of a later epoch were never here.
  if (lastFetchedEpoch > LEADER_EPOCH) return errors.OFFSET_OUT_OF_RANGE;
  return offset < 0 ? errors.OFFSET_OUT_OF_RANGE : null;
}

/** The answers of a fetch, one for each partition, in the order in which they came up. */
class Answers {
  readonly responses: { topic: string; topicId: string; partitions: Answer[] }[] = [];
  readonly #byTopic = new Map<string, Answer[]>();
  readonly #given = new Map<Wanted, Given>();
  readonly #follower: Follower;
  readonly #peer: Peer;
  readonly #byId: boolean;
  readonly #committed: boolean;

  constructor(peer: Peer, byId: boolean, committed: boolean) {
    this.#peer = peer;
    this.#follower = peer.follower;
    this.#byId = byId;
    this.#committed = committed;
  }

  refuse(one: Wanted, errorCode: number): void {
    this.#add(one, { errorCode, highWatermark: -1, logStartOffset: -1 });
  }

  /** @param ends of logs that go another way. */
  give(part: Part, ends: ReadonlyMap<Wanted, Offset>): void {
    const one = this.#follower.at(part);
    if (one === undefined) return;
    const endOffset = ends.get(one);
    if (endOffset !== undefined) this.#diverge(one, endOffset);
    else if (part.fault !== undefined) this.#fail(one, part.fault);
    else {
      const answer = this.#given.get(one) ?? this.#begin(one, part);
      if (part.bytes.length > 0) answer.records.push(part.bytes);
      for (const [producerId, firstOffset] of part.aborted ?? []) answer.abort(producerId, firstOffset);
    }
  }

  /** Nothing is known of it beyond that it is followed. */
  mention(one: Wanted): void {
    if (!this.#given.has(one)) this.#add(one, { errorCode: errors.NONE, highWatermark: -1, logStartOffset: -1 });
  }

  #fail(one: Wanted, why: Fault): void {
    if (this.#given.has(one)) return;
    this.refuse(one, this.#peer.topics.errorOf(why, one.topic, this.#byId));
  }

  #diverge(one: Wanted, endOffset: Offset): void {
    const divergingEpoch = { epoch: LEADER_EPOCH, endOffset };
    this.#add(one, { errorCode: errors.NONE, highWatermark: endOffset, logStartOffset: -1, divergingEpoch });
  }

  #begin(one: Wanted, { begin, end, stable = end }: Part) {
    const told = { errorCode: errors.NONE, highWatermark: end, logStartOffset: begin };
    return this.#add(one, told, stable);
  }

  #add(
    one: Wanted,
    told: Pick<Answer, 'errorCode' | 'highWatermark' | 'divergingEpoch'> & { readonly logStartOffset: number },
    lastStableOffset = told.highWatermark,
  ) {
    const aborted: { readonly producerId: number; readonly firstOffset: number }[] = [];
    const answer = {
      partitionIndex: one.partition,
      ...told,
      lastStableOffset,
      abortedTransactions: this.#committed ? aborted : null,
      records: [] as Uint8Array[],
      // The same one may reach over several pieces.
      abort(producerId: number, firstOffset: number): void {
        const isKnown = aborted.some((other) => other.producerId === producerId && other.firstOffset === firstOffset);
        if (!isKnown) aborted.push({ producerId, firstOffset });
      },
    };
    this.#given.set(one, answer);
    this.#partitionsOf(one).push(answer);
    return answer;
  }

  #partitionsOf({ topic: { name, id: topicId } }: Wanted): Answer[] {
    const key = `${name}/${topicId}`;
    const known = this.#byTopic.get(key);
    if (known !== undefined) return known;
    const partitions: Answer[] = [];
    this.#byTopic.set(key, partitions);
    this.responses.push({ topic: name, topicId, partitions });
    return partitions;
  }
}
