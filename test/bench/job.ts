/** What the generator is told to do, and what it says about it: one JSON line each, both ways. Nothing here runs. */
import type { TopicSettings } from '../../src/model/topic.ts';
import type { Percentiles } from './stats.ts';

export interface TopicPlan {
  readonly name: string;
  readonly partitions: number;
  readonly settings: Partial<TopicSettings>;
}

/** Closed loop: every connection keeps `window` requests of one batch each in flight, over the partitions in turn. */
export interface ProduceJob {
  readonly kind: 'produce';
  readonly port: number;
  readonly topic: TopicPlan;
  readonly connections: number;
  readonly window: number;
  readonly batchBytes: number;
  readonly recordBytes: number;
  readonly warmSeconds: number;
  readonly seconds: number;
  /** A node that was given little memory may refuse for want of it: the request is sent again, and not counted. */
  readonly mayOverload?: boolean;
  /** The topic stays. */
  readonly keeps?: boolean;
}
/** Fills the topic, then reads its last `tailBytes` of each partition again and again. */
export interface ConsumeJob {
  readonly kind: 'consume';
  readonly port: number;
  readonly topic: TopicPlan;
  readonly connections: number;
  readonly batchBytes: number;
  readonly recordBytes: number;
  /** Of each partition. */
  readonly fillBytes: number;
  readonly tailBytes: number;
  readonly warmSeconds: number;
  readonly seconds: number;
}
/** Open loop: messages fall due at a fixed rate, whether or not earlier ones were answered. */
export interface LatencyJob {
  readonly kind: 'latency';
  readonly port: number;
  readonly topic: TopicPlan;
  readonly connections: number;
  /** Messages a second. */
  readonly rate: number;
  readonly recordBytes: number;
  readonly warmSeconds: number;
  readonly seconds: number;
}
/** Opens connections, says hello on each and keeps them until it is ended. */
export interface HoldJob {
  readonly kind: 'hold';
  readonly port: number;
  readonly connections: number;
}
/** Creates a topic and, where asked, sends one message to each partition. */
export interface CreateJob {
  readonly kind: 'create';
  readonly port: number;
  readonly topic: TopicPlan;
  readonly touch: boolean;
}
export type Job = ProduceJob | ConsumeJob | LatencyJob | HoldJob | CreateJob;

/** Said as it goes: who measures reads the broker's CPU at `begin` and at `end`. `done`: ready for the next job. */
export type Said =
  | { readonly phase: 'begin' }
  | { readonly phase: 'end'; readonly result: Result }
  | { readonly phase: 'done' }
  | { readonly phase: 'failed'; readonly why: string };
export interface Result {
  readonly seconds: number;
  readonly bytes: number;
  readonly requests: number;
  readonly records: number;
  /** CPU seconds of the generator itself, user and system. */
  readonly ownCpuSeconds: number;
  /** Of its one thread that sends and receives: near `seconds`, it was the bottleneck. */
  readonly threadCpuSeconds: number;
  readonly ack?: Percentiles;
  readonly endToEnd?: Percentiles;
  /** From when a message was due until it was given to the socket: the generator's own part of the others. */
  readonly late?: Percentiles;
}
