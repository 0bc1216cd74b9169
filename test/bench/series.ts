/**
 * The series: which load, on whom. A series compares its sides within one run, taken alternately; a side is an entrant and
 * a plan. The first side is what the others are measured against, the second one is what is judged.
 */
import { GIB, JOURNALED_BATCH_BYTES_MAX, KIB, MIB } from '../../src/model/limits.ts';
import type { Durability } from '../../src/model/topic.ts';
import type { Entrant } from './field.ts';
import type { Plan } from './load.ts';
import { SERIES_TARGETS } from './targets.ts';

export interface Side {
  readonly label: string;
  readonly entrant: Entrant;
  /** @param topic a name that was not used before. */
  plan(topic: string, times: Times): Plan;
}

export interface Times {
  readonly warmSeconds: number;
  readonly seconds: number;
}

/** From which run on a series is a part: `targets` of every one. */
export const LEVELS = ['targets', 'sample', 'grid'] as const;
export type Level = (typeof LEVELS)[number];

export interface Series {
  readonly name: string;
  /** Neighbours of one family share their processes. */
  readonly family: 'produce' | 'consume' | 'single' | 'latency';
  readonly unit: 'MB/s' | 'requests/s' | 'messages/s';
  readonly level: Level;
  readonly sides: readonly Side[];
  /** Times of its runs, in those of others. */
  readonly longer: number;
}

/** Who takes part. */
export interface Lineup {
  readonly first: { readonly label: string; readonly entrant: Entrant };
  /** Of the broker that is judged. */
  readonly shards: number;
  /** More brokers beside it, to see what shards bring. */
  readonly otherShards: readonly number[];
}

interface Shape {
  readonly batchBytes: number;
  readonly recordBytes: number;
  readonly connections: number;
  readonly partitions: number;
}

/** Requests in flight on a connection: enough to keep the disk busy, at most 4 MiB of them. */
const WINDOW = 4;
/** Of each partition: what is read lies in memory, and nothing else of the topic is read. */
const TAIL_BYTES = 3 * MIB;
const FILL_BYTES = 16 * MIB;
/** Of each partition, where the ceiling has one journal of 64 MiB for all of them. */
const FILL_BYTES_JOURNALED = 4 * MIB;

const showBytes = (bytes: number): string =>
  bytes >= MIB ? `${bytes / MIB} MiB` : bytes >= KIB ? `${bytes / KIB} KiB` : `${bytes} B`;

const isTarget = (name: string): boolean => Object.hasOwn(SERIES_TARGETS, name);

function sidesOf({ first, shards, otherShards }: Lineup, plan: Side['plan']): Side[] {
  const broker = (count: number): Side => {
    const label = otherShards.length === 0 ? 'broker' : `broker, ${count === 1 ? '1 shard' : `${count} shards`}`;
    return { label, entrant: { name: 'broker', shards: count }, plan };
  };
  return [{ ...first, plan }, broker(shards), ...otherShards.map(broker)];
}

function produce(lineup: Lineup, shape: Shape, durability: Durability, unit: Series['unit'] = 'MB/s'): Series {
  const { batchBytes, recordBytes, connections, partitions } = shape;
  const settings = { durability, retentionBytes: GIB };
  const name = `produce ${showBytes(batchBytes)} of ${showBytes(recordBytes)}, ${connections} → ${partitions}, ${durability}`;
  const load = { connections, batchBytes, recordBytes, window: WINDOW };
  return {
    name,
    family: 'produce',
    unit,
    level: isTarget(name) ? 'targets' : isInSample(shape, durability) ? 'sample' : 'grid',
    sides: sidesOf(lineup, (topic, times) => ({
      kind: 'produce',
      topic: { name: topic, partitions, settings },
      ...load,
      ...times,
    })),
    longer: 1,
  };
}

