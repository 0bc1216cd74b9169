/** What the calls about transactions share: error codes by version, and their requests' topics as the node's places. */
import type { Fault, Result } from '../../model/faults.ts';
import type { PartitionIndex, TopicId } from '../../model/ids.ts';
import type { Place } from '../place.ts';
import type { Serving } from './asking.ts';
import { coordinatorErrorOf, type ErrorCode, errors } from './faults.ts';
import type { Peer } from './service.ts';
import type { Named } from './topic-names.ts';

/** @param knowsFenced clients of older versions know only that their epoch is wrong (KIP-588). */
export function transactionError({ code }: Fault, knowsFenced: boolean): ErrorCode {
  return code === 'PRODUCER_FENCED' && !knowsFenced ? errors.INVALID_PRODUCER_EPOCH : coordinatorErrorOf(code);
}

/** Partitions that a request names: those that are found are asked about, the others have their error. */
export class NamedPlaces {
  readonly places: Place[] = [];
  readonly #open: { readonly topic: Named; readonly answer: { errorCode: number } }[] = [];
  readonly #peer: Peer;

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  /** Answers of one topic's partitions, in their order; what is wrong already stands in them. `at`: index of the place. */
  add(name: string, found: Result<TopicId> | undefined, partitions: readonly number[]) {
    const topic = { name, id: '' };
    return partitions.map((partition) => {
      const answer = { partition, errorCode: errors.NONE as number, at: -1 };
      if (found?.ok !== true) answer.errorCode = this.#errorOf(found?.fault, topic);
      else if (partition < 0) answer.errorCode = errors.UNKNOWN_TOPIC_OR_PARTITION;
      else {
        answer.at = this.places.length;
        this.places.push({ topic: found.value, partition: partition as PartitionIndex });
        this.#open.push({ topic, answer });
      }
      return answer;
    });
  }

  /** Puts the outcome of each place, in the order of {@link places}, where its answer is. */
  settle(outcome: (index: number) => { readonly code: Fault } | null, knowsFenced: boolean): void {
    this.#open.forEach(({ topic, answer }, index) => {
      const why = outcome(index)?.code;
      if (why === undefined) return;
      const ofTopic = why.code === 'UNKNOWN_TOPIC' || why.code === 'UNKNOWN_PARTITION';
      answer.errorCode = ofTopic ? this.#errorOf(why, topic) : transactionError(why, knowsFenced);
    });
  }

  #errorOf(why: Fault | undefined, topic: Named): number {
    return why === undefined ? errors.UNKNOWN_SERVER_ERROR : this.#peer.topics.errorOf(why, topic, false);
  }
}

type PlaceAnswer = ReturnType<NamedPlaces['add']>[number];

/** Finds the partitions of a request by their names: an answer for each, in their order. */
export function* namePlaces(
  topics: readonly { readonly name: string; readonly partitions: readonly number[] }[],
  peer: Peer,
): Serving<{ readonly named: NamedPlaces; readonly answers: { name: string; partitions: PlaceAnswer[] }[] }> {
  const found = yield* peer.topics.locate(
    topics.map(({ name }) => ({ name, id: '' })),
    false,
  );
  const named = new NamedPlaces(peer);
  const answers = topics.map(({ name, partitions }, index) => ({
    name,
    partitions: named.add(name, found[index], partitions),
  }));
  return { named, answers };
}
