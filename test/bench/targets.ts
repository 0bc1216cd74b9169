/** What is to be reached, all of it, in one place. Judges nothing (verdicts.ts does), names no load (series.ts does). */

/** What a series' broker is to reach beside its first side, as ratios of medians. */
export interface Target {
  /** At least. */
  readonly speed?: number;
  /** At most: CPU a byte, or a request where requests are counted. */
  readonly cpu?: number;
  /** Ack latency at most, in units of the machine's median fdatasync. */
  readonly p99?: number;
  readonly p999?: number;
}

/** Names of the series that have one, as they stand in the tables. */
export const SERIES_TARGETS: Readonly<Record<string, Target>> = {
  'produce 1 MiB of 1 KiB, 1 → 1, fsync': { speed: 0.8, cpu: 1.5 },
  'produce 256 KiB of 1 KiB, 8 → 8, fsync': { speed: 0.8, cpu: 1.5 },
  'produce 1 MiB of 1 KiB, 1 → 1, interval': { speed: 0.85, cpu: 1.5 },
  'produce 256 KiB of 1 KiB, 8 → 8, interval': { speed: 0.85, cpu: 1.5 },
  'produce 16 KiB of 1 KiB, 8 → 8, fsync': { speed: 0.8, cpu: 1.5 },
  'consume 1 MiB of 1 KiB, 1 ← 1, from memory': { speed: 0.8 },
  'consume 256 KiB of 1 KiB, 8 ← 8, from memory': { speed: 0.8 },
  'single 1 KiB messages, 64 connections, fsync: 1,000 partitions against one': { speed: 0.5 },
  'latency 10,000/s of 1 KiB, fsync': { p99: 10, p999: 30 },
};

/** What is measured without a race; at most, in the unit of the name. */
export const STANDING_TARGETS = {
  /** Of what a bare Node with as many workers takes. */
  startRatio: 2.5,
  /** With 10 GB of log, more than after a clean stop. */
  startAfterKillMoreMs: 1_000,
  restRssMib: 150,
  restCpuPercent: 1,
  idleConnections: 10_000,
  idleConnectionsMib: 60,
  idlePartitions: 10_000,
  idlePartitionsMib: 300,
  idlePartitionsCreatedSeconds: 10,
} as const;
