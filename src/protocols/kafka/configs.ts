/**
 * Kafka's names of settings ↔ Callboard's, one table. A setting that only has one meaning here takes exactly that value; a
 * name that is not in the table is refused, because nobody should believe that it works.
 */
import { failed, ok, type Result } from '../../model/faults.ts';
import { TOPIC_SETTING_RULES, type TopicSettings } from '../../model/topic.ts';

/** Kafka's numbers for types of values. */
export const configTypes = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 } as const;
/** Kafka's numbers for where a value comes from. */
export const configSources = { topic: 1, alteredHere: 2, altered: 3, node: 4, byDefault: 5, group: 8 } as const;

export interface Config {
  /** Callboard's setting; null: there is none, because one value is all that it can have. */
  readonly setting: keyof TopicSettings | null;
  readonly type: number;
  readonly about: string;
  /** As Kafka writes it. */
  show(settings: TopicSettings): string;
  /** `undefined`: not allowed. */
  parse(text: string): Partial<TopicSettings> | undefined;
  /** In words, where `parse` refuses. */
  readonly allowed: string;
}

/** Kafka's way to say: no bound. */
const LONG_MAX = '9223372036854775807';

type NumberSetting =
  | 'retentionMs'
  | 'retentionBytes'
  | 'segmentBytes'
  | 'segmentMs'
  | 'batchBytesMax'
  | 'flushIntervalMs'
  | 'tombstoneRetentionMs'
  | 'compactionLagMsMin';

/** As Kafka reads it: blanks around it and a plus are allowed. NaN: it is none. */
function wholeNumber(text: string): number {
  const digits = text.trim();
  return /^[-+]?\d{1,16}$/.test(digits) ? Number(digits) : Number.NaN;
}

function number(name: NumberSetting, type: number, about: string): Config {
  const rule = TOPIC_SETTING_RULES[name];
  return {
    setting: name,
    type,
    about,
    show: (settings) => String(settings[name]),
    parse: (text) => {
      if (text.trim() === LONG_MAX && rule.check(-1)) return { [name]: -1 };
      const value = wholeNumber(text);
      return rule.check(value) ? { [name]: value } : undefined;
    },
    allowed: rule.allowed,
  };
}

/** Kafka's largest number stands for no bound; values beyond safe integers are none that anybody means. */
function bound(
  name: 'timestampBeforeMsMax' | 'timestampAfterMsMax' | 'compactionLagMsMax',
  least: number,
  about: string,
): Config {
  const rule = TOPIC_SETTING_RULES[name];
  return {
    setting: name,
    type: configTypes.long,
    about,
    show: (settings) => (settings[name] < 0 ? LONG_MAX : String(settings[name])),
    parse: (text) => {
      if (text.trim() === LONG_MAX) return { [name]: -1 };
      const value = wholeNumber(text);
      return value >= 0 && rule.check(value) ? { [name]: value } : undefined;
    },
    allowed: `${LONG_MAX} or a whole number from ${least} to ${Number.MAX_SAFE_INTEGER}`,
  };
}

const dirtyRatio: Config = {
  setting: 'dirtyRatioMin',
  type: configTypes.double,
  about: 'Part of the bytes that is not compacted yet, from which on a partition is compacted.',
  show: (settings) => String(settings.dirtyRatioMin),
  parse: (text) => {
    const value = /^\d(\.\d{1,15})?$/.test(text) ? Number(text) : Number.NaN;
    return TOPIC_SETTING_RULES.dirtyRatioMin.check(value) ? { dirtyRatioMin: value } : undefined;
  },
  allowed: TOPIC_SETTING_RULES.dirtyRatioMin.allowed,
};

/** Lists are sets to Kafka: in any order, with blanks between. */
const cleanupPolicy: Config = {
  setting: 'cleanup',
  type: configTypes.list,
  about: 'delete: old segments go by age and size. compact: of each key the newest record stays.',
  show: (settings) => settings.cleanup,
  parse: (text) => {
    const named = new Set(text.split(',').map((one) => one.trim()));
    const cleanup = (['delete', 'compact', 'compact,delete'] as const).find(
      (one) => named.size === one.split(',').length && one.split(',').every((each) => named.has(each)),
    );
    return cleanup === undefined ? undefined : { cleanup };
  },
  allowed: 'delete, compact or both',
};

