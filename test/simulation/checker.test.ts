/**
 * Judges the judges: each check of a history is shown the smallest history that breaks it, and one beside it that does not.
 * What this file shows to them no node has done.
 */
import test, { type ExecutionContext } from 'ava';
import { id, type PartitionId, type PartitionIndex, type Timestamp, type TopicId } from '../../src/model/ids.ts';
import { TOPIC_DEFAULTS, type Topic, type TopicSettings } from '../../src/model/topic.ts';
import { Checker, type PlaceHistory } from './checker.ts';
import { KeyedHistory } from './keyed.ts';
import { Ledger } from './ledger.ts';
import { Owners } from './owners.ts';

const BYTES = 100;
const IDEMPOTENT = true;

/** A topic with one partition, those who use it, and a clock. */
class Scene {
  ms = 1_000;
  readonly checker = new Checker(() => this.ms);
  readonly place: PlaceHistory;
  readonly ledger: Ledger;
  readonly keyed: KeyedHistory;
  readonly owners = new Owners(this.checker, () => this.ms);

  constructor(settings: Partial<TopicSettings> = {}) {
    const topic: Topic = {
      id: id<TopicId>(1),
      name: 'orders',
      createdAt: id<Timestamp>(0),
      partitions: [id<PartitionId>(16)],
      settings: { ...TOPIC_DEFAULTS, retentionMs: -1, ...settings },
      version: 1,
    };
    this.checker.topic(topic);
    this.place = this.checker.place(topic.id, id<PartitionIndex>(0)) as PlaceHistory;
    this.ledger = new Ledger(this.checker, [this.place]);
    this.keyed = new KeyedHistory(this.checker, this.place, () => this.ms);
  }

  sends(record: string, idempotent = !IDEMPOTENT): void {
    const { topic, partition } = this.place;
    this.checker.sent({ topic: topic.id, partition }, record, BYTES, idempotent);
  }

  acks(offset: number, record: string): void {
    this.checker.acknowledged(this.place, offset, [record], this.ms);
    this.ms += 1;
  }

  reads(offset: number, record: string): void {
    this.checker.read(this.place, offset, record, BYTES, this.ms);
    this.ms += 1;
  }

  /** The last reader, who reads everything, was given these. */
  ends(...offsets: number[]): void {
    for (const offset of offsets) this.place.last.add(offset);
    this.checker.finish();
  }

  /** Sent, acked and read. */
  stores(offset: number, record: string): void {
    this.sends(record);
    this.acks(offset, record);
    this.reads(offset, record);
  }

  transaction(outcome: 'open' | 'doubtful' | 'committed' | 'aborted', ...records: string[]): void {
    const transaction = this.ledger.begin(`${outcome} one`, 'group');
    for (const record of records) this.ledger.writes(transaction, this.place, record);
    transaction.outcome = outcome;
    transaction.offset = 5;
  }
}

interface Case {
  readonly what: string;
  readonly settings?: Partial<TopicSettings>;
  readonly happens: (scene: Scene) => void;
  /** What the judge says; none: nothing. */
  readonly says?: RegExp;
}

function judged(t: ExecutionContext, { what, settings, happens, says }: Case): void {
  const scene = new Scene(settings);
  happens(scene);
  const { violations } = scene.checker;
  if (says === undefined) t.deepEqual(violations, [], what);
  else t.regex(violations[0] ?? 'nothing', says, what);
}

const INTERVAL = { durability: 'interval', flushIntervalMs: 500 } as const;

/** Acked, and not there in the end. */
const loses = (s: Scene): void => {
  s.sends('a');
  s.acks(0, 'a');
  s.ends();
};

