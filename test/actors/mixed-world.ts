/**
 * Consumers of both kinds in one group of a coordinator, as their client libraries act: they join, give up what they are
 * told to, and remember what they read. Nobody may read what another one reads.
 */
import type { GroupRequest } from '../../actors/coordinator/contract.ts';
import type {
  InspectGroupReply,
  JoinGroupReply,
  NamedPlaces,
  SyncGroupReply,
  SyncGroupRequest,
} from '../../src/protocols/classic.ts';
import type { HeartbeatReply } from '../../src/protocols/request.ts';
import { beatOf, codeOf, GROUP, GroupWorld, replyOf } from './group-world.ts';

export const TOPIC = 'orders';
const PARTITIONS = 4;
type Ask = GroupRequest & { readonly group: string };

interface Consumer {
  readonly reads: Set<number>;
  /** What it does of itself, as time passes. */
  act(world: MixedWorld): void;
  leave(world: MixedWorld): void;
  /** The coordinator is another one; what was asked of the one before is lost. */
  restarted(): void;
}

export class MixedWorld {
  world = new GroupWorld();
  readonly topic = this.world.topic(TOPIC, PARTITIONS).id;
  readonly consumers = new Map<string, Consumer>();

  /** A second of everybody's life. */
  pass(): void {
    for (const consumer of this.consumers.values()) this.act(consumer);
    this.world.advance(1_000);
  }

  act(consumer: Consumer): void {
    consumer.act(this);
    const readers = new Map<number, string>();
    for (const [name, { reads }] of this.consumers)
      for (const partition of reads) {
        const other = readers.get(partition);
        if (other !== undefined) throw new Error(`${other} and ${name} both read ${partition}`);
        readers.set(partition, name);
      }
  }

  restart(): void {
    this.world = this.world.restart();
    for (const consumer of this.consumers.values()) consumer.restarted();
  }

  call<R>(ask: Ask): R | string {
    const answer = this.world.asker.call(ask);
    return codeOf(answer) ?? replyOf<R>(answer);
  }

  report(): InspectGroupReply['report'] | string {
    const found = this.call<InspectGroupReply>({ call: 'inspectGroup', group: GROUP });
    return typeof found === 'string' ? found : found.report;
  }
}

export class NewConsumer implements Consumer {
  readonly reads = new Set<number>();
  readonly #name: string;
  readonly #instance: { instance?: string };
  #epoch = 0;

  constructor(name: string, instance?: string) {
    this.#name = name;
    this.#instance = instance === undefined ? {} : { instance };
  }

