/** Consumer groups on the pretended partitions of a state world: calls by what they answer, for the tests of coordinators. */
import type { CoordinatorAnswer, GroupRequest } from '../../actors/coordinator/contract.ts';
import type { Topic } from '../../src/model/topic.ts';
import type { GroupPlaces, HeartbeatReply, HeartbeatRequest } from '../../src/protocols/request.ts';
import { smallBatch } from '../model/batches.ts';
import { StateWorld, type StateWorldOptions } from './state-world.ts';

export const GROUP = 'billing';
export type Beat = Partial<HeartbeatRequest> & { readonly member: string; readonly epoch: number };

export const beatOf = ({ group = GROUP, waitMs = 0, ...rest }: Beat): HeartbeatRequest => ({
  call: 'heartbeat',
  group,
  waitMs,
  ...rest,
});
export const joining = (member: string, rest: Partial<HeartbeatRequest> = {}): HeartbeatRequest =>
  beatOf({ member, epoch: 0, topics: ['orders'], sessionMs: 6_000, ...rest });

export function codeOf(answer: CoordinatorAnswer | undefined): string | undefined {
  return answer?.type === 'refused' ? answer.fault.code : undefined;
}
export function replyOf<R>(answer: CoordinatorAnswer | undefined): R {
  if (answer?.type !== 'answered') throw new Error(`no answer but ${JSON.stringify(answer)}`);
  return answer.reply as R;
}

export class GroupWorld extends StateWorld {
  call<R>(ask: GroupRequest & { readonly group: string }): R {
    return replyOf(this.asker.call(ask));
  }
  code(ask: GroupRequest & { readonly group: string }): string | undefined {
    return codeOf(this.asker.call(ask));
  }
  beat(beat: Beat): HeartbeatReply {
    return this.call(beatOf(beat));
  }
  topic(name: string, partitions: number): Topic {
    const message = { type: 'create', name, partitions, settings: {}, onDemand: false } as const;
    return this.asker.ask('catalog', message)?.topic as Topic;
  }
  /** Fills a partition with batches of `records`. */
  fill(topic: Topic, partition: number, batches: number, records: number): void {
    const request = { type: 'append', acks: 'all' } as const;
    for (let n = 0; n < batches; n++)
      this.asker.ask(`partition/${topic.partitions[partition]}`, { ...request, bytes: smallBatch(records) });
  }
  override restart(options: StateWorldOptions = {}): GroupWorld {
    return new GroupWorld({ drawn: this.world.drawn, ...options }, this.logs);
  }
}

export const world = (shards = 1, partitions = 4): { world: GroupWorld; topic: Topic } => {
  const made = new GroupWorld({ shards });
  return { world: made, topic: made.topic('orders', partitions) };
};
export const partitionsOf = (places: readonly GroupPlaces[] | undefined): number[] | undefined =>
  places?.flatMap(({ partitions }) => partitions);
export const owned = (topic: Topic, ...partitions: number[]): GroupPlaces[] => [
  { topic: topic.id, partitions: partitions as never },
];
