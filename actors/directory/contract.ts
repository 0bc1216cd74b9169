/** What everybody may ask of the directory of their shard, what it answers, and what it tells by itself. */
import type { Address } from '../../runtime/actor.ts';
import type { Fault } from '../../src/model/faults.ts';
import type { PartitionId, TopicId } from '../../src/model/ids.ts';
import type { Topic } from '../../src/model/topic.ts';
import type { PartitionConfiguration } from '../partition/contract.ts';

export type DirectoryRequest =
  /** → `resolved`, waiting for the directory's first copy where needed. The sender hears of later changes by `topicChanged` and `topicGone`. */
  | { readonly type: 'resolve'; readonly request: number; readonly topic: string | TopicId; readonly create: boolean }
  /** → `topics` */
  | { readonly type: 'list'; readonly request: number }
  /** → `topics`, and the sender hears of every change of any topic, new ones too. */
  | { readonly type: 'follow'; readonly request: number }
  /** From a partition that starts → `configure` or `gone`, and again at every change. */
  | { readonly type: 'whoAmI'; readonly partition: PartitionId };

export type DirectoryAnswer =
  | { readonly type: 'resolved'; readonly request: number; readonly topic: Topic }
  | { readonly type: 'refused'; readonly request: number; readonly fault: Fault }
  | { readonly type: 'topics'; readonly request: number; readonly topics: readonly Topic[] }
  | { readonly type: 'topicChanged'; readonly topic: Topic }
  | { readonly type: 'topicGone'; readonly topic: TopicId; readonly name: string }
  | PartitionConfiguration;

export const directoryAddress = (node: Address['node'], shard: number): Address<DirectoryRequest> => ({
  node,
  name: `directory/${shard}`,
  incarnation: 0,
});
