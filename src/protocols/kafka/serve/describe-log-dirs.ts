/** DescribeLogDirs: the data folder, and what each partition takes there. */
import { ok, type Result } from '../../../model/faults.ts';
import type { DescribeTopicReply } from '../../request.ts';
import { ask, resultOf, type Serving } from '../asking.ts';
import { type DescribeLogDirsRequest, describeLogDirs } from '../calls/describe-log-dirs.ts';
import { errorOf, errors } from '../faults.ts';
import { service } from '../service.ts';

export const serveDescribeLogDirs = service(describeLogDirs, function* ({ topics: wanted }) {
  const node = yield* ask<'node'>({ call: 'node' });
  const described = yield* describeAll(wanted);
  if (!node.ok || !described.ok) {
    const why = node.ok ? described : node;
    return { errorCode: why.ok ? errors.NONE : errorOf(why.fault.code), results: [] };
  }
  const numbers = new Map(wanted?.map(({ topic, partitions }) => [topic, new Set(partitions)]));
  const { folder, totalBytes, freeBytes } = node.value.storage;
  const topics = described.value.map(({ topic: { name }, partitions }) => ({
    name,
    partitions: partitions.flatMap((one) => {
      if ('fault' in one || numbers.get(name)?.has(one.partition) === false) return [];
      return [{ partitionIndex: one.partition, partitionSize: one.bytes, offsetLag: 0, isFutureKey: false }];
    }),
  }));
  return { results: [{ errorCode: errors.NONE, logDir: folder, topics, totalBytes, usableBytes: freeBytes }] };
});

/** Topics that are not there are left out, as Kafka does. */
function* describeAll(wanted: DescribeLogDirsRequest['topics']): Serving<Result<readonly DescribeTopicReply[]>> {
  const names = wanted === null ? yield* everyName() : ok(wanted.map(({ topic }) => topic));
  if (!names.ok) return names;
  const replies = yield names.value.map((name) => ({ call: 'describeTopic', name }));
  return ok(
    replies.flatMap((reply) => {
      const described = resultOf<'describeTopic'>('describeTopic', reply);
      return described.ok ? [described.value] : [];
    }),
  );
}

function* everyName(): Serving<Result<readonly string[]>> {
  const listed = yield* ask<'topics'>({ call: 'topics' });
  return listed.ok ? ok(listed.value.topics.map(({ name }) => name)) : listed;
}
