/** A group as its own dialect wants to see it: all that is known of each member, and no lag. Changes nothing. */
import type { PartitionIndex, TopicId } from '../model/ids.ts';
import type { Barrier, Phase } from './classic/barrier.ts';
import { NO_BYTES } from './classic/member.ts';
import { stateOf } from './describe.ts';
import { type Group, isGuest, type Member } from './group.ts';
import type { Groups, Topics } from './groups.ts';
import { type PlaceKey, toPlaces } from './places.ts';

export interface ClassicReport {
  readonly kind: 'classic';
  readonly state: Phase;
  readonly protocolType: string;
  readonly protocol: string;
  readonly members: readonly {
    readonly member: string;
    readonly instance?: string;
    readonly client: string;
    readonly host: string;
    readonly metadata: Uint8Array;
    readonly assignment: Uint8Array;
  }[];
}
export interface InspectedPlaces {
  readonly topic: TopicId;
  readonly name: string;
  readonly partitions: readonly PartitionIndex[];
}
export interface InspectedMember {
  readonly member: string;
  readonly instance?: string;
  readonly rack?: string;
  readonly client: string;
  readonly host: string;
  readonly epoch: number;
  readonly topics: readonly string[];
  readonly pattern?: string;
  /** Speaks the protocol of those who assign by themselves. */
  readonly classic: boolean;
  readonly owned: readonly InspectedPlaces[];
  readonly target: readonly InspectedPlaces[];
}
export interface ConsumerReport {
  readonly kind: 'consumer';
  readonly state: ReturnType<typeof stateOf>;
  readonly epoch: number;
  /** Of the target. */
  readonly targetEpoch: number;
  readonly assignor: string;
  readonly members: readonly InspectedMember[];
}

/** Undefined: there is no such group. */
export function inspect(groups: Groups, topics: Topics, name: string): ClassicReport | ConsumerReport | undefined {
  const barrier = groups.barriers.get(name);
  if (barrier !== undefined && barrier.members.size > 0) return classic(barrier);
  const group = groups.get(name);
  if (group === undefined) return undefined;
  if (group.kind === 'consumer') return consumer(group, topics);
  const protocolType = group.generation?.protocolType ?? '';
  return { kind: 'classic', state: 'empty', protocolType, protocol: '', members: [] };
}

function classic(barrier: Barrier): ClassicReport {
  const { phase: state, protocolType } = barrier;
  const stable = state === 'stable';
  const members = [...barrier.members.values()].map((member) => {
    const { id, client, host, assignment, instance } = member;
    // Between two generations there is no way of assigning to show the metadata of.
    const metadata = stable ? (barrier.protocolOf(member)?.metadata ?? NO_BYTES) : NO_BYTES;
    const report = { member: id, client, host, metadata, assignment: stable ? assignment : NO_BYTES };
    return instance === null ? report : { ...report, instance };
  });
  return { kind: 'classic', state, protocolType, protocol: stable ? barrier.protocol : '', members };
}

function consumer(group: Group, topics: Topics): ConsumerReport {
  const { epoch, assignor } = group;
  const members = [...group.members.values()].map((member) => inspectMember(member, topics));
  return { kind: 'consumer', state: stateOf(group), epoch, targetEpoch: epoch, assignor, members };
}

function inspectMember(member: Member, topics: Topics): InspectedMember {
  const { id, epoch, subscription, assigned, revoking, target } = member;
  const { client, host, instance, rack, pattern } = subscription;
  const owned = inspectPlaces([...assigned, ...revoking], topics);
  return {
    ...{ member: id, client, host, epoch, topics: subscription.topics },
    ...{ owned, target: inspectPlaces(target, topics), classic: isGuest(member) },
    ...(instance === null ? {} : { instance }),
    ...(rack === '' ? {} : { rack }),
    ...(pattern === '' ? {} : { pattern }),
  };
}

/** Topics that are gone have no name any more, and nobody to hold them in a moment. */
function inspectPlaces(keys: Iterable<PlaceKey>, topics: Topics): InspectedPlaces[] {
  return toPlaces(keys).flatMap(({ topic, partitions }) => {
    const known = topics.byId(topic);
    return known === undefined ? [] : [{ topic, name: known.name, partitions }];
  });
}
