/**
 * Groups whose members assign by themselves, with pretended members, for properties and transcripts: carries out what the
 * barriers decide, keeps the records, and hands every answer to the member that waits for it. No log, no clock but a number.
 */
import { settle } from '../../src/group/beat.ts';
import { join } from '../../src/group/classic/join.ts';
import type { Effect, Join, Joined, Sync, Synced } from '../../src/group/classic/member.ts';
import { keepAlive, leave, sync } from '../../src/group/classic/stay.ts';
import { Groups, Topics } from '../../src/group/groups.ts';
import { decodeGroupRecord, type GroupRecord } from '../../src/group/record.ts';
import type { Fault } from '../../src/model/faults.ts';
import { id } from '../../src/model/ids.ts';

export const GROUP = 'g';
export const INITIAL_MS = 3_000;

type Answer = { readonly joined: Joined } | { readonly synced: Synced } | { readonly fault: Fault };

export class ClassicWorld {
  groups = new Groups(INITIAL_MS);
  readonly topics = new Topics();
  readonly records: GroupRecord[] = [];
  now = 1;
  #requests = 0;
  readonly #waiting = new Map<number, (answer: Answer) => void>();

  constructor() {
    this.topics.put({ id: id(1), name: 'orders', partitions: 4 });
    this.topics.put({ id: id(2), name: 'payments', partitions: 4 });
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  join(ask: Omit<Join, 'group'>, freshId: string, then: (answer: Answer) => void): void {
    const request = this.#wait(then);
    const joiner = { request, client: 'test', host: '127.0.0.1', freshId };
    this.#refused(request, join(this.groups, { group: GROUP, ...ask }, joiner, this.now));
  }

  sync(ask: Parameters<typeof sync>[1], then: (answer: Answer) => void): void {
    const request = this.#wait(then);
    this.#refused(request, sync(this.groups, ask, request, this.now));
  }

  keepAlive(ask: Parameters<typeof keepAlive>[1]): Fault | null {
    return keepAlive(this.groups, ask, this.now);
  }

  leave(members: Parameters<typeof leave>[2]): ReturnType<typeof leave> {
    const left = leave(this.groups, GROUP, members, this.now);
    this.carryOn();
    return left;
  }

  /** Time passes in the steps of a coordinator. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 250) {
      this.now += Math.min(250, left);
      this.groups.barriers.get(GROUP)?.tick(this.now);
      this.carryOn();
    }
  }

  /** Another coordinator reads the log; who waits is told so. */
  restart(): void {
    for (const then of this.#waiting.values())
      then({ fault: { code: 'UNAVAILABLE', message: 'restarting', retryable: true, hint: '' } });
    this.#waiting.clear();
    this.groups = replayed(this.records);
    this.groups.barriers.restore(this.groups.all(), this.now);
  }

  carryOn(): void {
    const effects = this.groups.barriers.take(GROUP);
    for (const effect of effects) this.#carryOut(effect);
    if (effects.length === 0) return;
    for (const record of settle(this.groups, this.topics, GROUP)) this.record(record);
  }

  record(record: GroupRecord): void {
    this.records.push(record);
    this.groups.apply(record);
  }

  #carryOut(effect: Effect): void {
    if (effect.type === 'record') this.record(effect.record);
    else {
      const then = this.#waiting.get(effect.request);
      if (then === undefined) throw new Error(`nobody waits for ${JSON.stringify(effect)}`);
      this.#waiting.delete(effect.request);
      if (effect.type === 'joined') then({ joined: effect.joined });
      else if (effect.type === 'synced') then({ synced: effect.synced });
      else then({ fault: effect.fault });
    }
  }

  #wait(then: (answer: Answer) => void): number {
    this.#waiting.set(++this.#requests, then);
    return this.#requests;
  }

  #refused(request: number, refused: Fault | null): void {
    if (refused !== null) {
      this.#waiting.get(request)?.({ fault: refused });
      this.#waiting.delete(request);
    }
    this.carryOn();
  }
}

