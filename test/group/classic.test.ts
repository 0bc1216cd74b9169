/**
 * Whatever members do: of a generation there is one leader and one assignment, every member that gets one gets its own, no
 * generation is used twice, everybody is answered, and the log tells the whole story.
 */
import test from 'ava';
import fc from 'fast-check';
import { join } from '../../src/group/classic/join.ts';
import { type Join, NO_BYTES } from '../../src/group/classic/member.ts';
import { Groups } from '../../src/group/groups.ts';
import { GROUP_BYTES_MAX, MEMBER_BYTES_MAX } from '../../src/model/limits.ts';
import { ClassicWorld, GROUP, INITIAL_MS, Member, replayed } from './classic-world.ts';

type Action =
  | { readonly what: 'join' | 'sync' | 'alive' | 'leave' | 'forget'; readonly who: number }
  | { readonly what: 'pass'; readonly ms: number }
  | { readonly what: 'restart' };

const who = fc.nat({ max: 5 });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ what: fc.constant('join' as const), who }) },
  { weight: 10, arbitrary: fc.record({ what: fc.constant('sync' as const), who }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('alive' as const), who }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('leave' as const, 'forget' as const), who }) },
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constant('pass' as const), ms: fc.integer({ min: 250, max: 15_000 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ what: 'restart' as const }) },
);

class Play {
  readonly world = new ClassicWorld();
  readonly members = Array.from(
    { length: 6 },
    (_, n) =>
      new Member(`m${n}`, {
        protocols: n % 2 === 0 ? ['range', 'sticky'] : ['sticky', 'range'],
        twoSteps: n === 1,
        maySkip: n !== 3,
        ...(n >= 3 ? { instance: `i${n}` } : {}),
      }),
  );
  /** Of each generation: who was told to lead it, and what each got. */
  readonly #leaders = new Map<number, string>();
  readonly #given = new Map<string, string>();

  constructor() {
    // A group that has committed something is not forgotten, and its generations are counted on.
    this.world.record({ group: GROUP, type: 'offsets', offsets: [[1, 0, 1, '', -1, 0]] });
  }

  do(action: Action): void {
    if (action.what === 'pass') this.world.pass(action.ms);
    else if (action.what === 'restart') this.world.restart();
    else this.#act(this.members[action.who] as Member, action.what);
    for (const member of this.members) this.#check(member);
  }

  #act(member: Member, what: 'join' | 'sync' | 'alive' | 'leave' | 'forget'): void {
    if (what === 'join') member.join(this.world);
    else if (what === 'sync') member.sync(this.world);
    else if (what === 'alive') this.world.keepAlive(member.here());
    else if (what === 'forget') member.id = '';
    else this.world.leave([member.here()]);
  }

  #check(member: Member): void {
    for (const said of member.heard.splice(0)) {
      if (said.includes(', leads') && !member.skips) this.#leads(member);
      const got = /^gets (\S+) by/.exec(said)?.[1];
      if (got !== undefined) this.#got(member, got);
    }
  }

  #leads({ id, generation }: Member): void {
    const before = this.#leaders.get(generation);
    if (before !== undefined && before !== id) throw new Error(`${before} and ${id} lead generation ${generation}`);
    this.#leaders.set(generation, id);
  }

  /** Leaders give each member its id and the generation; a successor of a static member has its predecessor's. */
  #got(member: Member, got: string): void {
    if (got === 'nothing') throw new Error(`${member.id} has no assignment in generation ${member.generation}`);
    const [owner = '', generation] = got.split('@');
    if (Number(generation) !== member.generation) throw new Error(`${member.id} got ${got} in ${member.generation}`);
    const static_ = member.manner.instance !== undefined;
    if (static_ ? !owner.startsWith(`${member.name}-`) : owner !== member.id)
      throw new Error(`${member.id} got ${got}`);
    const place = `${member.name}@${member.generation}`;
    if ((this.#given.get(place) ?? got) !== got) throw new Error(`${place} got ${this.#given.get(place)}, then ${got}`);
    this.#given.set(place, got);
  }

  /** Members that do what they are told come to one stable generation. */
  rest(): void {
    for (let round = 0; round < 20; round++) {
      for (const member of this.members) {
        if (member.joining > 0) continue;
        const refused = this.world.keepAlive(member.here());
        if (refused !== null || member.assignment === null) member.join(this.world);
      }
      this.world.pass(6_000);
      for (const member of this.members) if (member.joined) member.sync(this.world);
      for (const member of this.members) this.#check(member);
      if (this.#settled()) return;
    }
    throw new Error(
      `no rest: ${JSON.stringify([...(this.world.groups.barriers.get(GROUP)?.members.values() ?? [])].map(({ id, joining, syncing }) => [id, joining, syncing]))}`,
    );
  }

  #settled(): boolean {
    const barrier = this.world.groups.barriers.get(GROUP);
    if (barrier?.phase !== 'stable' || barrier.members.size !== this.members.length) return false;
    return this.members.every(({ generation, assignment }) => generation === barrier.generation && assignment !== null);
  }
}

