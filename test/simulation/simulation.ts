/**
 * One seed: a world with a node, those who use it, and what goes wrong, for eight simulated minutes; then everything heals,
 * and the judge has the last word. The same seed gives the same run, to the last byte.
 */
import type { Message } from '../../runtime/actor.ts';
import { World } from '../../runtime/simulated/world.ts';
import { filterSegment, findTime, noteSegmentKeys, prepareBatch, scanSegment } from '../../src/jobs.ts';
import { id, type PartitionIndex } from '../../src/model/ids.ts';
import type { Topic, TopicSettings } from '../../src/model/topic.ts';
import { Admin } from './admin.ts';
import { Checker, PlaceHistory } from './checker.ts';
import { SimulatedClient } from './client.ts';
import { Digest } from './digest.ts';
import { Member } from './group.ts';
import { groupsOfKafka } from './kafka-groups.ts';
import { KafkaMember } from './kafka-member.ts';
import { KeyedHistory } from './keyed.ts';
import { KeyedProducer, KeyedReader } from './keyed-parties.ts';
import { Ledger } from './ledger.ts';
import { LedgerReader } from './ledger-reader.ts';
import { SimulatedNode } from './node.ts';
import { Owners } from './owners.ts';
import type { Party, Surroundings } from './party.ts';
import { IdempotentProducer, PlainProducer } from './producer.ts';
import { Reader } from './reader.ts';
import { Tap } from './tap.ts';
import { TransactionalProducer } from './transactional.ts';
import { Injected, Trouble } from './trouble.ts';

export interface SimulationOptions {
  readonly seed: number;
  /** Simulated time with load, before everything heals, ms. */
  readonly loadMs?: number;
  readonly trace?: (line: string) => void;
}

export interface SimulationResult {
  readonly seed: number;
  readonly violations: readonly string[];
  /** The faults that it drew. */
  readonly chosen: readonly string[];
  readonly digest: string;
  readonly simulatedMs: number;
  readonly acked: number;
  readonly recordsRead: number;
  /** How often each fault was met. */
  readonly faults: Readonly<Record<string, number>>;
  /** How often the node came where only faults lead. */
  readonly marks: Readonly<Record<string, number>>;
}

/** Errors that no fault explains. */
const DEFECTS = new Set(['AssertionError', 'TypeError', 'ReferenceError', 'RangeError', 'SyntaxError']);
const TOPICS: readonly (readonly [name: string, settings: Partial<TopicSettings>])[] = [
  ['orders', {}],
  ['events', { durability: 'interval', flushIntervalMs: 500 }],
  ['bulky', { segmentBytes: 1 << 20 }],
  ['fleeting', { engine: 'memory' }],
  ['trimmed', { segmentBytes: 1 << 20, retentionBytes: 1 << 20 }],
];
/** Of each key the newest record stays; and of some of them none, when it is old enough. */
const COMPACTED = { dirtyRatioMin: 0, segmentMs: 30_000, tombstoneRetentionMs: 20_000 } as const;
const KEYED: readonly (readonly [name: string, settings: Partial<TopicSettings>])[] = [
  ['latest', { ...COMPACTED, cleanup: 'compact' }],
  ['recent', { ...COMPACTED, cleanup: 'compact,delete', retentionMs: 150_000 }],
];
/** Written in transactions alone, and read by those who know what they are. */
const LEDGER = 'ledger';
const LOAD_MS = 480_000;
const SETUP_MS_MAX = 20_000;
const HEAL_MS_MAX = 120_000;

export class Simulation {
  readonly world: World;
  readonly checker: Checker;
  readonly node: SimulatedNode;
  readonly trouble: Trouble;
  readonly digest = new Digest();
  readonly #faults: Record<string, number> = {};
  readonly #marks: Record<string, number> = {};
  readonly parties: Party[] = [];
  #ledger: Ledger | null = null;
  readonly #keyed: KeyedHistory[] = [];
  readonly #options: SimulationOptions;

