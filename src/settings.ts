/**
 * Every setting of a node as one table: name, what is allowed, default, description. Environment names, flags, help
 * texts and the type of the settings follow from it. Decides what a single value may be; reads nothing and knows
 * nothing of where values come from (config.ts does).
 */
import { memoryLeast } from './memory.ts';
import { GROUP_BOUNDS, type GroupBounds, type GroupTime, type TimeBounds } from './model/group-settings.ts';
import { FRAME_BYTES_MAX, GIB, KIB, MIB } from './model/limits.ts';
import { parsePlace } from './model/place.ts';
import { TOPIC_DEFAULTS, TOPIC_SETTING_RULES, type TopicSettings } from './model/topic.ts';
import { BYTE_UNITS, NO_UNITS, parseQuantity, showBytes, TIME_UNITS, type Units, unitsOf } from './model/units.ts';

/** What defaults are taken from. */
export interface Machine {
  readonly cores: number;
  /** The container's limit where there is one. */
  readonly memoryBytes: number;
  /** Somebody looks at the log as it is written. */
  readonly terminal: boolean;
}

export interface Rule<T> {
  readonly description: string;
  /** What may be given, in words. */
  readonly allowed: string;
  /** From a YAML scalar or from text; undefined when it isn't allowed. */
  parse(given: unknown): T | undefined;
  byDefault(machine: Machine): T;
  /** The default in words, where it is not the same on all machines. */
  readonly defaultText?: string;
}
type Form<T> = Pick<Rule<T>, 'allowed' | 'parse'>;

const setting = <T>(description: string, form: Form<T>, byDefault: T): Rule<T> => ({
  description,
  ...form,
  byDefault: () => byDefault,
});

function whole(least: number, most: number): Form<number> {
  return inUnits(NO_UNITS, `a whole number from ${least} to ${most}`, (value) => value >= least && value <= most);
}

function bytes(least: number, most: number): Form<number> {
  const allowed = `bytes from ${showBytes(least)} to ${showBytes(most)}, as a number or like 64KiB, 16MiB, 2GiB`;
  return inUnits(BYTE_UNITS, allowed, (value) => value >= least && value <= most);
}

/** A whole number, by itself or followed by a unit. */
function inUnits(units: Units, allowed: string, check: (value: number) => boolean): Form<number> {
  const parse = (given: unknown): number | undefined => {
    const value = parseQuantity(given, units);
    return value !== undefined && check(value) ? value : undefined;
  };
  return { allowed, parse };
}

const ratio: Form<number> = {
  allowed: 'a number from 0 to 0.9',
  parse: (given) => {
    const value = typeof given === 'string' && given.trim() !== '' ? Number(given) : given;
    return typeof value === 'number' && value >= 0 && value <= 0.9 ? value : undefined;
  },
};

const words = { true: true, yes: true, on: true, '1': true, false: false, no: false, off: false, '0': false };
const truth: Form<boolean> = {
  allowed: 'true or false',
  parse: (given) => {
    const word = String(given).toLowerCase();
    return Object.hasOwn(words, word) ? words[word as keyof typeof words] : undefined;
  },
};

const text: Form<string> = {
  allowed: 'a text that is not empty',
  parse: (given) => (typeof given === 'string' && given !== '' && !given.includes('\0') ? given : undefined),
};

/** Empty: none. */
const place: Form<string> = {
  allowed: 'a host, host:port, or empty',
  parse: (given) =>
    given === '' || (typeof given === 'string' && parsePlace(given) !== undefined) ? (given as string) : undefined,
};

function oneOf<const T extends string>(...choices: readonly T[]): Form<T> {
  return { allowed: choices.join(' or '), parse: (given) => choices.find((choice) => choice === given) };
}

