/**
 * One member of a group that assigns by itself, what it may ask, and what it is told. Metadata and assignments are its
 * own bytes, which nobody here reads; beside them stands what they say, as far as the dialect could tell.
 */
import type { Fault } from '../../model/faults.ts';
import type { NamedPlaces } from '../places.ts';
import type { GroupRecord } from '../record.ts';

/** A way of assigning. */
export interface Protocol {
  readonly name: string;
  readonly metadata: Uint8Array;
  /** Topics that the metadata subscribes to, as far as the dialect could tell. */
  readonly topics: readonly string[];
  /** What the member holds, as its metadata says; null: nobody here can tell. */
  readonly owned: readonly NamedPlaces[] | null;
}

export interface ClassicMember {
  readonly id: string;
  readonly instance: string | null;
  readonly client: string;
  readonly host: string;
  sessionMs: number;
  rebalanceMs: number;
  /** In the order in which it likes them. */
  protocols: readonly Protocol[];
  /** Of the present generation; empty until the leader has assigned. */
  assignment: Uint8Array;
  /** What the assignment comes to; null: nobody here can tell. */
  places: readonly NamedPlaces[] | null;
  /** The request in which it waits for the others. */
  joining: number | null;
  /** The request in which it waits for its assignment. */
  syncing: number | null;
  /** Has had no answer to its first join, and so does not know its id. */
  fresh: boolean;
  /** It is out if it was not heard by then. */
  dueAt: number;
}

export interface Join {
  readonly group: string;
  readonly member: string;
  readonly instance?: string;
  readonly protocolType: string;
  readonly protocols: readonly Protocol[];
  readonly sessionMs: number;
  readonly rebalanceMs: number;
  readonly twoSteps: boolean;
  readonly maySkip: boolean;
}
/** Who asks, beside what it says of itself. */
export interface Joiner {
  /** By which its answer finds it. */
  readonly request: number;
  readonly client: string;
  readonly host: string;
  /** An id for a new member; nobody had it before. */
  readonly freshId: string;
}
export interface Joined {
  readonly member: string;
  readonly fault?: Fault;
  readonly generation: number;
  readonly protocolType: string;
  readonly protocol: string;
  readonly leader: string;
  readonly skip: boolean;
  readonly members: readonly { readonly member: string; readonly instance?: string; readonly metadata: Uint8Array }[];
}

/** A member, as it names itself. */
export interface Named {
  readonly member: string;
  readonly instance?: string;
}
export interface InGeneration extends Named {
  readonly group: string;
  readonly generation: number;
}
export interface Sync extends InGeneration {
  readonly protocolType?: string;
  readonly protocol?: string;
  readonly assignments: readonly ({ readonly member: string } & Given)[];
}
/** What a leader gives one member. */
export type Given = Pick<ClassicMember, 'assignment' | 'places'>;
export interface Synced {
  readonly protocolType: string;
  readonly protocol: string;
  readonly assignment: Uint8Array;
  /** In place of `assignment`, where the node assigns. */
  readonly places?: readonly NamedPlaces[];
}

/** What a step of a barrier leads to, in this order: answers show what the records before them say. */
export type Effect =
  | { readonly type: 'record'; readonly record: GroupRecord }
  | { readonly type: 'joined'; readonly request: number; readonly joined: Joined }
  | { readonly type: 'synced'; readonly request: number; readonly synced: Synced }
  | { readonly type: 'refused'; readonly request: number; readonly fault: Fault };

/** A name of a topic is a string beside the bytes that it was read from. */
const TOPIC_OVERHEAD_BYTES = 64;

export const NO_BYTES = new Uint8Array(0);
export const NOTHING: Given = { assignment: NO_BYTES, places: [] };

/** What all consumers say of themselves. */
export const CONSUMER = 'consumer';

/** What a member takes beside its own bytes, about: many small ones are a load, too. */
const MEMBER_OVERHEAD_BYTES = 512;
/** As much for an id that was given out and has not come back yet. */
export const EXPECTED_BYTES = 256;

/** And what they hold of it are numbers beside those bytes. */
const placesBytes = (places: readonly NamedPlaces[] | null): number =>
  (places ?? []).reduce((sum, { partitions }) => sum + TOPIC_OVERHEAD_BYTES + 8 * partitions.length, 0);

export const bytesOf = ({ protocols, assignment, places }: Pick<ClassicMember, 'protocols'> & Given): number =>
  protocols.reduce(
    (sum, { metadata, topics, owned }) =>
      sum + metadata.length + topics.length * TOPIC_OVERHEAD_BYTES + placesBytes(owned),
    assignment.length + placesBytes(places) + MEMBER_OVERHEAD_BYTES,
  );

/** The same ways of assigning with the same metadata in the same order? */
export function sameProtocols(a: readonly Protocol[], b: readonly Protocol[]): boolean {
  return a.length === b.length && a.every((one, index) => one.name === b[index]?.name && same(one, b[index]));
}

function same(a: Protocol, b: Protocol): boolean {
  if (a.metadata.length !== b.metadata.length) return false;
  for (let at = 0; at < a.metadata.length; at++) if (a.metadata[at] !== b.metadata[at]) return false;
  return true;
}