  constructor(options: SimulationOptions) {
    this.#options = options;
    const trace = (line: string): void => {
      this.digest.text(line);
      this.#notice(line);
      options.trace?.(line);
    };
    const jobs = { scanSegment, noteSegmentKeys, filterSegment, prepareBatch, findTime };
    this.world = new World({ seed: options.seed, jobs, trace });
    this.checker = new Checker(() => this.world.clock.monotonic());
    const tap = new Tap(this.digest, {
      effect: (operation, path) => this.trouble.effect(operation, path),
      message: (actor, message) => {
        options.trace?.(`${this.world.clock.monotonic()} ${actor} < ${shown(message)}`);
        this.trouble.message(actor);
      },
      astray: (path) => this.trouble.astray(path),
      broken: (what) => this.checker.violate(what),
    });
    this.node = new SimulatedNode(this.world, tap, {
      shardDied: (shard, error) => options.trace?.(`shard ${shard} died: ${error.message}`),
      logged: (level, message, fields) => this.#logged(level, message, fields),
      ended: () => this.trouble.nodeEnded(),
      forgot: (shard) => this.checker.forgotten((id) => shard === null || id % this.node.shards === shard),
    });
    this.trouble = new Trouble(this, this.world.random.fork());
  }

  meet(what: string): void {
    this.#faults[what] = (this.#faults[what] ?? 0) + 1;
  }

  mark(what: string): void {
    this.#marks[what] = (this.#marks[what] ?? 0) + 1;
  }

