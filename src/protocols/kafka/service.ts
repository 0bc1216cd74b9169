/**
 * How a call is served: a generator that asks the node in the common language, step by step, and makes the answer. What it
 * yields is a set of requests that may run at once; it goes on with their replies, in the same order. It knows the peer,
 * and neither frames nor the order of answers, which are the session's.
 */

import type { Fault } from '../../model/faults.ts';
import type { GroupBounds } from '../../model/group-settings.ts';
import type { TopicSettings } from '../../model/topic.ts';
import type { Serving, Steps } from './asking.ts';
import type { AnyCall, Call } from './call.ts';
import type { Follower } from './follower.ts';
import type { Members, ReadOf, WriteOf } from './schema.ts';
import type { TopicNames } from './topic-names.ts';

/** What the node says of itself to Kafka's clients. */
export interface Broker {
  readonly node: number;
  readonly cluster: string;
  readonly version: string;
  /** Where this client finds the node. */
  readonly host: string;
  readonly port: number;
  /** What topics get where nothing was asked for. */
  readonly defaults: { readonly partitions: number; readonly settings: TopicSettings };
  /** Topics are created when they are first used. */
  readonly autoCreate: boolean;
  /** How long committed offsets are kept that nobody needs, ms. */
  readonly offsetRetentionMs: number;
  /** Which way groups may change while members are in them, in Kafka's words, which are the node's. */
  readonly migration: string;
  /** Times of members that leave them to their group. */
  readonly groupBounds: GroupBounds;
}

/** Who asks, and what its connection remembers. */
export interface Peer {
  readonly broker: Broker;
  /** Client id of the request. */
  readonly client: string;
  readonly topics: TopicNames;
  readonly follower: Follower;
}

/** In place of an answer: the connection ends, which is all that a client notices who wants no answers. */
export class Ending {
  readonly fault: Fault;

  constructor(why: Fault) {
    this.fault = why;
  }
}

export interface Service {
  readonly call: AnyCall;
  /** First and last version that is served. */
  readonly versions: readonly [number, number];
  /**
   * Batches in the request are views of its frame, which stays until they were asked to be appended. All other bytes
   * must be copied before the first step.
   */
  readonly readsFrame: boolean;
  serve(request: unknown, peer: Peer, version: number): Steps;
}

export function service<Q extends Members, S extends Members>(
  call: Call<Q, S>,
  serve: (request: ReadOf<Q>, peer: Peer, version: number) => Serving<WriteOf<S> | Ending | null>,
  { versions = call.versions, readsFrame = false }: Partial<Pick<Service, 'versions' | 'readsFrame'>> = {},
): Service {
  // The session hands over what the call's own codec has read.
  return { call, versions, readsFrame, serve: serve as Service['serve'] };
}

/** A call that is answered out of what is known. */
export function known<Q extends Members, S extends Members>(
  call: Call<Q, S>,
  answer: (request: ReadOf<Q>, peer: Peer, version: number) => WriteOf<S>,
): Service {
  const serve: Service['serve'] = (request, peer, version) => {
    // The session hands over what the call's own codec has read.
    const value = answer(request as ReadOf<Q>, peer, version);
    return { next: () => ({ done: true, value }) };
  };
  return { call, versions: call.versions, readsFrame: false, serve };
}
