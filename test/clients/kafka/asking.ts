/** What tests by hand ask again and again: a batch stored, a topic made, a fetch of one topic. */
import { crc32c } from '@node-rs/crc32';
import type { BatchProducer } from '../../../src/model/batch.ts';
import { BatchBuilder } from '../../../src/model/batch-builder.ts';
import { createTopics } from '../../../src/protocols/kafka/calls/create-topics.ts';
import { fetch } from '../../../src/protocols/kafka/calls/fetch.ts';
import { produce } from '../../../src/protocols/kafka/calls/produce.ts';
import { NO_UUID } from '../../../src/protocols/kafka/reading.ts';
import type { Wire } from './wire.ts';

interface Batch {
  readonly values?: readonly string[];
  readonly time?: number;
  readonly producer?: BatchProducer;
}
export function batch({ values = ['value'], time = Date.now(), producer }: Batch = {}): Uint8Array {
  const builder = new BatchBuilder();
  for (const value of values) builder.add(time, null, value);
  return builder.finish(crc32c, producer === undefined ? {} : { producer });
}

export const produced = (name: string, records: Uint8Array | null, index = 0, acks = -1) => ({
  transactionalId: null,
  acks,
  timeoutMs: 60_000,
  topicData: [{ name, topicId: NO_UUID, partitionData: [{ index, records }] }],
});

/** Appends to partition 0 and answers what came of it. */
export async function append(to: Wire, name: string, records: Uint8Array | null, version = 9) {
  const answer = await to.ask(produce, version, produced(name, records));
  return answer?.responses[0]?.partitionResponses[0];
}

let topics = 0;
export const newName = (): string => `topic-${++topics}`;
export async function newTopic(by: Wire, numPartitions = 1, name = newName()): Promise<string> {
  const asked = { name, numPartitions, replicationFactor: -1, assignments: [], configs: [] };
  const made = await by.ask(createTopics, 7, { topics: [asked], timeoutMs: 60_000, validateOnly: false });
  if (made?.topics[0]?.errorCode !== 0) throw new Error(`${name} was not made`);
  return name;
}

interface Position {
  readonly partition: number;
  readonly fetchOffset: number;
  readonly partitionMaxBytes?: number;
}
export const asked = (topic: string, positions: readonly Position[]) => ({
  topic,
  topicId: NO_UUID,
  partitions: positions.map(({ partition, fetchOffset, partitionMaxBytes = 1_000_000 }) => ({
    partition,
    fetchOffset,
    partitionMaxBytes,
  })),
});
interface Fetching {
  readonly sessionId?: number;
  readonly sessionEpoch?: number;
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  readonly forget?: readonly number[];
}
export const fetching = (topic: string, positions: readonly Position[], how: Fetching = {}) => ({
  maxWaitMs: how.maxWaitMs ?? 0,
  minBytes: how.minBytes ?? 1,
  maxBytes: how.maxBytes ?? 10_000_000,
  isolationLevel: 0,
  sessionId: how.sessionId ?? 0,
  sessionEpoch: how.sessionEpoch ?? -1,
  topics: positions.length === 0 ? [] : [asked(topic, positions)],
  forgottenTopicsData: how.forget === undefined ? [] : [{ topic, topicId: NO_UUID, partitions: how.forget }],
});
/** Of version 12, the last that names topics. */
export async function fetched(by: Wire, ...request: Parameters<typeof fetching>) {
  const answer = await by.ask(fetch, 12, fetching(...request));
  const parts = (answer?.responses ?? []).flatMap(({ partitions }) => partitions);
  return { errorCode: answer?.errorCode, sessionId: answer?.sessionId ?? -1, parts };
}
export const told = (parts: readonly { readonly partitionIndex: number; readonly records: Uint8Array | null }[]) =>
  parts.map(({ partitionIndex, records }) => [partitionIndex, records?.length ?? -1]);