const plays = fc.array(action, { minLength: 20, maxLength: 120, size: 'max' });

test('a generation has one leader, each member gets its own assignment of it, and in the end all agree', (t) => {
  fc.assert(
    fc.property(plays, (actions) => {
      const play = new Play();
      for (const each of actions) play.do(each);
      play.rest();
      t.is(play.world.waiting, 0, 'everybody was answered');
      play.world.pass(60_000);
      t.is(play.world.groups.barriers.size, 0, 'silent members are out');
      t.is(play.world.groups.barriers.bytes, 0, 'and hold nothing');
    }),
    { numRuns: 300 },
  );
});

test('replaying the log, or a snapshot of the state, gives the same state', (t) => {
  fc.assert(
    fc.property(plays, (actions) => {
      const play = new Play();
      for (const each of actions) play.do(each);
      const live = [...play.world.groups.snapshot()];
      t.deepEqual([...replayed(play.world.records).snapshot()], live);
      t.deepEqual([...replayed(live).snapshot()], live);
    }),
    { numRuns: 100 },
  );
});

test('no generation is begun twice, also over restarts', (t) => {
  fc.assert(
    fc.property(plays, (actions) => {
      const play = new Play();
      for (const each of actions) play.do(each);
      let last = 0;
      for (const record of play.world.records) {
        if (record.type === 'deleted') last = 0;
        if (record.type !== 'epoch') continue;
        if (record.epoch <= last) throw new Error(`generation ${record.epoch} after ${last}`);
        last = record.epoch;
      }
    }),
    { numRuns: 100 },
  );
  t.pass();
});

const joining = (group: string, bytes: number, twoSteps: boolean): Join => ({
  ...{ group, member: '', protocolType: 'consumer', sessionMs: 6_000, rebalanceMs: 10_000, twoSteps, maySkip: true },
  protocols: [{ name: 'range', metadata: new Uint8Array(bytes), topics: [], owned: null }],
});

test('what strangers leave with the coordinator is bounded, and gone when they are', (t) => {
  for (const [bytes, twoSteps, most] of [
    [MEMBER_BYTES_MAX - 1_024, false, GROUP_BYTES_MAX / MEMBER_BYTES_MAX],
    [1, true, GROUP_BYTES_MAX / 64],
    [1, false, GROUP_BYTES_MAX / 64],
  ] as const) {
    const groups = new Groups(INITIAL_MS);
    let joined = 0;
    const one = (): string | undefined => {
      const joiner = { request: ++joined, client: 'c', host: 'h', freshId: `id-${joined}` };
      return join(groups, joining(`group-${joined % 100}`, bytes, twoSteps), joiner, 0)?.code;
    };
    let refused: string | undefined;
    while (refused === undefined && joined <= most) refused = one();
    t.is(refused, 'GROUP_FULL', `${joined} joins`);
    t.true(groups.barriers.bytes <= GROUP_BYTES_MAX);
    for (const now of [10_000, 400_000, 800_000])
      for (const barrier of [...groups.barriers.all()]) {
        barrier.tick(now);
        for (const effect of groups.barriers.take(barrier.group))
          if (effect.type === 'record') groups.apply(effect.record);
      }
    t.is(groups.barriers.bytes, 0);
    t.is(groups.barriers.size, 0);
  }
});

test('a member says no more than one may, and names no more ways than one may', (t) => {
  const groups = new Groups();
  const joiner = { request: 1, client: 'c', host: 'h', freshId: 'id' };
  const ask = joining('g', MEMBER_BYTES_MAX + 1, false);
  t.is(join(groups, ask, joiner, 0)?.code, 'INVALID_REQUEST');
  const ways = Array.from({ length: 33 }, (_, n) => ({ name: `${n}`, metadata: NO_BYTES, topics: [], owned: null }));
  t.is(join(groups, { ...ask, protocols: ways }, joiner, 0)?.code, 'INVALID_REQUEST');
  t.is(groups.barriers.size, 0);
});