/** The default that a new topic gets; the topic's own rules decide what is allowed, units are understood on top. */
function topicDefault<K extends keyof TopicSettings>(name: K, description: string): Rule<TopicSettings[K]> {
  const rule = TOPIC_SETTING_RULES[name];
  const units = unitsOf(name);
  const unitText = units === TIME_UNITS ? ' (ms, or like 500ms, 90s, 12h, 7d)' : ' (bytes, or like 64KiB, 256MiB)';
  const parse = (given: unknown): TopicSettings[K] | undefined => {
    const value = units === NO_UNITS ? plain(given, TOPIC_DEFAULTS[name]) : parseQuantity(given, units);
    return rule.check(value) ? (value as TopicSettings[K]) : undefined;
  };
  return setting(
    description,
    { allowed: units === NO_UNITS ? rule.allowed : rule.allowed + unitText, parse },
    TOPIC_DEFAULTS[name],
  );
}

/** Text stands for a number where one is wanted. */
function plain(given: unknown, like: unknown): unknown {
  return typeof like === 'number' && typeof given === 'string' && given.trim() !== '' ? Number(given) : given;
}

/** Of what a group, or the node for all groups, may be given, ms. */
const SESSION_MS = whole(1_000, 1_800_000);
const HEARTBEAT_MS = whole(100, 1_800_000);

