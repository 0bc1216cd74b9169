/** What tests of transactions ask by hand again and again: an id opened, a write, a join, an end, and what readers see. */
import { crc32c } from '@node-rs/crc32';
import { batchesIn, readBaseOffset, TRANSACTIONAL_FLAG } from '../../../src/model/batch.ts';
import { writeInt16, writeInt32 } from '../../../src/model/bytes.ts';
import { addPartitionsToTxn } from '../../../src/protocols/kafka/calls/add-partitions-to-txn.ts';
import { endTxn } from '../../../src/protocols/kafka/calls/end-txn.ts';
import { fetch } from '../../../src/protocols/kafka/calls/fetch.ts';
import { initProducerId } from '../../../src/protocols/kafka/calls/init-producer-id.ts';
import { produce } from '../../../src/protocols/kafka/calls/produce.ts';
import { errors } from '../../../src/protocols/kafka/faults.ts';
import { batch, fetching, produced } from './asking.ts';
import type { Wire } from './wire.ts';

let ids = 0;
export const newId = (): string => `tx ${++ids}`;

export interface Writer {
  readonly id: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}
export async function open(by: Wire, id = newId(), version = 5): Promise<Writer> {
  const asked = { transactionalId: id, transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1 };
  const { errorCode, producerId = -1, producerEpoch = -1 } = (await by.ask(initProducerId, version, asked)) ?? {};
  if (errorCode !== errors.NONE) throw new Error(`not opened: ${errorCode}`);
  return { id, producerId, producerEpoch };
}

export function records(
  { producerId, producerEpoch }: Writer,
  sequence: number,
  values: readonly string[],
): Uint8Array {
  const producer = { producerId, producerEpoch, baseSequence: sequence } as never;
  const bytes = batch({ values, producer });
  writeInt16(bytes, 21, TRANSACTIONAL_FLAG);
  writeInt32(bytes, 17, crc32c(bytes.subarray(21)));
  return bytes;
}

/** Appends to partition 0 as part of a transaction; the error code. */
export async function write(
  by: Wire,
  topic: string,
  who: Writer,
  sequence: number,
  values: readonly string[],
  version = 12,
) {
  const request = { ...produced(topic, records(who, sequence, values)), transactionalId: who.id };
  const answer = await by.ask(produce, version, request);
  return answer?.responses[0]?.partitionResponses[0]?.errorCode;
}

export async function join(by: Wire, topic: string, who: Writer, version = 3, partitions = [0], verifyOnly = false) {
  const { id: transactionalId, producerId, producerEpoch } = who;
  const topics = [{ name: topic, partitions }];
  const answer = await by.ask(addPartitionsToTxn, version, {
    v3AndBelowTransactionalId: transactionalId,
    v3AndBelowProducerId: producerId,
    v3AndBelowProducerEpoch: producerEpoch,
    v3AndBelowTopics: version < 4 ? topics : [],
    transactions: version < 4 ? [] : [{ transactionalId, producerId, producerEpoch, verifyOnly, topics }],
  });
  const results = version < 4 ? answer?.resultsByTopicV3AndBelow : answer?.resultsByTransaction[0]?.topicResults;
  return results?.[0]?.resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode);
}

export async function finish(by: Wire, { id, producerId, producerEpoch }: Writer, committed: boolean, version = 5) {
  return by.ask(endTxn, version, { transactionalId: id, producerId, producerEpoch, committed });
}

/** What a reader of partition 0 is given: base offsets of batches, and what it is told of transactions. */
export async function read(by: Wire, topic: string, isolationLevel: number, fetchOffset = 0) {
  const request = { ...fetching(topic, [{ partition: 0, fetchOffset }]), isolationLevel };
  const part = (await by.ask(fetch, 12, request))?.responses[0]?.partitions[0];
  return {
    offsets: [...batchesIn(part?.records ?? new Uint8Array(0))].map((one) => Number(readBaseOffset(one))),
    stable: part?.lastStableOffset,
    end: part?.highWatermark,
    aborted: part?.abortedTransactions?.map(({ producerId, firstOffset }) => [producerId, firstOffset]) ?? null,
  };
}
