/** What a topic is and what may be set for it. Decides which names and settings are allowed; stores nothing. */
import { CODECS, type Codec } from './batch.ts';
import { type Fault, failed, fault, ok, type Result } from './faults.ts';
import type { PartitionId, Timestamp, TopicId } from './ids.ts';
import { BATCH_BYTES_DEFAULT, GIB, KIB, MIB, NAME_CHARS_MAX } from './limits.ts';

/** `fsync`: acked means on disk. `interval`: acked means handed to the disk, fsynced within `flushIntervalMs`. */
export type Durability = 'fsync' | 'interval';
/** `local`: segments on this node's disk. `memory`: never touches disk, gone after a restart. */
export type Engine = 'local' | 'memory';

/** Whose time records have: the one that their producer gave them, or that of the node when it took them. */
export type Timestamps = 'create' | 'append';

/** What becomes of old records: whole segments go by age and size, or all but the newest of each key, or both. */
export type Cleanup = 'delete' | 'compact' | 'compact,delete';

export interface TopicSettings {
  readonly engine: Engine;
  readonly durability: Durability;
  /** Longest time between an ack and its fsync under `interval`. */
  readonly flushIntervalMs: number;
  /** Age at which records may go, by the newest timestamp of a segment; -1 keeps them for ever. */
  readonly retentionMs: number;
  /** Bytes of one partition above which its oldest segments go; -1 is unlimited. */
  readonly retentionBytes: number;
  /** A segment is closed at this size. */
  readonly segmentBytes: number;
  /** A segment with records is closed at this age. */
  readonly segmentMs: number;
  /** Largest batch, as it stands on the wire. */
  readonly batchBytesMax: number;
  readonly cleanup: Cleanup;
  /** Readers that go through a compacted topic within this time see which keys were taken out: tombstones stay so long. */
  readonly tombstoneRetentionMs: number;
  /** Records stay untouched by compaction for so long at least. */
  readonly compactionLagMsMin: number;
  /** Records that are older are compacted, however little there is to do; -1 is unlimited. */
  readonly compactionLagMsMax: number;
  /** Compacts once this part of what may be compacted, by bytes, has not been yet. */
  readonly dirtyRatioMin: number;
  readonly timestamps: Timestamps;
  /** How far the times of producers may be before that of the node, and after it; -1 is unlimited. */
  readonly timestampBeforeMsMax: number;
  readonly timestampAfterMsMax: number;
  /** How batches are stored; `producer`: as they came. */
  readonly compression: 'producer' | Codec;
}

export interface Topic {
  readonly id: TopicId;
  readonly name: string;
  readonly createdAt: Timestamp;
  /** Index in the array is the partition's index in the topic. */
  readonly partitions: readonly PartitionId[];
  readonly settings: TopicSettings;
  /** Rises with every change of settings or partitions. */
  readonly version: number;
}

export const TOPIC_DEFAULTS: TopicSettings = {
  engine: 'local',
  durability: 'fsync',
  flushIntervalMs: 1_000,
  retentionMs: 7 * 24 * 3_600_000,
  retentionBytes: -1,
  segmentBytes: 256 * MIB,
  segmentMs: 7 * 24 * 3_600_000,
  batchBytesMax: BATCH_BYTES_DEFAULT,
  cleanup: 'delete',
  tombstoneRetentionMs: 24 * 3_600_000,
  compactionLagMsMin: 0,
  compactionLagMsMax: -1,
  dirtyRatioMin: 0.5,
  timestamps: 'create',
  timestampBeforeMsMax: -1,
  timestampAfterMsMax: -1,
  compression: 'producer',
};