/** Every setting there is. Environment names and flags follow from the key: `native.port`, CALLBOARD_NATIVE_PORT, --native-port. */
export const rules = {
  data: setting('Folder that holds everything the node keeps.', text, './data'),
  node: setting('Number of this node in its cluster; a folder belongs to one node.', whole(1, 65_535), 1),
  shards: {
    description: 'Worker threads that carry partitions and connections. The folder opens with any number of them.',
    ...whole(1, 64),
    // The rest is for threads that write to the disk, for the kernel's part of both and for clients: on two cores a
    // second shard takes from them what it adds, and each message between shards costs more than one within.
    byDefault: (machine) => Math.min(64, Math.max(1, machine.cores - 1)),
    defaultText: 'one less than cores',
  } satisfies Rule<number>,
  memory: {
    description: 'Resident memory of the process stays below it; the shards share out what Node itself does not take.',
    ...bytes(memoryLeast(1), 1024 * GIB),
    byDefault: (machine) => Math.max(memoryLeast(1), Math.min(GIB, Math.floor(machine.memoryBytes / 4 / MIB) * MIB)),
    defaultText: 'a quarter of the machine or container up to 1GiB, or what the shards need if that is more',
  } satisfies Rule<number>,
  'native.host': setting('Address that the native protocol listens on.', text, '127.0.0.1'),
  'native.port': setting('Port of the native protocol; 0 picks a free one.', whole(0, 65_535), 7625),
  'kafka.enabled': setting('Serve Kafka clients.', truth, true),
  'kafka.host': setting('Address that Kafka clients are served on.', text, '127.0.0.1'),
  'kafka.port': setting('Port for Kafka clients; 0 picks a free one.', whole(0, 65_535), 9092),
  'kafka.advertised': setting(
    'Where Kafka clients are told to find the node, as host or host:port; empty: where they came to.',
    place,
    '',
  ),
  'admin.host': setting('Address that the admin HTTP server listens on.', text, '127.0.0.1'),
  'admin.port': setting('Port of health checks and metrics; 0 picks a free one.', whole(0, 65_535), 7680),
  insecure: setting('Allow listening beyond this machine although there are no accounts yet.', truth, false),
  'topics.autoCreate': setting('Create a topic when it is first used.', truth, true),
  'topics.partitions': setting('Partitions of a topic that is created without a number.', whole(1, 10_000), 4),
  'topics.engine': topicDefault('engine', 'local keeps records on disk; memory forgets them with the process.'),
  'topics.durability': topicDefault('durability', 'fsync: acked means on disk. interval: fsynced soon after the ack.'),
  'topics.flushIntervalMs': topicDefault('flushIntervalMs', 'Longest time from ack to fsync under interval.'),
  'topics.retentionMs': topicDefault('retentionMs', 'Age at which records may go; -1 keeps them for ever.'),
  'topics.retentionBytes': topicDefault(
    'retentionBytes',
    'Size of a partition above which its oldest segments go; -1: no bound.',
  ),
  'topics.segmentBytes': topicDefault('segmentBytes', 'Size at which a segment is closed.'),
  'topics.segmentMs': topicDefault('segmentMs', 'Age at which a segment is closed.'),
  'topics.batchBytesMax': topicDefault('batchBytesMax', 'Largest record batch taken.'),
  'topics.cleanup': topicDefault(
    'cleanup',
    'delete: old segments go by age and size. compact: of each key the newest record stays. compact,delete: both.',
  ),
  'topics.tombstoneRetentionMs': topicDefault(
    'tombstoneRetentionMs',
    'How long a compacted topic still shows that a key was taken out.',
  ),
  'topics.compactionLagMsMin': topicDefault('compactionLagMsMin', 'Age below which records are not compacted.'),
  'topics.compactionLagMsMax': topicDefault(
    'compactionLagMsMax',
    'Age from which on records are compacted, however few they are; -1: no bound.',
  ),
  'topics.dirtyRatioMin': topicDefault(
    'dirtyRatioMin',
    'Part of the bytes that is not compacted yet, from which on a partition is compacted.',
  ),
  'topics.timestamps': topicDefault(
    'timestamps',
    "Whose time records have: create, the producer's; append, the node's.",
  ),
  'topics.timestampBeforeMsMax': topicDefault(
    'timestampBeforeMsMax',
    "How far before the node's time a record may be; -1: no bound.",
  ),
  'topics.timestampAfterMsMax': topicDefault(
    'timestampAfterMsMax',
    "How far after the node's time a record may be; -1: no bound.",
  ),
  'topics.compression': topicDefault('compression', 'How batches are stored; producer: as they came.'),
  'groups.initialRebalanceMs': setting(
    'How long an empty group whose members assign by themselves waits for more of them, ms; each that comes lengthens it.',
    whole(0, 60_000),
    500,
  ),
  'groups.migration': setting(
    'Which way groups may change while members are in them: upgrade, to the node assigning; downgrade, to members assigning by themselves.',
    oneOf('bidirectional', 'upgrade', 'downgrade', 'disabled'),
    'bidirectional',
  ),
  'groups.sessionMs': setting(
    'A member that leaves that to its group (KIP-848) is out when it is silent for so long, ms.',
    SESSION_MS,
    GROUP_BOUNDS.sessionMs.default,
  ),
  'groups.sessionMsMin': setting(
    'Shortest session that a group may be given by its own setting, ms.',
    SESSION_MS,
    GROUP_BOUNDS.sessionMs.least,
  ),
  'groups.sessionMsMax': setting(
    'Longest session that a group may be given by its own setting, ms.',
    SESSION_MS,
    GROUP_BOUNDS.sessionMs.most,
  ),
  'groups.heartbeatMs': setting(
    'So often a member that leaves that to its group (KIP-848) is to be heard of, ms.',
    HEARTBEAT_MS,
    GROUP_BOUNDS.heartbeatMs.default,
  ),
  'groups.heartbeatMsMin': setting(
    'Shortest time between heartbeats that a group may be given by its own setting, ms.',
    HEARTBEAT_MS,
    GROUP_BOUNDS.heartbeatMs.least,
  ),
  'groups.heartbeatMsMax': setting(
    'Longest time between heartbeats that a group may be given by its own setting, ms.',
    HEARTBEAT_MS,
    GROUP_BOUNDS.heartbeatMs.most,
  ),
  'groups.offsetRetentionMs': setting(
    'Committed offsets are forgotten when their group had no members, or did not read their topic, for so long, ms.',
    whole(1_000, Number.MAX_SAFE_INTEGER),
    604_800_000,
  ),
  'transactions.timeoutMsMax': setting(
    'Longest time-out that a transaction may have; when it is over, the node aborts it, ms.',
    whole(1_000, 86_400_000),
    900_000,
  ),
  'transactions.idRetentionMs': setting(
    'A transactional id that nobody has used for so long is forgotten, ms.',
    whole(60_000, Number.MAX_SAFE_INTEGER),
    604_800_000,
  ),
  'limits.frameBytes': setting(
    'Largest frame; a longer one closes its connection.',
    bytes(64 * KIB, 256 * MIB),
    FRAME_BYTES_MAX,
  ),
  'limits.connections': setting('Connections open at a time; more are refused.', whole(1, 1_000_000), 20_000),
  'disk.freeBytesMin': setting(
    'Writes are refused when less than this is free on the disk.',
    bytes(0, 1024 * GIB),
    256 * MIB,
  ),
  'disk.freeRatioMin': setting('Writes are refused when less than this part of the disk is free.', ratio, 0.01),
  'log.level': setting('Least severe line that is logged.', oneOf('debug', 'info', 'warn', 'error'), 'info'),
  'log.format': {
    description: 'Lines for people, or one JSON object a line.',
    ...oneOf('pretty', 'json'),
    byDefault: (machine) => (machine.terminal ? 'pretty' : 'json'),
    defaultText: 'pretty on a terminal, else json',
  } satisfies Rule<'pretty' | 'json'>,
} as const;

