/**
 * ListOffsets: where partitions begin and end, and where a time is. A partition that a request names twice is refused and
 * answered once, since clients look answers up by their partition.
 */
import type { Fault } from '../../../model/faults.ts';
import type { PartitionIndex, Timestamp } from '../../../model/ids.ts';
import type { OffsetsReply, OffsetsRequest } from '../../request.ts';
import { ask, type Serving } from '../asking.ts';
import { type ListOffsetsRequest, type ListOffsetsResponse, listOffsets } from '../calls/list-offsets.ts';
import { type ErrorCode, errors } from '../faults.ts';
import { type Peer, service } from '../service.ts';
import { LEADER_EPOCH } from '../standing.ts';
import { firsts, namedTwice } from '../twice.ts';

const READ_COMMITTED = 1;

type Answer = ListOffsetsResponse['topics'][number]['partitions'][number];
type Asked = ListOffsetsRequest['topics'][number]['partitions'][number];

const NEWEST = -3;

type At = Part['at'] | 'tiered';

/** What stands for times that are none. `tiered`: of records that were moved away, and there are none. */
const specials: Readonly<Record<number, { readonly at: At; readonly since: number }>> = {
  [-1]: { at: 'end', since: 0 },
  [-2]: { at: 'begin', since: 0 },
  [NEWEST]: { at: 'newest', since: 7 },
  // Nothing is moved away: what is here begins where everything begins.
  [-4]: { at: 'begin', since: 8 },
  [-5]: { at: 'tiered', since: 9 },
  // The first that is still to be moved.
  [-6]: { at: 'tiered', since: 11 },
};

export const serveListOffsets = service(listOffsets, function* (request, peer, version) {
  const named = request.topics.map(({ name }) => ({ name, id: '' }));
  const found = yield* peer.topics.locate(named, false);
  const lookUps = new LookUps(peer, request.isolationLevel !== READ_COMMITTED);
  const asked = request.topics.flatMap(({ name, partitions }, index) =>
    partitions.map((one) => ({ name, topic: found[index], one, key: `${name}/${one.partitionIndex}` })),
  );
  const twice = namedTwice(asked.map(({ key }) => key));
  const answers = new Map<string, Answer[]>(request.topics.map(({ name }) => [name, []]));
  for (const { name, topic, one, key } of firsts(asked, (each) => each.key)) {
    const partitions = answers.get(name) ?? [];
    if (twice.has(key)) partitions.push(failure(one, errors.INVALID_REQUEST));
    else if (topic?.ok === true) lookUps.add(name, topic.value, one, version, partitions);
    else if (topic === undefined) partitions.push(failure(one, errors.UNKNOWN_SERVER_ERROR));
    else partitions.push(failure(one, peer.topics.errorOf(topic.fault, { name, id: '' }, false)));
  }
  yield* lookUps.run();
  return { topics: [...answers].map(([name, partitions]) => ({ name, partitions })) };
});

type Part = OffsetsRequest['parts'][number];

/** Questions to partitions, and where their answers go. */
class LookUps {
  readonly #peer: Peer;
  readonly #uncommitted: boolean;
  readonly #parts: Part[] = [];
  readonly #open: { readonly name: string; readonly asked: Asked; readonly answers: Answer[]; readonly at: number }[] =
    [];

  constructor(peer: Peer, uncommitted: boolean) {
    this.#peer = peer;
    this.#uncommitted = uncommitted;
  }

  add(name: string, topic: Part['topic'], asked: Asked, version: number, answers: Answer[]): void {
    const at = atOf(asked.timestamp, version);
    const wrong = judge(asked, at);
    if (wrong !== null) answers.push(failure(asked, wrong));
    else if (at === 'tiered') answers.push(nowhere(asked));
    else if (at !== undefined) {
      this.#open.push({ name, asked, answers, at: answers.length });
      answers.push(failure(asked, errors.UNKNOWN_SERVER_ERROR));
      this.#parts.push({ topic, partition: asked.partitionIndex as PartitionIndex, at });
    }
  }

  *run(): Serving<void> {
    if (this.#parts.length === 0) return;
    const found = yield* ask<'offsets'>({ call: 'offsets', parts: this.#parts, uncommitted: this.#uncommitted });
    this.#open.forEach(({ name, asked, answers, at }, index) => {
      const part = found.ok ? found.value.parts[index] : { fault: found.fault };
      if (part !== undefined) answers[at] = this.#answer(name, asked, part);
    });
  }

  #answer(name: string, asked: Asked, part: OffsetsReply['parts'][number] | { readonly fault: Fault }): Answer {
    if ('fault' in part) return failure(asked, this.#peer.topics.errorOf(part.fault, { name, id: '' }, false));
    // No record is that young, or there is none at all.
    if ((asked.timestamp >= 0 || asked.timestamp === NEWEST) && part.timestamp < 0) return nowhere(asked);
    const { timestamp, offset } = part;
    return {
      partitionIndex: asked.partitionIndex,
      errorCode: errors.NONE,
      timestamp,
      offset,
      leaderEpoch: LEADER_EPOCH,
    };
  }
}

function atOf(timestamp: number, version: number): At | undefined {
  if (timestamp >= 0) return { timestamp: timestamp as Timestamp };
  const special = specials[timestamp];
  return special !== undefined && version >= special.since ? special.at : undefined;
}

function judge({ partitionIndex, currentLeaderEpoch }: Asked, at: At | undefined): ErrorCode | null {
  if (partitionIndex < 0) return errors.UNKNOWN_TOPIC_OR_PARTITION;
  if (currentLeaderEpoch > LEADER_EPOCH) return errors.UNKNOWN_LEADER_EPOCH;
  return at === undefined ? errors.UNSUPPORTED_VERSION : null;
}

function failure({ partitionIndex }: Asked, errorCode: number): Answer {
  return { partitionIndex, errorCode, timestamp: -1, offset: -1 };
}

function nowhere(asked: Asked): Answer {
  return failure(asked, errors.NONE);
}