/** What each setting may be, in words and as a check; also the list of names that exist. */
export const TOPIC_SETTING_RULES: {
  readonly [K in keyof TopicSettings]: { readonly allowed: string; check(value: unknown): boolean };
} = {
  engine: choice('local', 'memory'),
  durability: choice('fsync', 'interval'),
  flushIntervalMs: integer(10, 3_600_000),
  retentionMs: integer(-1, Number.MAX_SAFE_INTEGER),
  retentionBytes: integer(-1, Number.MAX_SAFE_INTEGER),
  segmentBytes: integer(MIB, GIB),
  segmentMs: integer(1_000, Number.MAX_SAFE_INTEGER),
  batchBytesMax: integer(KIB, 8 * MIB),
  cleanup: choice('delete', 'compact', 'compact,delete'),
  tombstoneRetentionMs: integer(0, Number.MAX_SAFE_INTEGER),
  compactionLagMsMin: integer(0, Number.MAX_SAFE_INTEGER),
  compactionLagMsMax: {
    allowed: `-1 or a whole number from 1000 to ${Number.MAX_SAFE_INTEGER}`,
    check: (value) => value === -1 || (Number.isSafeInteger(value) && (value as number) >= 1_000),
  },
  dirtyRatioMin: {
    allowed: 'a number from 0 to 1',
    check: (value) => typeof value === 'number' && value >= 0 && value <= 1,
  },
  timestamps: choice('create', 'append'),
  timestampBeforeMsMax: integer(-1, Number.MAX_SAFE_INTEGER),
  timestampAfterMsMax: integer(-1, Number.MAX_SAFE_INTEGER),
  compression: choice('producer', ...CODECS),
};

function choice(...values: readonly string[]): { readonly allowed: string; check(value: unknown): boolean } {
  const allowed = values.map((value) => `"${value}"`).join(' or ');
  return { allowed, check: (value) => values.some((one) => one === value) };
}

function integer(least: number, most: number): { readonly allowed: string; check(value: unknown): boolean } {
  const check = (value: unknown): boolean =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
  return { allowed: `a whole number from ${least} to ${most}`, check };
}

/** Is the newest record of each key to stay, and the older ones to go? */
export const isCompacted = ({ cleanup }: TopicSettings): boolean => cleanup !== 'delete';
/** May segments go by age and size? */
export const mayExpire = ({ cleanup }: TopicSettings): boolean => cleanup !== 'compact';

/** Age at which a segment is closed: what is to be compacted in time has to be closed before. */
export function segmentMsOf(settings: TopicSettings): number {
  const { segmentMs, compactionLagMsMax } = settings;
  return isCompacted(settings) && compactionLagMsMax >= 0 ? Math.min(segmentMs, compactionLagMsMax) : segmentMs;
}

/** What settings contradict when they are all there. */
export function checkTogether(settings: TopicSettings): Fault | null {
  const { compactionLagMsMin: least, compactionLagMsMax: most } = settings;
  if (most >= 0 && least > most)
    return fault('INVALID_SETTING', `compactionLagMsMin is ${least}, above compactionLagMsMax, ${most}`);
  if (settings.engine !== 'memory' || !isCompacted(settings)) return null;
  return fault('INVALID_SETTING', `engine memory keeps no segments to compact: cleanup must be "delete"`);
}

const NAME = /^[a-zA-Z0-9._-]+$/;

/** Checks the name of a topic or group at the edge. Names with two leading underscores belong to the node. */
export function checkName(what: 'topic' | 'group', name: unknown): Result<string> {
  if (typeof name !== 'string') return failed('INVALID_NAME', `${what} name is not a string`);
  const shown = JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}…` : name);
  if (name.length === 0 || name.length > NAME_CHARS_MAX)
    return failed('INVALID_NAME', `${what} name ${shown} has ${name.length} characters`);
  if (name === '.' || name === '..' || !NAME.test(name))
    return failed('INVALID_NAME', `${what} name ${shown} has characters that are not allowed`);
  return ok(name);
}

/** Checks settings from outside, by name, and answers only those that were given. */
export function checkTopicSettings(given: Readonly<Record<string, unknown>>): Result<Partial<TopicSettings>> {
  const checked: Record<string, unknown> = {};
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(TOPIC_SETTING_RULES, name)) {
      return failed(
        'INVALID_SETTING',
        `unknown topic setting ${JSON.stringify(name.slice(0, 40))}; known are ${Object.keys(TOPIC_SETTING_RULES).join(', ')}`,
      );
    }
    const rule = TOPIC_SETTING_RULES[name as keyof TopicSettings];
    if (!rule.check(given[name])) return failed('INVALID_SETTING', `${name} must be ${rule.allowed}`);
    checked[name] = given[name];
  }
  return ok(checked as Partial<TopicSettings>);
}