export type SettingKey = keyof typeof rules;
type Value<K extends SettingKey> = (typeof rules)[K] extends Rule<infer T> ? T : never;
/** What is in force, by key; a plain value that any thread can be handed. */
export type Settings = { readonly [K in SettingKey]: Value<K> };

export const settingKeys = Object.keys(rules) as readonly SettingKey[];
const snake = (key: string): string => key.replace(/[A-Z]/g, '_$&').replaceAll('.', '_').toUpperCase();
export const environmentName = (key: string): string => `CALLBOARD_${snake(key)}`;
export const flagName = (key: string): string => `--${snake(key).toLowerCase().replaceAll('_', '-')}`;

/** One setting as help texts show it. */
export interface SettingDescription {
  readonly key: SettingKey;
  readonly environment: string;
  readonly flag: string;
  readonly description: string;
  readonly allowed: string;
  readonly defaultText: string;
  /** The flag needs no value. */
  readonly isSwitch: boolean;
}
export const settingDescriptions: readonly SettingDescription[] = settingKeys.map((key) => {
  const rule: Rule<unknown> = rules[key];
  const defaultText =
    rule.defaultText ?? showValue(key, rule.byDefault({ cores: 1, memoryBytes: GIB, terminal: false }));
  return {
    key,
    environment: environmentName(key),
    flag: flagName(key),
    description: rule.description,
    allowed: rule.allowed,
    defaultText,
    isSwitch: key === 'insecure',
  };
});

/** A value as a person would write it. */
export function showValue(key: SettingKey, value: unknown): string {
  const inBytes = key === 'memory' || unitsOf(key) === BYTE_UNITS;
  return inBytes && typeof value === 'number' && value > 0 ? showBytes(value) : String(value);
}

/** Times of members that leave them to their group. */
export function groupBoundsOf(settings: Settings): GroupBounds {
  const bounds = (name: GroupTime): TimeBounds => ({
    least: settings[`groups.${name}Min`],
    most: settings[`groups.${name}Max`],
    default: settings[`groups.${name}`],
  });
  return { sessionMs: bounds('sessionMs'), heartbeatMs: bounds('heartbeatMs') };
}

/** The defaults of new topics as the catalog takes them. */
export function topicDefaults(settings: Settings): TopicSettings {
  const names = Object.keys(TOPIC_DEFAULTS) as (keyof TopicSettings)[];
  return Object.fromEntries(names.map((name) => [name, settings[`topics.${name}`]])) as unknown as TopicSettings;
}