export function replayed(records: readonly GroupRecord[]): Groups {
  const groups = new Groups(INITIAL_MS);
  for (const record of records) {
    const decoded = decodeGroupRecord({ ...record });
    if (decoded === null) throw new Error('a record that is not known');
    groups.apply(decoded);
  }
  return groups;
}

export interface Manner {
  readonly instance?: string;
  readonly protocols?: readonly string[];
  readonly protocolType?: string;
  readonly sessionMs?: number;
  readonly rebalanceMs?: number;
  readonly twoSteps?: boolean;
  readonly maySkip?: boolean;
  readonly topic?: string;
}

const text = new TextEncoder();
const asText = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** One member, as a client library has it. As a leader it gives each member its own name and the generation. */
export class Member {
  readonly name: string;
  manner: Manner;
  id = '';
  generation = -1;
  protocol = '';
  /** Whom it assigns, when it leads. */
  roster: readonly string[] = [];
  skips = false;
  assignment: string | null = null;
  /** Has joined, and not asked for its assignment. */
  joined = false;
  /** Joins that have no answer yet. */
  joining = 0;
  #lives = 0;
  readonly heard: string[] = [];

  constructor(name: string, manner: Manner) {
    this.name = name;
    this.manner = manner;
  }

  join(world: ClassicWorld): void {
    const { instance, protocols = ['range'], topic = 'orders', protocolType = 'consumer' } = this.manner;
    const { sessionMs = 10_000, rebalanceMs = 30_000, twoSteps = false, maySkip = true } = this.manner;
    const offers = protocols.map((name) => ({
      name,
      metadata: text.encode(`${this.name}:${name}`),
      topics: [topic],
      owned: [],
    }));
    const ask = { member: this.id, protocolType, protocols: offers, sessionMs, rebalanceMs, twoSteps, maySkip };
    this.assignment = null;
    this.joining++;
    world.join(instance === undefined ? ask : { ...ask, instance }, `${this.name}-${++this.#lives}`, (answer) =>
      this.#joined(answer),
    );
  }

  /** The leader assigns to all, unless told that it does not have to. */
  sync(world: ClassicWorld): void {
    this.joined = false;
    const asked = this.id;
    const give = (member: string): Sync['assignments'][number] => ({
      member,
      assignment: text.encode(`${member}@${this.generation}`),
      places: [],
    });
    world.sync({ ...this.here(), assignments: this.skips ? [] : this.roster.map(give) }, (answer) => {
      if ('synced' in answer) {
        // It has forgotten who it was: what it asked for then is of no use to it now.
        if (this.id !== asked) return;
        this.assignment = asText(answer.synced.assignment);
        this.heard.push(`gets ${this.assignment === '' ? 'nothing' : this.assignment} by ${answer.synced.protocol}`);
      } else if ('fault' in answer) this.#refused(answer.fault);
    });
  }

  /** How it names itself. */
  here(): { group: string; member: string; generation: number; instance?: string } {
    const { instance } = this.manner;
    const here = { group: GROUP, member: this.id, generation: this.generation };
    return instance === undefined ? here : { ...here, instance };
  }

  #joined(answer: Answer): void {
    this.joining--;
    if ('fault' in answer) this.#refused(answer.fault);
    if (!('joined' in answer)) return;
    const { joined } = answer;
    this.id = joined.member;
    if (joined.fault !== undefined) {
      this.#refused(joined.fault);
      return;
    }
    this.joined = true;
    this.generation = joined.generation;
    this.protocol = joined.protocol;
    this.skips = joined.skip;
    this.roster = joined.members.map(({ member }) => member);
    const leads = joined.leader === joined.member ? `, leads ${this.roster.join(' ')}` : '';
    this.heard.push(`is ${this.id} in ${this.generation} by ${this.protocol}${leads}${this.skips ? ', as it is' : ''}`);
  }

  #refused({ code }: Fault): void {
    if (code === 'UNKNOWN_MEMBER') this.id = '';
    this.heard.push(code);
  }
}
