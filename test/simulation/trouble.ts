/**
 * What goes wrong in one seed: a subset of all faults, none included, at times of its own choosing; and how all of it heals.
 * It tells the judge what it did where that excuses something, and counts what was met.
 */
import type { DiskError } from '../../runtime/ports.ts';
import type { CrashKind } from '../../runtime/simulated/disk.ts';
import type { DiskOperation } from '../../runtime/simulated/faults.ts';
import type { SeededRandom } from '../../runtime/simulated/random.ts';
import type { World } from '../../runtime/simulated/world.ts';
import { GIB, KIB } from '../../src/model/limits.ts';
import type { Checker } from './checker.ts';
import { Damage } from './damage.ts';
import { Hostile } from './hostile.ts';
import { HOST, type SimulatedNode } from './node.ts';
import type { Party } from './party.ts';

export interface Scene {
  readonly world: World;
  readonly node: SimulatedNode;
  readonly checker: Checker;
  readonly parties: readonly Party[];
  /** A fault was met. */
  meet(what: string): void;
  /** Something came of it. */
  mark(what: string): void;
}

/** All that goes wrong. Seeds draw by this order. */
export const FAULTS = [
  'process crash',
  'power cut',
  'crash at a write',
  'clean restart',
  'worker death',
  'actor death',
  'disk error',
  'failed fsync',
  'full disk',
  'disk without room',
  'slow disk',
  'bit flip',
  'bit flip in the journal',
  'misdirected write',
  'clock jump',
  'network cut',
  'one way cut',
  'slow network',
  'connections reset',
  'client vanishes',
  'hostile bytes',
] as const;
type Fault = (typeof FAULTS)[number];

/** Thrown into an actor. */
export class Injected extends Error {}

const DISK_CHANGES: readonly DiskOperation[] = ['write', 'truncate', 'rename', 'remove', 'syncFolder', 'makeFolder'];
const SHARDS_MAX = 3;
const DISK_BYTES = 1024 * GIB;
/** Left on a disk that is about to be full. */
const ROOM_BYTES_MAX = 256 * KIB;
/** Pause between two faults, ms. */
const PAUSE_MS = [4_000, 40_000] as const;