const losses: readonly Case[] = [
  { what: 'all is there', happens: (s) => [s.stores(0, 'a'), s.ends(0)] },
  { what: 'an acked record is lost', happens: loses, says: /a, seen at .* is lost/ },
  { what: 'and in a power cut', happens: (s) => [s.checker.power(), loses(s)], says: /is lost/ },
  { what: 'what was read is lost', happens: (s) => [s.sends('a'), s.reads(0, 'a'), s.ends()], says: /is lost/ },
  { what: 'an acked record of an interval is lost in its power cut', settings: INTERVAL, happens: lostToPower(100) },
  { what: 'and long before it', settings: INTERVAL, happens: lostToPower(60_000), says: /is lost/ },
  { what: 'and without one', settings: INTERVAL, happens: loses, says: /is lost/ },
  { what: 'memory is lost with its actor', settings: { engine: 'memory' }, happens: lostToDeath },
  { what: 'and without that', settings: { engine: 'memory' }, happens: loses, says: /is lost/ },
];

function lostToPower(laterMs: number): (scene: Scene) => void {
  return (s) => {
    s.sends('a');
    s.acks(0, 'a');
    s.ms += laterMs;
    s.checker.power();
    s.ends();
  };
}

function lostToDeath(s: Scene): void {
  s.sends('a');
  s.acks(0, 'a');
  s.checker.forgotten(() => true);
  s.ends();
}

const offsets: readonly Case[] = [
  {
    what: 'two values at an offset',
    happens: (s) => [s.stores(0, 'a'), s.stores(0, 'b')],
    says: /b was .* a had been/,
  },
  { what: 'what nobody sent', happens: (s) => s.reads(0, 'a'), says: /read and never sent/ },
  {
    what: 'another length',
    happens: (s) => [s.sends('a'), s.checker.read(s.place, 0, 'a', BYTES + 1, s.ms)],
    says: /101 bytes of 100/,
  },
  {
    what: 'a duplicate of an idempotent producer',
    happens: (s) => [s.sends('a', IDEMPOTENT), s.sends('a', IDEMPOTENT), s.acks(0, 'a'), s.reads(1, 'a')],
    says: /a is at 0 and 1/,
  },
  { what: 'what was sent twice', happens: (s) => [s.sends('a'), s.sends('a'), s.acks(0, 'a'), s.reads(1, 'a')] },
  { what: 'and is there three times', happens: (s) => [s.stores(0, 'a'), s.reads(1, 'a')], says: /was sent 1 times/ },
  {
    what: 'an end that goes back',
    happens: (s) => [s.checker.bounds(s.place, 9, 1_000), s.checker.bounds(s.place, 8, 2_000)],
    says: /saw the end at 9 and then at 8/,
  },
  { what: 'damage where nothing was flipped', happens: (s) => s.checker.damage(s.place, 0), says: /called damaged/ },
  {
    what: 'damage where bits were flipped',
    happens: (s) => [s.checker.flipped(s.place.id, false), s.checker.damage(s.place, 0)],
  },
  { what: 'a begin where all stays', happens: (s) => s.checker.begins(s.place, 1), says: /nothing of it may go/ },
  {
    what: 'less than retention keeps',
    settings: { retentionBytes: 10_000, segmentBytes: 1_000 },
    happens: (s) => [s.checker.begins(s.place, 1), s.stores(1, 'a'), s.ends(1)],
    says: /are left from 1 on, 10000 are to be kept/,
  },
  {
    what: 'a producer id that is given twice',
    happens: (s) => [s.checker.producerId(7, 'one'), s.checker.producerId(7, 'other')],
    says: /producer id 7 of one was given to other/,
  },
];

const commits: readonly Case[] = [
  {
    what: 'an offset that goes back',
    happens: (s) => [
      s.checker.committing('g', s.place, 9),
      s.checker.hasCommitted('g', s.place, 9),
      s.checker.committed('g', s.place, 8, 2_000),
    ],
    says: /had committed 9 .* and then 8/,
  },
  {
    what: 'one that was asked for before',
    happens: (s) => [
      s.checker.committing('g', s.place, 9),
      s.checker.hasCommitted('g', s.place, 9),
      s.checker.committed('g', s.place, 8, 500),
    ],
  },
  { what: 'one of nobody', happens: (s) => s.checker.committed('g', s.place, 1, 0), says: /nobody told it so/ },
  {
    what: 'two owners at a time',
    happens: (s) => [s.owners.holds('g', 'm', 'm', [s.place], 9_000), s.owners.holds('g', 'n', 'n', [s.place], 9_000)],
    says: /is held by n and by m/,
  },
  {
    what: 'one after the other',
    happens: (s) => {
      s.owners.holds('g', 'm', 'm', [s.place], 9_000);
      s.owners.holds('g', 'm', 'm', [], 9_000);
      s.owners.holds('g', 'n', 'n', [s.place], 9_000);
    },
  },
];