function consume(lineup: Lineup, shape: Shape): Series {
  const { partitions, ...load } = shape;
  const name = `consume ${showBytes(load.batchBytes)} of ${showBytes(load.recordBytes)}, ${load.connections} ← ${partitions}, from memory`;
  const settings = { durability: 'interval' as const };
  return {
    name,
    family: 'consume',
    unit: 'MB/s',
    level: isTarget(name) ? 'targets' : isInSample(shape, 'fsync') ? 'sample' : 'grid',
    sides: sidesOf(lineup, (topic, times) => ({
      kind: 'consume',
      topic: { name: topic, partitions, settings },
      ...load,
      fillBytes: load.batchBytes < JOURNALED_BATCH_BYTES_MAX ? FILL_BYTES_JOURNALED : FILL_BYTES,
      tailBytes: TAIL_BYTES,
      ...times,
    })),
    longer: 1,
  };
}

function latency(lineup: Lineup, rate: number): Series {
  const name = `latency ${rate.toLocaleString('en')}/s of 1 KiB, fsync`;
  const load = { connections: 4, rate, recordBytes: KIB };
  return {
    name,
    family: 'latency',
    unit: 'messages/s',
    level: isTarget(name) ? 'targets' : 'sample',
    sides: sidesOf(lineup, (topic, times) => ({
      kind: 'latency',
      topic: { name: topic, partitions: 8, settings: { durability: 'fsync' } },
      ...load,
      ...times,
    })),
    // A p99.9 wants some thousand messages, of the shorter runs too.
    longer: isTarget(name) ? 2 : 4,
  };
}

/** The broker against itself: what does it cost that single messages go to many partitions? */
function singles(lineup: Lineup, partitions: number): Series {
  const entrant = { name: 'broker', shards: lineup.shards } as const;
  const side = (label: string, count: number): Side => ({
    label,
    entrant,
    plan: (topic, times) => ({
      kind: 'produce',
      topic: { name: topic, partitions: count, settings: { durability: 'fsync' } },
      connections: 64,
      window: 1,
      batchBytes: KIB,
      recordBytes: KIB,
      ...times,
    }),
  });
  const many = partitions.toLocaleString('en');
  const name = `single 1 KiB messages, 64 connections, fsync: ${many} partitions against one`;
  const sides = [side('one partition', 1), side(`${many} partitions`, partitions)];
  return { name, family: 'single', unit: 'messages/s', level: 'targets', sides, longer: 1 };
}

const BATCHES = [16 * KIB, 256 * KIB, MIB];
const RECORDS = [100, KIB, 10 * KIB];
const WAYS = [1, 8].flatMap((connections) => [1, 8].map((partitions) => ({ connections, partitions })));
const SHAPES: readonly Shape[] = BATCHES.flatMap((batchBytes) =>
  RECORDS.flatMap((recordBytes) => WAYS.map((way) => ({ batchBytes, recordBytes, ...way }))),
);

/** One thing different from 256 KiB of 1 KiB, 8 and 8, at a time; all sizes of batches and records with fsync. */
function isInSample({ batchBytes, recordBytes, connections, partitions }: Shape, durability: Durability): boolean {
  if (connections === 8 && partitions === 8) return recordBytes === KIB || (durability === 'fsync' && batchBytes < MIB);
  return durability === 'fsync' && batchBytes === 256 * KIB && recordBytes === KIB;
}

/** All there are, neighbours by family. */
export function allSeries(lineup: Lineup): Series[] {
  const produces = (['fsync', 'interval'] as const).flatMap((durability) =>
    SHAPES.map((shape) => produce(lineup, shape, durability, unitOf(shape))),
  );
  const consumes = SHAPES.map((shape) => consume(lineup, shape));
  const latencies = [1_000, 10_000, 50_000].map((rate) => latency(lineup, rate));
  return [...produces, ...consumes, singles(lineup, 1_000), ...latencies];
}

/** Small requests are a matter of operations, not of bytes. */
const unitOf = ({ batchBytes }: Shape): Series['unit'] =>
  batchBytes < JOURNALED_BATCH_BYTES_MAX ? 'requests/s' : 'MB/s';
