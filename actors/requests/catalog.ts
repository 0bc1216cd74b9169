/** Topics and producer ids: what is asked of the directory and the catalog, and describeTopic, which asks every partition. */
import type { Result } from '../../src/model/faults.ts';
import type { PartitionId, PartitionIndex } from '../../src/model/ids.ts';
import type { Topic } from '../../src/model/topic.ts';
import type {
  AlterTopicRequest,
  CreateTopicRequest,
  DeleteRecordsReply,
  DeleteRecordsRequest,
  DeleteTopicRequest,
  DescribeTopicReply,
  OffsetsReply,
  OffsetsRequest,
  PartitionReport,
  Reply,
  ResolveReply,
  ResolveRequest,
  TopicChange,
} from '../../src/protocols/request.ts';
import { type CatalogAnswer, type CatalogRequest, catalogAddress } from '../catalog/contract.ts';
import type { PartitionAnswer, PartitionRequest } from '../partition/contract.ts';
import type { Numbered } from './asker.ts';
import { ANSWER_MS_MAX, type Desk, type Done, gather, NO_HOLDS, refuse } from './desk.ts';
import { partitionAt } from './topics.ts';

type Changed = Extract<CatalogAnswer, { readonly type: 'changed' }>;
type Producer = Extract<CatalogAnswer, { readonly type: 'producer' }>;
type Found = Extract<PartitionAnswer, { readonly type: 'found' }>;
type Trimmed = Extract<PartitionAnswer, { readonly type: 'trimmed' }>;
type Described = Extract<PartitionAnswer, { readonly type: 'described' }>;

export function resolve(desk: Desk, { names, ids = [], create }: ResolveRequest, done: Done): void {
  const asked = [...names, ...ids];
  const settle = gather<ResolveReply['topics'][number]>(asked.length, (topics) =>
    done({ call: 'resolve', topics }, NO_HOLDS),
  );
  asked.forEach((topic, index) => {
    desk.topics.byName(topic, create, (found) =>
      settle(index, found.ok ? { topic: found.value } : { name: String(topic), fault: found.fault }),
    );
  });
}

export function topics(desk: Desk, done: Done): void {
  desk.topics.list((found) => {
    if (found.ok) done({ call: 'topics', topics: found.value }, NO_HOLDS);
    else refuse(done, found.fault);
  });
}

/** createTopic, alterTopic, deleteTopic. */
export function changeTopic(
  desk: Desk,
  request: CreateTopicRequest | AlterTopicRequest | DeleteTopicRequest,
  done: Done,
): void {
  const call: TopicChange = request.call;
  desk.asker.ask<CatalogRequest, Changed>(
    catalogAddress(desk.node),
    (number) => changeOf(request, number),
    (answer) => {
      // Each member of the union has its own name of the call.
      if (answer.type === 'changed') done({ call, topic: answer.topic } as Reply, NO_HOLDS);
      else refuse(done, answer.fault);
    },
    desk.monotonic() + ANSWER_MS_MAX,
  );
}

function changeOf(
  request: CreateTopicRequest | AlterTopicRequest | DeleteTopicRequest,
  number: number,
): CatalogRequest & Numbered {
  const { call, ...fields } = request;
  switch (request.call) {
    case 'createTopic':
      return { ...(fields as Omit<CreateTopicRequest, 'call'>), type: 'create', request: number, onDemand: false };
    case 'alterTopic':
      return { ...(fields as Omit<AlterTopicRequest, 'call'>), type: 'alter', request: number };
    case 'deleteTopic':
      return { type: 'remove', request: number, name: request.name };
  }
}

export function producer(desk: Desk, done: Done): void {
  desk.asker.ask<CatalogRequest, Producer>(
    catalogAddress(desk.node),
    (request) => ({ type: 'producer', request }),
    (answer) => {
      if (answer.type === 'refused') refuse(done, answer.fault);
      else done({ call: 'producer', producerId: answer.producerId, epoch: answer.epoch }, NO_HOLDS);
    },
    desk.monotonic() + ANSWER_MS_MAX,
  );
}

export function offsets(desk: Desk, { parts, uncommitted = false }: OffsetsRequest, done: Done): void {
  const settle = gather<OffsetsReply['parts'][number]>(parts.length, (found) =>
    done({ call: 'offsets', parts: found }, NO_HOLDS),
  );
  parts.forEach(({ topic, partition, at }, index) => {
    desk.topics.lookUp(topic, (known) => {
      const where = known.ok ? partitionAt(known.value, { topic, partition }) : known;
      if (!where.ok) {
        settle(index, { topic, partition, fault: where.fault });
        return;
      }
      desk.asker.ask<PartitionRequest, Found>(
        desk.topics.addressOf(where.value),
        (request) => ({ type: 'find', request, at: typeof at === 'string' ? at : at.timestamp, uncommitted }),
        (answer) => {
          if (answer.type === 'refused') settle(index, { topic, partition, fault: answer.fault });
          else settle(index, { topic, partition, offset: answer.offset, timestamp: answer.timestamp });
        },
        desk.monotonic() + ANSWER_MS_MAX,
      );
    });
  });
}

export function deleteRecords(desk: Desk, { parts }: DeleteRecordsRequest, done: Done): void {
  const settle = gather<DeleteRecordsReply['parts'][number]>(parts.length, (deleted) =>
    done({ call: 'deleteRecords', parts: deleted }, NO_HOLDS),
  );
  parts.forEach(({ topic, partition, before }, index) => {
    desk.topics.lookUp(topic, (known) => {
      const where = known.ok ? partitionAt(known.value, { topic, partition }) : known;
      if (!where.ok) {
        settle(index, { topic, partition, fault: where.fault });
        return;
      }
      desk.asker.ask<PartitionRequest, Trimmed>(
        desk.topics.addressOf(where.value),
        (request) => ({ type: 'trim', request, offset: before }),
        (answer) => {
          if (answer.type === 'refused') settle(index, { topic, partition, fault: answer.fault });
          else settle(index, { topic, partition, begin: answer.begin });
        },
        desk.monotonic() + ANSWER_MS_MAX,
      );
    });
  });
}

export function describeTopic(desk: Desk, name: string, done: Done): void {
  desk.topics.byName(name, false, (topic: Result<Topic>) => {
    if (topic.ok) describePartitions(desk, topic.value, done);
    else refuse(done, topic.fault);
  });
}

function describePartitions(desk: Desk, topic: Topic, done: Done): void {
  const settle = gather<DescribeTopicReply['partitions'][number]>(topic.partitions.length, (partitions) =>
    done({ call: 'describeTopic', topic, partitions }, NO_HOLDS),
  );
  topic.partitions.forEach((id, index) => {
    const partition = index as PartitionIndex;
    desk.asker.ask<PartitionRequest, Described>(
      desk.topics.addressOf(id),
      (request) => ({ type: 'describe', request }),
      (answer) => {
        settle(
          index,
          answer.type === 'described' ? reportOf(partition, id, answer) : { partition, fault: answer.fault },
        );
      },
      desk.monotonic() + ANSWER_MS_MAX,
    );
  });
}

function reportOf(partition: PartitionIndex, id: PartitionId, described: Described): PartitionReport {
  const { begin, end, durable, appended, sizeBytes, segments, damaged } = described;
  return { partition, id, begin, end, durable, appended, bytes: sizeBytes, segments, damaged };
}