  act(world: MixedWorld): void {
    const owned = this.#epoch === 0 ? [] : [{ topic: world.topic, partitions: [...this.reads] as never }];
    const wishes = this.#epoch === 0 ? { topics: [TOPIC], sessionMs: 6_000, rebalanceMs: 9_000 } : {};
    const beat = beatOf({ member: this.#name, epoch: this.#epoch, owned, ...wishes, ...this.#instance });
    const heard = world.call<HeartbeatReply>(beat);
    if (typeof heard === 'string') {
      this.#epoch = 0;
      this.reads.clear();
      return;
    }
    this.#epoch = heard.epoch;
    if (heard.assignment === undefined) return;
    this.reads.clear();
    for (const { partitions } of heard.assignment) for (const partition of partitions) this.reads.add(partition);
  }

  leave(world: MixedWorld): void {
    world.call(beatOf({ member: this.#name, epoch: -1 }));
    this.reads.clear();
  }

  restarted(): void {}
}

type Waiting = { readonly call: 'join' | 'sync'; readonly request: number };

/** Eager ones give up everything before they join; cooperative ones what they are told to, and join again for the rest. */
export class ClassicConsumer implements Consumer {
  readonly reads = new Set<number>();
  readonly #instance: { instance?: string };
  readonly #cooperative: boolean;
  #id = '';
  #generation = -1;
  #waiting: Waiting | null = null;
  #member = false;

  constructor(cooperative: boolean, instance?: string) {
    this.#cooperative = cooperative;
    this.#instance = instance === undefined ? {} : { instance };
  }

  act(world: MixedWorld): void {
    if (this.#waiting !== null) this.#look(world, this.#waiting);
    else if (!this.#member) this.#join(world);
    else {
      const kept = world.call({ call: 'keepAlive', ...this.#here() });
      if (typeof kept === 'string') this.#refused(world, kept);
    }
  }

  leave(world: MixedWorld): void {
    world.call({ call: 'leaveGroup', group: GROUP, members: [{ member: this.#id }] });
    this.reads.clear();
  }

  restarted(): void {
    if (this.#waiting !== null) this.#member = false;
    this.#waiting = null;
  }

  #here(): { group: string; member: string; generation: number; instance?: string } {
    return { group: GROUP, member: this.#id, generation: this.#generation, ...this.#instance };
  }

  #join(world: MixedWorld): void {
    if (!this.#cooperative) this.reads.clear();
    const owned: NamedPlaces[] = [{ topic: TOPIC, partitions: [...this.reads] }];
    const way = this.#cooperative ? 'cooperative' : 'range';
    const ask: Ask = {
      ...{ call: 'joinGroup', group: GROUP, member: this.#id, ...this.#instance, protocolType: 'consumer' },
      protocols: [{ name: way, metadata: Uint8Array.from(this.reads), topics: [TOPIC], owned }],
      ...{ sessionMs: 6_000, rebalanceMs: 9_000, twoSteps: false, maySkip: true },
    };
    this.#ask(world, 'join', ask);
  }

  #ask(world: MixedWorld, call: Waiting['call'], ask: Ask): void {
    const request = world.world.asker.sendCall(ask);
    world.world.settle();
    this.#waiting = { call, request };
    this.#look(world, this.#waiting);
  }

  #look(world: MixedWorld, { call, request }: Waiting): void {
    const answer = world.world.asker.answer(request) as never;
    if (answer === undefined) return;
    this.#waiting = null;
    const refused = codeOf(answer);
    const reply = world.world.asker.reply(request);
    if (refused !== undefined) this.#refused(world, refused);
    else if (call === 'join') this.#joined(world, reply as JoinGroupReply);
    else this.#synced(world, reply as SyncGroupReply);
  }

  #joined(world: MixedWorld, { member, generation, leader, members, fault }: JoinGroupReply): void {
    this.#id = member;
    if (fault !== undefined) return;
    this.#generation = generation;
    const assignments = leader === member ? dealtOut(members) : [];
    this.#ask(world, 'sync', { call: 'syncGroup', ...this.#here(), assignments });
  }

  #synced(world: MixedWorld, { assignment, places }: SyncGroupReply): void {
    const given = places === undefined ? [...assignment] : places.flatMap(({ partitions }) => partitions);
    const revoked = [...this.reads].filter((partition) => !given.includes(partition));
    this.reads.clear();
    for (const partition of given) this.reads.add(partition);
    this.#member = true;
    if (this.#cooperative && revoked.length > 0) this.#join(world);
  }

  #refused(world: MixedWorld, code: string): void {
    this.#member = false;
    if (code !== 'REBALANCE_IN_PROGRESS') {
      this.#generation = -1;
      this.reads.clear();
      if (code !== 'ILLEGAL_GENERATION') this.#id = '';
    } else this.#join(world);
  }
}

/**
 * As a leader deals out, one byte a partition: what another one still reads is withheld, until that one has given it up and
 * all join again. Eager ones read nothing as they join.
 */
function dealtOut(members: JoinGroupReply['members']): SyncGroupRequest['assignments'] {
  const readers = new Map<number, string>();
  for (const { member, metadata } of members) for (const partition of metadata) readers.set(partition, member);
  return members.map(({ member }, index) => {
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
      .filter((partition) => partition % members.length === index)
      .filter((partition) => (readers.get(partition) ?? member) === member);
    return { member, assignment: Uint8Array.from(partitions), places: [{ topic: TOPIC, partitions }] };
  });
}
