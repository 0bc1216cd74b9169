/**
 * The series: which load, on whom, and what is to be reached. A series compares its sides within one run, taken
 * alternately; a side is a candidate and a plan, the first one is what the others are measured against.
 */
import { KIB, MIB } from '../../src/model/limits.ts';
import type { Durability } from '../../src/model/topic.ts';
import type { CandidateName } from './candidate.ts';
import type { Plan } from './load.ts';

export interface Side {
  readonly label: string;
  readonly candidate: CandidateName;
  /** @param topic a name that was not used before. */
  plan(topic: string, times: Times): Plan;
}

export interface Times {
  readonly warmSeconds: number;
  readonly seconds: number;
}

/** What the last side is to reach, as ratios to the first. */
export interface Target {
  readonly speed?: number;
  readonly cpu?: number;
  /** Ack latency, in units of the machine's median fdatasync. */
  readonly p99?: number;
  readonly p999?: number;
}

export interface Series {
  readonly name: string;
  readonly unit: 'MB/s' | 'requests/s' | 'messages/s';
  readonly sides: readonly Side[];
  readonly target: Target;
  /** Part of the quick run: the targets. */
  readonly isQuick: boolean;
}

interface Shape {
  readonly batchBytes: number;
  readonly recordBytes: number;
  readonly connections: number;
  readonly partitions: number;
  readonly window: number;
  readonly durability: Durability;
}

const both = (plan: Side['plan']): Side[] => [
  { label: 'ceiling', candidate: 'ceiling', plan },
  { label: 'broker', candidate: 'broker', plan },
];

const showBytes = (bytes: number): string =>
  bytes >= MIB ? `${bytes / MIB} MiB` : bytes >= KIB ? `${bytes / KIB} KiB` : `${bytes} B`;
const showShape = ({ batchBytes, recordBytes, connections, partitions, durability }: Shape): string =>
  `${showBytes(batchBytes)} of ${showBytes(recordBytes)}, ${connections} → ${partitions}, ${durability}`;

/** At most 4 MiB in flight on a connection, as clients do it: enough to keep the disk busy, little enough for any memory. */
const windowOf = (batchBytes: number): number => (batchBytes >= MIB ? 4 : 8);

function produce(shape: Shape, target: Target, isQuick: boolean, unit: Series['unit'] = 'MB/s'): Series {
  const { partitions, durability, ...load } = shape;
  const settings = { durability, retentionBytes: 1024 * MIB };
  return {
    name: `produce ${showShape(shape)}`,
    unit,
    sides: both((name, times) => ({ kind: 'produce', topic: { name, partitions, settings }, ...load, ...times })),
    target,
    isQuick,
  };
}

/** Tails that the broker still has in memory: what it keeps for readers of one partition. */
const TAIL_BYTES = 3 * MIB;
const FILL_BYTES = 16 * MIB;

function consume(batchBytes: number, recordBytes: number, count: number, target: Target, isQuick: boolean): Series {
  const load = { connections: count, batchBytes, recordBytes, fillBytes: FILL_BYTES, tailBytes: TAIL_BYTES };
  const durability = 'interval' as const;
  return {
    name: `consume ${showBytes(batchBytes)} of ${showBytes(recordBytes)}, ${count} ← ${count}, from memory`,
    unit: 'MB/s',
    sides: both((name, times) => ({
      kind: 'consume',
      topic: { name, partitions: count, settings: { durability } },
      ...load,
      ...times,
    })),
    target,
    isQuick,
  };
}

function latency(rate: number, target: Target, isQuick: boolean): Series {
  const partitions = 8;
  const load = { connections: 4, rate, recordBytes: KIB };
  return {
    name: `latency ${rate.toLocaleString('en')}/s of 1 KiB, fsync`,
    unit: 'messages/s',
    sides: both((name, times) => ({
      kind: 'latency',
      topic: { name, partitions, settings: { durability: 'fsync' } },
      ...load,
      warmSeconds: 2 * times.warmSeconds,
      seconds: 2 * times.seconds,
    })),
    target,
    isQuick,
  };
}

/** The broker against itself: what does it cost that single messages go to many partitions? */
function turns(partitions: number): Series {
  const side = (label: string, count: number): Side => ({
    label,
    candidate: 'broker',
    plan: (name, times) => ({
      kind: 'produce',
      topic: { name, partitions: count, settings: { durability: 'fsync' } },
      connections: 64,
      window: 1,
      batchBytes: KIB,
      recordBytes: KIB,
      ...times,
    }),
  });
  return {
    name: `single 1 KiB messages, 64 connections, fsync: ${partitions.toLocaleString('en')} partitions against one`,
    unit: 'messages/s',
    sides: [side('one partition', 1), side(`${partitions.toLocaleString('en')} partitions`, partitions)],
    target: { speed: 0.5 },
    isQuick: true,
  };
}

function grid(): Series[] {
  const all: Series[] = [];
  for (const durability of ['fsync', 'interval'] as const) {
    for (const batchBytes of [16 * KIB, 256 * KIB, MIB]) {
      for (const recordBytes of [100, KIB, 10 * KIB]) {
        for (const count of [1, 8]) {
          const shape = { batchBytes, recordBytes, connections: count, partitions: count, durability };
          all.push(produce({ ...shape, window: windowOf(batchBytes) }, {}, false));
        }
      }
    }
  }
  for (const batchBytes of [16 * KIB, 256 * KIB, MIB])
    for (const recordBytes of [100, KIB, 10 * KIB])
      for (const count of [1, 8]) all.push(consume(batchBytes, recordBytes, count, {}, false));
  return [...all, latency(1_000, {}, false), latency(50_000, {}, false)];
}

/** The targets first; the grid has the same shapes once more where they are part of it, without a target. */
export function allSeries(): Series[] {
  const one = { recordBytes: KIB, connections: 1, partitions: 1 };
  const eight = { recordBytes: KIB, connections: 8, partitions: 8 };
  const large = { speed: 0.8, cpu: 1.5 };
  const largeInterval = { speed: 0.85, cpu: 1.5 };
  const targets = [
    produce({ ...one, batchBytes: MIB, window: 4, durability: 'fsync' }, large, true),
    produce({ ...eight, batchBytes: 256 * KIB, window: 4, durability: 'fsync' }, large, true),
    produce({ ...one, batchBytes: MIB, window: 4, durability: 'interval' }, largeInterval, true),
    produce({ ...eight, batchBytes: 256 * KIB, window: 4, durability: 'interval' }, largeInterval, true),
    produce({ ...eight, batchBytes: 16 * KIB, window: 4, durability: 'fsync' }, large, true, 'requests/s'),
    consume(MIB, KIB, 1, { speed: 0.8 }, true),
    consume(256 * KIB, KIB, 8, { speed: 0.8 }, true),
    turns(1_000),
    latency(10_000, { p99: 10, p999: 30 }, true),
  ];
  const known = new Set(targets.map(({ name }) => name));
  return [...targets, ...grid().filter(({ name }) => !known.has(name))];
}
