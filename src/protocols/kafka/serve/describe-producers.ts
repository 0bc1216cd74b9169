/** DescribeProducers: the producers that partitions remember, and since when they have a transaction open there. */

import { ask } from '../asking.ts';
import { describeProducers } from '../calls/describe-producers.ts';
import { errors } from '../faults.ts';
import { service } from '../service.ts';
import { errorOfNamed } from '../topic-names.ts';
import { namePlaces } from '../transactional.ts';

/** There has been one coordinator of every transaction. */
const COORDINATOR_EPOCH = 0;

export const serveDescribeProducers = service(describeProducers, function* ({ topics }, peer) {
  const asked = topics.map(({ name, partitionIndexes: partitions }) => ({ name, partitions }));
  const { named, answers } = yield* namePlaces(asked, peer);
  const { places } = named;
  const described = yield* ask<'describeProducers'>({ call: 'describeProducers', places });
  named.settle((index) => {
    const part = described.ok ? described.value.parts[index] : { fault: described.fault };
    return part !== undefined && 'fault' in part ? { code: part.fault } : null;
  }, true);
  const answerOf = ({ partition: partitionIndex, errorCode, at }: (typeof answers)[number]['partitions'][number]) => {
    const part = described.ok ? described.value.parts[at] : undefined;
    const producers = part !== undefined && 'producers' in part ? part.producers : [];
    const activeProducers = producers.map(({ producer, epoch, lastSequence, lastTimestamp, openSince }) => ({
      producerId: producer,
      producerEpoch: epoch,
      lastSequence,
      lastTimestamp,
      coordinatorEpoch: openSince < 0 ? -1 : COORDINATOR_EPOCH,
      currentTxnStartOffset: openSince,
    }));
    return { partitionIndex, errorCode, activeProducers };
  };
  return {
    topics: answers.map(({ name, partitions }) => {
      const told = partitions.map(answerOf);
      const missing = errorOfNamed({ code: 'UNKNOWN_TOPIC' }, name);
      const isName = missing === errors.UNKNOWN_TOPIC_OR_PARTITION;
      return { name, partitions: isName ? told : told.map((one) => ({ ...one, errorCode: missing })) };
    }),
  };
});