function choice<N extends 'durability' | 'engine' | 'timestamps' | 'compression'>(
  name: N,
  about: string,
  type: number,
  choices: Readonly<Record<string, TopicSettings[N]>>,
): Config {
  return {
    setting: name,
    type,
    about,
    show: (settings) => Object.keys(choices).find((text) => choices[text] === settings[name]) ?? '',
    parse: (text) => (Object.hasOwn(choices, text) ? { [name]: choices[text] } : undefined),
    allowed: Object.keys(choices).join(' or '),
  };
}

function fixed(value: string, type: number, about: string): Config {
  return {
    setting: null,
    type,
    about,
    show: () => value,
    parse: (text) => (text === value ? {} : undefined),
    allowed: value,
  };
}

const { int, long, string } = configTypes;

export const topicConfigs: ReadonlyMap<string, Config> = new Map(
  Object.entries({
    'retention.ms': number('retentionMs', long, 'Age at which records may go; -1 keeps them for ever.'),
    'retention.bytes': number('retentionBytes', long, 'Size of a partition above which its oldest segments go.'),
    'segment.bytes': number('segmentBytes', int, 'Size at which a segment is closed.'),
    'segment.ms': number('segmentMs', long, 'Age at which a segment is closed.'),
    'max.message.bytes': number('batchBytesMax', int, 'Largest record batch taken.'),
    'flush.ms': number('flushIntervalMs', long, 'Longest time from ack to fsync, unless every write is fsynced.'),
    'flush.messages': choice('durability', '1: acked means on disk. Else fsynced within flush.ms.', long, {
      '1': 'fsync',
      [LONG_MAX]: 'interval',
    }),
    'cleanup.policy': cleanupPolicy,
    'delete.retention.ms': number('tombstoneRetentionMs', long, 'How long a removed key still shows as removed.'),
    'min.compaction.lag.ms': number('compactionLagMsMin', long, 'Age below which records are not compacted.'),
    'max.compaction.lag.ms': bound('compactionLagMsMax', 1_000, 'Age from which on records are compacted in any case.'),
    'min.cleanable.dirty.ratio': dirtyRatio,
    'compression.type': choice('compression', 'How batches are stored; producer: as they came.', string, {
      producer: 'producer',
      uncompressed: 'none',
      gzip: 'gzip',
      snappy: 'snappy',
      lz4: 'lz4',
      zstd: 'zstd',
    }),
    'message.timestamp.type': choice('timestamps', "Whose time records have: the producer's or the node's.", string, {
      CreateTime: 'create',
      LogAppendTime: 'append',
    }),
    'message.timestamp.before.max.ms': bound(
      'timestampBeforeMsMax',
      0,
      "How far before the node's time records may be.",
    ),
    'message.timestamp.after.max.ms': bound('timestampAfterMsMax', 0, "How far after the node's time records may be."),
    'min.insync.replicas': fixed('1', int, 'There is one replica.'),
    'callboard.engine': choice('engine', 'Where records are kept; stays as the topic was created.', string, {
      local: 'local',
      memory: 'memory',
    }),
  }),
);

/** Kafka's names of the settings that a topic has. */
export const configNames: readonly string[] = [...topicConfigs.keys()];

/** A value that was given. */
export interface Given {
  readonly name: string;
  /** Null: its default. */
  readonly value: string | null;
}

/** Callboard's settings out of Kafka's. */
export function settingsOf(given: readonly Given[], defaults: TopicSettings): Result<Partial<TopicSettings>> {
  let settings: Partial<TopicSettings> = {};
  for (const { name, value } of given) {
    const config = topicConfigs.get(name);
    if (config === undefined)
      return failed('INVALID_SETTING', `unknown setting ${shown(name)}; known are ${configNames.join(', ')}`);
    const parsed = config.parse(value ?? config.show(defaults));
    if (parsed === undefined)
      return failed('INVALID_SETTING', `${name} must be ${config.allowed}; it is ${shown(value ?? '')}`);
    settings = { ...settings, ...parsed };
  }
  return ok(settings);
}

/** One setting as Kafka's clients are shown it. */
export interface ShownConfig {
  readonly name: string;
  readonly value: string;
  readonly source: number;
  readonly type: number;
  readonly about: string;
  /** Absent: it may be altered. */
  readonly readOnly?: boolean;
  /** What it comes from, the first counts; absent: from nothing else. */
  readonly synonyms?: readonly Pick<ShownConfig, 'name' | 'value' | 'source'>[];
}

export function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
