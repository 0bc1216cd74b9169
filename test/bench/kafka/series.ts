/**
 * What is measured: for each series its sides, which take turns, the load, and what is to be reached. All numbers that are to
 * be reached stand here. Runs nothing by itself.
 */
import type { BrokerName } from './broker.ts';
import { consume, type Figures, type Language, type Load, latency, type Measure, produce } from './clients.ts';

export interface Side {
  readonly label: string;
  readonly broker: BrokerName;
  /** Of the topic, under Kafka's names. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Ratio of medians: `of` against `against`. */
export interface Target {
  readonly measure: Measure;
  readonly of: string;
  readonly against: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Series {
  readonly name: string;
  readonly sides: readonly Side[];
  readonly targets: readonly Target[];
  readonly partitions: number;
  readonly bytes: number;
  readonly records: number;
  /** `once`: the topic is filled before all rounds and stays; else each run has one of its own, `each`: filled. */
  readonly filled: 'once' | 'each' | 'never';
  /** What a run is thought to take, until one is over. */
  readonly seconds: number;
  run(load: Load): Promise<Figures>;
}

const LONG_MAX = '9223372036854775807';
export const FSYNC: Side = { label: 'Callboard fsync', broker: 'callboard', settings: { 'flush.messages': '1' } };
export const INTERVAL: Side = {
  label: 'Callboard interval',
  broker: 'callboard',
  settings: { 'flush.messages': LONG_MAX },
};
export const KAFKA: Side = { label: 'Kafka', broker: 'kafka', settings: {} };
const KAFKA_FSYNC: Side = { label: 'Kafka flush.messages=1', broker: 'kafka', settings: { 'flush.messages': '1' } };

export const atLeast = (measure: Measure, ratio: number, of = FSYNC, against = KAFKA): Target => ({
  measure,
  of: of.label,
  against: against.label,
  atLeast: ratio,
});
export const atMost = (measure: Measure, ratio: number, of = FSYNC, against = KAFKA): Target => ({
  measure,
  of: of.label,
  against: against.label,
  atMost: ratio,
});

const PARTITIONS = 6;
/** Topic, start of the tool, and what comes after the last answer. */
const RUN_SECONDS_LEAST = 2;
const RATES = [1_000, 10_000, 50_000];

/** @param share of the records of a whole run. */
export function allSeries(share: number): Series[] {
  const whole = [
    ...oneKibibyte,
    hundredBytes('C', 4_000_000),
    hundredBytes('Java', 1_500_000),
    consumedFirst,
    consumed('C'),
    consumed('Java'),
  ];
  const shortened = (series: Series): Series => ({
    ...series,
    records: Math.round(series.records * share),
    seconds: RUN_SECONDS_LEAST + series.seconds * share,
  });
  return [...whole.map(shortened), ...RATES.map((rate) => latencySeries(rate, share)), shortened(manyPartitions)];
}

const produced = (language: Language): Pick<Series, 'run' | 'partitions' | 'filled'> => ({
  partitions: PARTITIONS,
  filled: 'never',
  run: (load) => produce(language, load),
});

const oneKibibyte: readonly Series[] = [
  {
    ...produced('C'),
    name: 'produce 1 KiB, C',
    sides: [FSYNC, KAFKA, INTERVAL, KAFKA_FSYNC],
    targets: [
      atLeast('mibPerSecond', 1.8),
      atMost('brokerCpu', 0.5),
      atLeast('mibPerSecond', 3, FSYNC, KAFKA_FSYNC),
      atLeast('mibPerSecond', 2.2, INTERVAL),
      atMost('brokerCpu', 0.45, INTERVAL),
    ],
    bytes: 1024,
    records: 1_500_000,
    seconds: 6,
  },
  {
    ...produced('Java'),
    name: 'produce 1 KiB, Java, batches of 16 KiB',
    sides: [FSYNC, KAFKA, INTERVAL, KAFKA_FSYNC],
    targets: [
      atLeast('mibPerSecond', 1.15),
      atMost('brokerCpu', 0.6),
      atLeast('mibPerSecond', 5, FSYNC, KAFKA_FSYNC),
      atLeast('mibPerSecond', 1.3, INTERVAL),
      atMost('brokerCpu', 0.6, INTERVAL),
    ],
    bytes: 1024,
    records: 300_000,
    seconds: 8,
  },
];

const hundredBytes = (language: Language, records: number): Series => ({
  ...produced(language),
  name: `produce 100 B, ${language}`,
  sides: [FSYNC, KAFKA],
  targets: [atLeast('mibPerSecond', 1.2)],
  bytes: 100,
  records,
  seconds: 6,
});

const consumed = (language: Language): Series => ({
  name: `consume 1 KiB, ${language}`,
  sides: [FSYNC, KAFKA],
  targets: [atLeast('mibPerSecond', 1), atMost('brokerCpu', 1.3)],
  partitions: PARTITIONS,
  filled: 'once',
  bytes: 1024,
  records: 1_500_000,
  seconds: 3,
  run: (load) => consume(language, load),
});

const consumedFirst: Series = {
  ...consumed('C'),
  name: 'consume 1 KiB for the first time, C',
  filled: 'each',
  seconds: 7,
};

const manyPartitions: Series = {
  ...produced('C'),
  name: '1,000 partitions in turn, C',
  sides: [FSYNC, KAFKA],
  targets: [atLeast('mibPerSecond', 1.5)],
  partitions: 1_000,
  bytes: 1024,
  records: 500_000,
  seconds: 6,
};

function latencySeries(rate: number, share: number): Series {
  const seconds = Math.max(4, 12 * share);
  const pace = { rate, warmSeconds: 3, seconds };
  return {
    name: `latency, ${rate.toLocaleString('en')}/s of 1 KiB, Go`,
    sides: [FSYNC, KAFKA],
    targets: (['ackP99', 'ackP999', 'endP99', 'endP999'] as const).map((measure) => atMost(measure, 0.5)),
    partitions: PARTITIONS,
    filled: 'never',
    seconds: 1.5 + pace.warmSeconds + seconds,
    bytes: 1024,
    records: rate * (pace.warmSeconds + seconds),
    run: (load) => latency(load, pace),
  };
}
