/** node: what the node is, asked of the census of every shard; a shard whose census is away is starting. */
import { fault } from '../../src/model/faults.ts';
import type { Topic } from '../../src/model/topic.ts';
import type { NodeReply } from '../../src/protocols/request.ts';
import { type CensusRequest, type Counted, censusAddress } from '../census.ts';
import type { Refused } from './asker.ts';
import { ANSWER_MS_MAX, type Desk, type Done, gather, NO_HOLDS, refuse } from './desk.ts';

export function node(desk: Desk, done: Done): void {
  desk.topics.list((topics) => {
    if (topics.ok) countShards(desk, topics.value, done);
    else refuse(done, topics.fault);
  });
}

function countShards(desk: Desk, topics: readonly Topic[], done: Done): void {
  const settle = gather<Counted | Refused>(desk.shards, (answers) => {
    const storage = storageOf(desk, answers);
    if (storage === undefined) refuse(done, fault('UNAVAILABLE', 'no shard says how its storage is'));
    else done(replyOf(desk, topics, answers, storage), NO_HOLDS);
  });
  for (let shard = 0; shard < desk.shards; shard++)
    desk.asker.ask<CensusRequest, Counted>(
      censusAddress(desk.node, shard),
      (request) => ({ type: 'count', request }),
      (answer) => settle(shard, answer),
      desk.monotonic() + ANSWER_MS_MAX,
    );
}

/** All shards share one disk: the first that answers speaks for its space, each for its own writes. */
function storageOf({ facts }: Desk, answers: readonly (Counted | Refused)[]): NodeReply['storage'] | undefined {
  const counted = answers.filter((answer) => answer.type === 'counted');
  const [first] = counted;
  if (first === undefined) return undefined;
  const { freeBytes, totalBytes } = first;
  const refusingWrites = counted.some((answer) => answer.refusingWrites);
  return { folder: facts.folder, direct: facts.direct, freeBytes, totalBytes, refusingWrites };
}

function replyOf(
  { node: number, facts: { version, cluster, startedAt } }: Desk,
  topics: readonly Topic[],
  answers: readonly (Counted | Refused)[],
  storage: NodeReply['storage'],
): NodeReply {
  let partitions = 0;
  for (const topic of topics) partitions += topic.partitions.length;
  const shards = answers.map((answer, shard) =>
    answer.type === 'counted'
      ? { shard, incarnation: answer.incarnation, state: 'running' as const }
      : { shard, incarnation: 0, state: 'starting' as const },
  );
  return {
    call: 'node',
    version,
    node: number,
    cluster,
    startedAt,
    shards,
    topics: topics.length,
    partitions,
    storage,
  };
}
