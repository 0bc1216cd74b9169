/** WriteTxnMarkers: ends what producers have open in partitions; the node writes its own markers, admins end hanging ones. */

import { ask } from '../asking.ts';
import { writeTxnMarkers } from '../calls/write-txn-markers.ts';
import { service } from '../service.ts';
import { namePlaces } from '../transactional.ts';

export const serveWriteTxnMarkers = service(writeTxnMarkers, function* (request, peer) {
  const markers = [];
  for (const {
    producerId: producer,
    producerEpoch: epoch,
    transactionResult: commit,
    topics,
    coordinatorEpoch,
  } of request.markers) {
    const inTopics = topics.map(({ name, partitionIndexes: partitions }) => ({ name, partitions }));
    const { named, answers } = yield* namePlaces(inTopics, peer);
    const { places } = named;
    if (places.length > 0) {
      const asked = { call: 'markTransaction', producer, epoch, commit, coordinatorEpoch, places } as const;
      const marked = yield* ask<'markTransaction'>(asked);
      named.settle((index) => {
        const code = marked.ok ? marked.value.parts[index]?.fault : marked.fault;
        return code === undefined ? null : { code };
      }, false);
    }
    markers.push({
      producerId: producer,
      topics: answers.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partition, errorCode }) => ({ partitionIndex: partition, errorCode })),
      })),
    });
  }
  return { markers };
});