  /** Disk calls that failed: a write or a sync may take along what an interval had promised for later. */
  #notice(line: string): void {
    const [, operation, code] = / (\w+) \S+ (EIO|ENOSPC)$/.exec(line) ?? [];
    if (operation === undefined) return;
    this.mark(`${code} on ${operation}`);
    if (operation === 'sync' || operation === 'write') this.checker.power();
  }

  #logged(level: string, message: string, { actor, error }: Readonly<Record<string, unknown>>): void {
    if (level !== 'warn' && level !== 'error') return;
    const [kind, key] = String(actor).split('/');
    if (message !== 'crashed') this.mark(`${kind}: ${general(message)}`);
    else this.#crashed(String(kind), String(key), error);
  }

  #crashed(kind: string, key: string, error: unknown): void {
    if (kind === 'partition') this.checker.forgotten((id) => id === Number(key));
    if (error instanceof Injected) return;
    const what = error instanceof Error ? error : new Error(String(error));
    const actor = `${kind}/${key}`;
    this.#options.trace?.(`${actor} crashed: ${what.stack}`);
    this.mark(`${kind} crashed: ${general(what.message)}`);
    if (DEFECTS.has(what.name)) this.checker.violate(`${actor} crashed: ${what.stack}`);
  }

  run(): SimulationResult {
    const { clock } = this.world;
    this.node.start(1 + this.world.random.below(3));
    this.#setUp();
    this.#until(
      () =>
        this.checker.places.length >= 2 * TOPICS.length &&
        this.#keyed.length >= 2 * KEYED.length &&
        this.#ledger !== null,
      SETUP_MS_MAX,
      () => 'the topics were not made',
    );
    if (this.#fine) {
      this.#populate();
      this.trouble.begin();
      const end = clock.monotonic() + (this.#options.loadMs ?? LOAD_MS);
      while (this.#fine && clock.monotonic() < end) clock.advance(500);
    }
    if (this.#fine) this.#heal();
    return {
      seed: this.#options.seed,
      violations: this.checker.violations,
      chosen: this.trouble.chosen,
      digest: this.digest.hex,
      simulatedMs: clock.monotonic(),
      acked: this.checker.acked,
      recordsRead: this.checker.recordsRead,
      faults: this.#faults,
      marks: this.#marks,
    };
  }

  /** Nothing more is to be had of this node. */
  #over = false;

  get #fine(): boolean {
    return this.checker.violations.length === 0;
  }

  #until(done: () => boolean, msMax: number, why: () => string): void {
    const end = this.world.clock.monotonic() + msMax;
    while (this.#fine && !this.#over && !done()) {
      if (this.world.clock.monotonic() > end) this.#late(why());
      this.world.clock.advance(50);
    }
  }

  /** Where the only copy of the node's own logs was hit, nobody can bring them back. */
  #late(why: string): void {
    if (this.checker.excusesSilence) {
      this.#over = true;
      this.mark('unavailable after damage to its only copy');
    } else this.checker.violate(why);
  }

  get #surroundings(): Surroundings {
    const { world, checker } = this;
    const trace = this.#options.trace ?? ((): void => {});
    return { world, checker, heard: (frame) => this.digest.bytes(frame), trace, mark: (what) => this.mark(what) };
  }

  #setUp(): void {
    const { world } = this;
    const client = new SimulatedClient({
      name: 'setup',
      clock: world.clock,
      network: () => world.internet.host('setup'),
      heard: (frame) => this.digest.bytes(frame),
      broken: (what) => this.checker.violate(what),
    });
    const create = (name: string, settings: Partial<TopicSettings>): void =>
      client.call({ call: 'createTopic', name, partitions: 2, settings }, 5_000, (outcome) => {
        if (outcome.type === 'reply' && outcome.reply.call === 'createTopic') this.#made(outcome.reply.topic);
        else world.clock.after(200, () => create(name, settings));
      });
    for (const [name, settings] of [...TOPICS, ...KEYED]) create(name, { retentionMs: -1, ...settings });
    // Names of its records are all different: compaction takes out what was aborted, and nothing else.
    create(LEDGER, {
      retentionMs: -1,
      ...(world.random.chance(0.5) ? { durability: 'interval', flushIntervalMs: 500 } : {}),
      ...(world.random.chance(0.5) ? { cleanup: 'compact', dirtyRatioMin: 0, segmentMs: 30_000 } : {}),
    });
  }

  #made(topic: Topic): void {
    const places = topic.partitions.map((_, index) => new PlaceHistory(topic, id<PartitionIndex>(index)));
    const now = (): number => this.world.clock.monotonic();
    if (topic.name === LEDGER) this.#ledger ??= new Ledger(this.checker, places);
    else if (!KEYED.some(([name]) => name === topic.name)) this.checker.topic(topic);
    else this.#keyed.push(...places.map((place) => new KeyedHistory(this.checker, place, now)));
  }

  #populate(): void {
    const { places } = this.checker;
    const of = (name: string): readonly PlaceHistory[] => places.filter(({ topic }) => (topic as Topic).name === name);
    const durable = [...of('orders'), ...of('bulky')];
    const around = this.#surroundings;
    const often = [1_500, 18_000] as const;
    const owners = new Owners(this.checker, () => this.world.clock.monotonic());
    this.parties.push(
      new IdempotentProducer('p1', around, { places: of('orders'), pauseMs: often, large: 0.02 }),
      new IdempotentProducer('p2', around, { places: durable, pauseMs: often, large: 0.1 }),
      new IdempotentProducer('p3', around, { places: of('events'), pauseMs: often, large: 0.02 }),
      new PlainProducer('p4', around, { places, pauseMs: often, large: 0.02 }),
      new IdempotentProducer('p5', around, { places: of('fleeting'), pauseMs: often, large: 0.05 }),
      new IdempotentProducer('p6', around, { places: of('trimmed'), pauseMs: [1_500, 12_000], large: 0.6 }),
      new Member('m1', around, { group: 'g', owners, places: durable }),
      new Member('m2', around, { group: 'g', owners, places: durable }),
      ...groupsOfKafka(around, owners, durable),
      new Admin('a1', around),
      new Reader('r1', around, { places, waitMs: 2_000, jump: 0 }),
      new Reader('r2', around, { places: durable, waitMs: 500, jump: 0.05 }),
    );
    this.parties.push(
      new KeyedProducer('k1', around, this.#keyed),
      new KeyedProducer('k2', around, this.#keyed),
      new KeyedReader('kr', around, this.#keyed),
    );
    if (this.#ledger !== null)
      this.parties.push(
        new TransactionalProducer('t1', around, this.#ledger),
        new TransactionalProducer('t2', around, this.#ledger),
        new LedgerReader('r3', around, this.#ledger, [200, 5_000]),
      );
    for (const party of this.parties) party.begin();
  }

  /** Nobody has a transaction open any more: one reads what all of them came to. */
  #close(): void {
    if (this.#ledger === null) return;
    const reader = new LedgerReader('books', this.#surroundings, this.#ledger, [10, 100]);
    reader.begin();
    reader.conclude();
    this.#until(
      () => reader.done,
      HEAL_MS_MAX,
      () => `transactions unread after everything healed: ${reader.behind}`,
    );
    reader.ending = true;
    for (const outcome of this.#ledger.outcomes) this.mark(`transaction: ${outcome}`);
  }

  /** Everything was written: all that is compacted is read once more, from its beginning to its end. */
  #reread(): void {
    const passes = this.#keyed.map((history) => history.passes);
    const unread = (): KeyedHistory[] =>
      this.#keyed.filter((history, index) => history.passes === passes[index] && !history.excused);
    const reader = new KeyedReader('rereader', this.#surroundings, this.#keyed);
    reader.begin();
    this.#until(
      () => unread().length === 0,
      HEAL_MS_MAX,
      () => `unread after everything healed: ${unread().map(({ place }) => place.name)}`,
    );
    reader.ending = true;
  }

  /** Nothing goes wrong any more; groups settle, everybody comes to an end, and one reads it all. */
  #heal(): void {
    this.trouble.heal();
    const members = this.parties.filter((party) => party instanceof Member || party instanceof KafkaMember);
    for (const member of members) if (member instanceof KafkaMember) member.stays = true;
    const unsettled = (): string[] => unsettledIn(members, this.checker.places);
    this.#until(
      () => unsettled().length === 0,
      HEAL_MS_MAX,
      () => `not held by one member each after everything healed: ${unsettled().join(', ')}`,
    );
    const readers = this.parties.filter((party) => party instanceof Reader);
    const others = this.parties.filter((party) => !(party instanceof Reader));
    for (const party of others) party.ending = true;
    const busy = (): string[] => others.filter(({ idle }) => !idle).map(({ name }) => name);
    this.#until(
      () => busy().length === 0,
      HEAL_MS_MAX,
      () => `still waiting after everything healed: ${busy().join(', ')}`,
    );
    const last = new Reader('last', this.#surroundings, {
      places: this.checker.places,
      waitMs: 100,
      jump: 0,
      last: true,
    });
    const all = [...readers, last];
    last.begin();
    this.#until(
      () => all.every(({ caughtUp }) => caughtUp),
      HEAL_MS_MAX,
      () =>
        `unread after everything healed: ${all.map(({ name, behind }) => `${name}: ${behind.join(', ')}`).join('; ')}`,
    );
    this.#reread();
    this.#close();
    for (const party of this.parties) party.ending = true;
    if (this.#fine && !this.#over) this.checker.finish();
    if (this.#fine && !this.#over) this.#ledger?.finish();
  }
}

/** Partitions of a group's topics that no member of it holds, or more than one. */
function unsettledIn(members: readonly (Member | KafkaMember)[], places: readonly PlaceHistory[]): string[] {
  const wrong: string[] = [];
  for (const group of new Set(members.map((member) => member.group))) {
    const held = members.filter((member) => member.group === group).flatMap((member) => member.held);
    for (const place of places) {
      const wanted = ['orders', 'bulky'].includes(place.topic.name) ? 1 : 0;
      if (held.filter((one) => one === place).length !== wanted) wrong.push(`${group}: ${place.name}`);
    }
  }
  return wrong;
}

/** What is said of one file or offset, said of all. */
function general(text: string): string {
  return text.replaceAll(/\d+/g, 'n').slice(0, 100);
}

/** A message in one line, without its bytes. */
function shown(message: Message): string {
  const plain = Object.entries(message).filter(([, value]) => typeof value !== 'object' && typeof value !== 'function');
  return plain.map(([name, value]) => (name === 'type' ? value : `${name}=${value}`)).join(' ');
}

export function simulate(options: SimulationOptions): SimulationResult {
  return new Simulation(options).run();
}