const transactions: readonly Case[] = [
  { what: 'a whole one', happens: (s) => [s.transaction('committed', 'a'), readsOf(s, 'a'), s.ledger.finish()] },
  { what: 'an aborted read', happens: (s) => [s.transaction('aborted', 'a'), readsOf(s, 'a')], says: /is aborted/ },
  { what: 'a read of what is open', happens: (s) => [s.transaction('open', 'a'), readsOf(s, 'a')], says: /is open/ },
  {
    what: 'one that is lost',
    happens: (s) => [s.transaction('committed', 'a'), s.ledger.finish()],
    says: /committed, and a are not there/,
  },
  {
    what: 'one that is torn',
    happens: (s) => [s.transaction('doubtful', 'a', 'b'), readsOf(s, 'a'), s.ledger.finish()],
    says: /torn: b of a,b/,
  },
  {
    what: 'a record twice',
    happens: (s) => [s.transaction('committed', 'a'), readsOf(s, 'a'), s.ledger.read(s.place, 1, 'a')],
    says: /a is at 0 and at 1/,
  },
  {
    what: 'the offset of an aborted one',
    happens: (s) => [s.transaction('aborted'), s.ledger.committed('group', 5)],
    says: /which no transaction has committed/,
  },
  {
    what: 'a committed one without its offset',
    happens: (s) => [s.transaction('committed'), s.ledger.committed('group', 4)],
    says: /had 5 by a transaction, and has 4/,
  },
];

function readsOf(scene: Scene, ...records: string[]): void {
  for (const [offset, record] of records.entries()) scene.ledger.read(scene.place, offset, record);
}

/** Two values of a key, of which a reader then finds those. */
function compacted(tombstone: boolean, laterMs: number, ...found: number[]): (scene: Scene) => void {
  return (s) => {
    for (const serial of [1, 2]) {
      s.keyed.writes('@k', tombstone && serial === 2);
      s.keyed.acked('@k', serial, serial);
    }
    s.ms += laterMs;
    const pass = s.keyed.begin();
    s.ms += 1;
    for (const serial of found) s.keyed.read(pass, serial, '@k', serial, tombstone && serial === 2);
    s.keyed.finish(pass);
  };
}

const COMPACT = { cleanup: 'compact', tombstoneRetentionMs: 20_000 } as const;
const keys: readonly Case[] = [
  { what: 'both are there', settings: COMPACT, happens: compacted(false, 10, 1, 2) },
  { what: 'the newest is there', settings: COMPACT, happens: compacted(false, 10, 2) },
  { what: 'the oldest is there', settings: COMPACT, happens: compacted(false, 10, 1), says: /newest is @k=1 again/ },
  { what: 'none is there', settings: COMPACT, happens: compacted(false, 60_000), says: /@k=2 was acked and is lost/ },
  { what: 'they are in another order', settings: COMPACT, happens: compacted(false, 10, 2, 1), says: /@k=1 follows/ },
  { what: 'a tombstone is gone too early', settings: COMPACT, happens: compacted(true, 10), says: /is lost/ },
  { what: 'a tombstone is gone in time', settings: COMPACT, happens: compacted(true, 60_000) },
];

for (const [of, cases] of Object.entries({ losses, offsets, commits, transactions, keys }))
  test(`the judge of ${of} says what is wrong, and nothing else`, (t) => {
    for (const one of cases) judged(t, one);
  });