export class Trouble {
  readonly chosen: readonly Fault[];
  readonly #scene: Scene;
  readonly #random: SeededRandom;
  #ended = false;
  /** The node ends in the midst of the disk call that brings this to 0. */
  #trap = 0;
  #trapKind: CrashKind = 'process';
  #misdirect = 0;
  readonly #doomed = new Set<string>();
  readonly #kinds: Readonly<Record<Fault, () => void>> = {
    'process crash': () => this.#crash('process'),
    'power cut': () => this.#crash('power'),
    'crash at a write': () => this.#setTrap(),
    'clean restart': () => this.#restart(),
    'worker death': () => this.#killShard(),
    'actor death': () => this.#killActor(),
    'disk error': () => this.#diskError('disk error', ['read', 'open', ...DISK_CHANGES], 'EIO'),
    'failed fsync': () => this.#diskError('failed fsync', ['sync'], 'EIO'),
    'full disk': () => this.#diskError('full disk', ['write', 'truncate'], 'ENOSPC'),
    'disk without room': () => this.#fill(),
    'slow disk': () => this.#slowDisk(),
    'bit flip': () => this.#damage.flipInPartition(),
    'bit flip in the journal': () => this.#damage.flipInJournal(),
    'misdirected write': () => this.#setMisdirect(),
    'clock jump': () => this.#jump(),
    'network cut': () => this.#cut(true),
    'one way cut': () => this.#cut(false),
    'slow network': () => this.#slowNetwork(),
    'connections reset': () => this.#reset(),
    'client vanishes': () => this.#vanish(),
    'hostile bytes': () => this.#attack(),
  };

  readonly #hostile: Hostile;
  readonly #damage: Damage;

  constructor(scene: Scene, random: SeededRandom) {
    this.#scene = scene;
    this.#random = random;
    this.#damage = new Damage(() => scene.world.disk(HOST), scene.checker, random.fork(), {
      flipped: (where) => {
        scene.meet(where === 'journal' ? 'bit flip in the journal' : 'bit flip');
        scene.mark(`bit flip in ${where}`);
      },
    });
    this.#hostile = new Hostile(scene.world, scene.checker, (what) => scene.mark(what));
    const count = random.chance(0.1) ? 0 : 1 + random.below(6);
    const left: Fault[] = [...FAULTS];
    const chosen: Fault[] = [];
    for (let each = 0; each < count; each++) chosen.push(...left.splice(random.below(left.length), 1));
    this.chosen = chosen;
  }

  begin(): void {
    if (this.chosen.length === 0) return;
    this.#scene.world.clock.after(this.#random.between(...PAUSE_MS), () => {
      if (this.#ended) return;
      this.#kinds[this.chosen[this.#random.below(this.chosen.length)] as Fault]();
      this.begin();
    });
  }

  heal(): void {
    const { world, node, parties } = this.#scene;
    this.#ended = true;
    this.#trap = 0;
    this.#misdirect = 0;
    this.#doomed.clear();
    world.disk(HOST).faults.clear();
    world.disk(HOST).resize(DISK_BYTES);
    this.#hostile.rest();
    for (const { name } of parties) this.#join(name);
    if (!node.up) this.#startSoon();
  }

  // ---- what the tap tells

  effect(operation: string, path: string): void {
    if (this.#trap === 0) return;
    this.#trap -= 1;
    if (this.#trap > 0) return;
    this.#scene.meet('crash at a write');
    this.#scene.mark(`crash at a ${operation} of ${path.split('/')[0]}`);
    this.#scene.world.clock.after(this.#random.between(0, 1), () => this.#crash(this.#trapKind));
  }

  message(actor: string): void {
    if (!this.#doomed.delete(actor)) return;
    this.#scene.meet('actor death');
    this.#scene.mark(`death of a ${actor.split('/')[0]}`);
    throw new Injected('the actor was made to die');
  }

  /** Another position for a write, in blocks; 0 for its own. */
  astray(path: string): number {
    if (this.#misdirect === 0 || !/^journal\/|^partitions\/\d+\/(.*log|manifest)$/.test(path)) return 0;
    this.#misdirect -= 1;
    if (this.#misdirect > 0) return 0;
    this.#scene.meet('misdirected write');
    this.#scene.checker.misdirected();
    return 1 + this.#random.below(8);
  }

  /** A shard or the process has ended by itself. */
  nodeEnded(): void {
    this.#scene.mark('the process ended by itself');
    this.#startSoon();
  }

  // ---- the node

  #crash(kind: CrashKind): void {
    const { node, checker } = this.#scene;
    if (!node.up) return;
    this.#scene.meet(kind === 'power' ? 'power cut' : 'process crash');
    if (kind === 'power') checker.power();
    node.crash(kind);
    this.#startSoon();
  }

  #startSoon(): void {
    const { world, node } = this.#scene;
    const shards = this.#random.chance(0.5) ? node.shards : 1 + this.#random.below(SHARDS_MAX);
    world.clock.after(this.#random.between(100, 4_000), () => {
      if (!node.up) node.start(shards);
    });
  }

  #setTrap(): void {
    this.#trap = 1 + this.#random.below(40);
    this.#trapKind = this.#random.chance(0.6) ? 'power' : 'process';
  }

  #restart(): void {
    const { node, checker } = this.#scene;
    if (!node.up) return;
    this.#scene.meet('clean restart');
    node.stop((left) => {
      if (left.length > 0) this.#scene.mark('clean restart that left something');
      // What a clean stop has left behind survives everything.
      if (left.length > 0) checker.power();
      this.#startSoon();
    });
  }

  #killShard(): void {
    const { node } = this.#scene;
    if (!node.up) return;
    this.#scene.meet('worker death');
    node.kill(this.#random.below(node.shards));
  }

  #killActor(): void {
    const names = this.#scene.node.actors.map(({ name }) => name);
    if (names.length > 0) this.#doomed.add(names[this.#random.below(names.length)] as string);
  }

  #jump(): void {
    this.#scene.meet('clock jump');
    const hours = this.#random.chance(0.2) ? 24 * 30 : this.#random.chance(0.5) ? 1 : 0.01;
    const ms = Math.floor(this.#random.between(-1, 1) * hours * 3_600_000);
    this.#scene.checker.jumped = true;
    this.#scene.checker.aheadMs += Math.max(0, ms);
    this.#scene.world.hostClock(HOST).jump(ms);
  }

  // ---- its disk

  #diskError(name: string, operations: readonly DiskOperation[], code: DiskError['code']): void {
    this.#scene.meet(name);
    const probability = this.#random.chance(0.3) ? 1 : this.#random.between(0.01, 0.3);
    const times = this.#random.chance(0.4) ? 1 : Number.POSITIVE_INFINITY;
    const fault = { operations, effect: { kind: 'error', code } as const, probability, times };
    this.#forAWhile(() => this.#scene.world.disk(HOST).faults.add(fault), 15_000);
  }

  /** Full for real: what is written fits in part, and what is removed makes room. */
  #fill(): void {
    const { world } = this.#scene;
    this.#scene.meet('disk without room');
    world.disk(HOST).resize(world.disk(HOST).usedBytes + this.#random.below(ROOM_BYTES_MAX));
    world.clock.after(this.#random.between(100, 25_000), () => world.disk(HOST).resize(DISK_BYTES));
  }

  #slowDisk(): void {
    this.#scene.meet('slow disk');
    const ms = this.#random.between(1, this.#random.chance(0.3) ? 3_000 : 100);
    const operations: readonly DiskOperation[] = ['write', 'read', 'sync', 'open', 'rename'];
    const fault = { operations, effect: { kind: 'slow', ms } as const, probability: this.#random.next() };
    this.#forAWhile(() => this.#scene.world.disk(HOST).faults.add(fault), 20_000);
  }

  #forAWhile(add: () => { remove(): void }, msMax: number): void {
    const rule = add();
    this.#scene.world.clock.after(this.#random.between(10, msMax), () => rule.remove());
  }

  #setMisdirect(): void {
    this.#misdirect = 1 + this.#random.below(60);
  }

  // ---- its network

  #cut(bothWays: boolean): void {
    const name = this.#someParty();
    const { internet, clock } = this.#scene.world;
    this.#scene.meet(bothWays ? 'network cut' : 'one way cut');
    const outward = this.#random.chance(0.5);
    if (bothWays || outward) internet.cut(name, HOST);
    if (bothWays || !outward) internet.cut(HOST, name);
    clock.after(this.#random.between(100, 40_000), () => this.#join(name));
  }

  #slowNetwork(): void {
    const name = this.#someParty();
    const { internet, clock } = this.#scene.world;
    this.#scene.meet('slow network');
    internet.slow(name, HOST, this.#random.between(1, 2_000));
    internet.slow(HOST, name, this.#random.between(1, 2_000));
    clock.after(this.#random.between(100, 30_000), () => this.#join(name));
  }

  #join(name: string): void {
    const { internet } = this.#scene.world;
    internet.heal(name, HOST);
    internet.heal(HOST, name);
    internet.slow(name, HOST, 0);
    internet.slow(HOST, name, 0);
  }

  #reset(): void {
    this.#scene.meet('connections reset');
    for (const { name } of this.#scene.parties)
      if (this.#random.chance(0.5)) this.#scene.world.internet.reset(name, HOST);
  }

  #vanish(): void {
    const { parties } = this.#scene;
    const party = parties[this.#random.below(parties.length)] as Party;
    const silent = this.#random.chance(0.7);
    this.#scene.meet(silent ? 'client vanishes' : 'client hangs up');
    party.client.leave(silent);
  }

  #attack(): void {
    this.#scene.meet('hostile bytes');
    this.#hostile.act();
  }

  #someParty(): string {
    const { parties } = this.#scene;
    return (parties[this.#random.below(parties.length)] as Party).name;
  }
}
