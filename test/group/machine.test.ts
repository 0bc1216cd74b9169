/** Whatever members do, a partition has one reader; left alone, a group comes to balance; its log tells the whole story. */
import test from 'ava';
import fc from 'fast-check';
import { stateOf } from '../../src/group/describe.ts';
import { Groups } from '../../src/group/groups.ts';
import { decodeGroupRecord, type GroupRecord } from '../../src/group/record.ts';
import { GROUP, MachineWorld, Pretender } from './machine-world.ts';

const TOPICS = ['a', 'b', 'c', '__proto__', 'constructor'];

type Action =
  | {
      readonly what: 'join' | 'beat' | 'nudge' | 'giveUp' | 'leave' | 'pause' | 'crash' | 'rejoin';
      readonly who: number;
    }
  | { readonly what: 'subscribe'; readonly who: number; readonly topics: string[] }
  | { readonly what: 'topic'; readonly number: number; readonly partitions: number }
  | { readonly what: 'drop'; readonly number: number }
  | { readonly what: 'pass'; readonly ms: number };

const who = fc.nat({ max: 7 });
const wish = fc.uniqueArray(fc.constantFrom(...TOPICS), { minLength: 1, maxLength: 3 });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant('join' as const), who }) },
  { weight: 12, arbitrary: fc.record({ what: fc.constant('beat' as const), who }) },
  { weight: 8, arbitrary: fc.record({ what: fc.constant('giveUp' as const), who }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('nudge' as const), who }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constantFrom('leave', 'pause', 'crash', 'rejoin'), who }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('subscribe' as const), who, topics: wish }) },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('topic' as const),
      number: fc.integer({ min: 1, max: 5 }),
      partitions: fc.integer({ min: 1, max: 9 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('drop' as const), number: fc.integer({ min: 1, max: 5 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant('pass' as const), ms: fc.integer({ min: 100, max: 30_000 }) }),
  },
);

class Play {
  readonly world = new MachineWorld();
  readonly members: Pretender[];
  /** Topics that were deleted come back under new ids. */
  readonly #ids = new Map<number, number>();
  #nextId = 1;
  readonly #sizes = new Map<number, number>();

  constructor(assignor: 'sticky' | 'range' | 'roundrobin') {
    this.members = Array.from({ length: 8 }, (_, n) => {
      const topics = n < 5 ? ['a', '__proto__'] : ['a', 'b', 'constructor'];
      return new Pretender(`m${n}`, topics, assignor, n % 3 === 0 ? `i${n}` : undefined);
    });
    this.#put(1, 4);
    this.#put(4, 3);
  }

  do(action: Action): void {
    if (action.what === 'topic') this.#put(action.number, action.partitions);
    else if (action.what === 'drop') this.#drop(action.number);
    else if (action.what === 'pass') this.#pass(action.ms);
    else this.#act(this.members[action.who] as Pretender, action);
  }

  #act(member: Pretender, action: Extract<Action, { readonly who: number }>): void {
    const { world } = this;
    if (action.what === 'join' && !member.joined) member.join(world);
    else if (!member.joined) return;
    else if (action.what === 'beat') member.beat(world);
    else if (action.what === 'nudge') member.nudge(world);
    else if (action.what === 'giveUp') member.giveUp();
    else if (action.what === 'leave') member.leave(world, -1);
    else if (action.what === 'pause' && member.instance !== undefined) member.leave(world, -2);
    else if (action.what === 'rejoin') member.join(world);
    else if (action.what === 'crash') member.lose();
    else if (action.what === 'subscribe') {
      member.topics = action.topics;
      const refused = world.beat({ member: member.id, epoch: member.epoch, topics: action.topics });
      if (refused !== null) member.lose();
    }
  }

  /** Members that time out learn of it by their next heartbeat; until then nobody may count on them. */
  #pass(ms: number): void {
    for (const out of this.world.pass(ms)) this.members.find(({ id }) => id === out)?.lose();
  }

  #put(number: number, partitions: number): void {
    const size = Math.max(partitions, this.#sizes.get(number) ?? 0);
    if (!this.#ids.has(number)) this.#ids.set(number, this.#nextId++);
    this.#sizes.set(number, size);
    this.world.topic(this.#ids.get(number) ?? 0, TOPICS[number - 1] ?? '', size);
  }

  #drop(number: number): void {
    const topic = this.#ids.get(number);
    if (topic === undefined) return;
    this.#ids.delete(number);
    this.#sizes.delete(number);
    this.world.dropTopic(topic);
  }

  /** Nobody reads what another one reads. */
  readers(): string | null {
    const readers = new Map<number, string>();
    for (const member of this.members) {
      for (const key of [...member.holds, ...member.givingUp]) {
        const other = readers.get(key);
        if (other !== undefined && other !== member.id) return `${key} is read by ${other} and by ${member.id}`;
        readers.set(key, member.id);
      }
    }
    return null;
  }

  /** Everybody who is there beats until nothing changes. @returns the rounds it took. */
  rest(): number {
    // Those who crashed and those who paused run out of time; the others beat meanwhile.
    for (let n = 0; n < 4; n++) {
      for (const member of this.members) if (member.joined) member.beat(this.world);
      this.#pass(9_000);
    }
    for (let round = 1; round < 20; round++) {
      for (const member of this.members) {
        member.giveUp();
        if (member.joined) member.beat(this.world);
      }
      const { group } = this.world;
      if (group === undefined || stateOf(group) === 'empty' || stateOf(group) === 'stable') return round;
    }
    return Infinity;
  }
}

const snapshotOf = (groups: Groups): GroupRecord[] => [...groups.snapshot()];

function replayed(records: readonly GroupRecord[]): Groups {
  const groups = new Groups();
  for (const record of records) {
    const decoded = decodeGroupRecord(JSON.parse(JSON.stringify(record)));
    if (decoded === null) throw new Error('a record that is not known');
    groups.apply(decoded);
  }
  return groups;
}

for (const assignor of ['sticky', 'range', 'roundrobin'] as const) {
  test(`${assignor}: a partition never has two readers, and a group that is left alone comes to rest`, (t) => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 40, maxLength: 120, size: 'max' }), (actions) => {
        const play = new Play(assignor);
        for (const each of actions) {
          play.do(each);
          const wrong = play.readers();
          if (wrong !== null) throw new Error(wrong);
        }
        const rounds = play.rest();
        if (rounds > 6) throw new Error(`no rest after ${rounds} rounds`);
        checkServed(play);
      }),
      { numRuns: 150 },
    );
    t.pass();
  });
}

/** Every partition that a present member wants has exactly one reader. */
function checkServed(play: Play): void {
  const { group, topics } = play.world;
  const wrong = play.readers();
  if (wrong !== null) throw new Error(wrong);
  const held = play.members.reduce((sum, { holds }) => sum + holds.size, 0);
  let wanted = 0;
  for (const name of group?.wanted() ?? []) wanted += topics.byName(name)?.partitions ?? 0;
  if (held !== wanted) throw new Error(`${held} of ${wanted} partitions are read`);
}

test('replaying the log, or a snapshot of the state, gives the same state', (t) => {
  fc.assert(
    fc.property(fc.array(action, { minLength: 20, maxLength: 80, size: 'max' }), (actions) => {
      const play = new Play('sticky');
      for (const each of actions) play.do(each);
      const live = snapshotOf(play.world.groups);
      t.deepEqual(snapshotOf(replayed(play.world.records)), live);
      t.deepEqual(snapshotOf(replayed(live)), live);
    }),
    { numRuns: 100 },
  );
});

test('an epoch is never used twice, also over a restart', (t) => {
  fc.assert(
    fc.property(fc.array(action, { minLength: 20, maxLength: 80, size: 'max' }), fc.nat(), (actions, cut) => {
      const play = new Play('sticky');
      for (const each of actions) play.do(each);
      const { records } = play.world;
      const epochs: number[] = [];
      let last = 0;
      for (const record of records) {
        if (record.group !== GROUP) continue;
        if (record.type === 'deleted') last = 0;
        if (record.type !== 'target') continue;
        if (record.epoch <= last) throw new Error(`epoch ${record.epoch} after ${last}`);
        last = record.epoch;
        epochs.push(last);
      }
      // Cut anywhere: what was recovered knows every epoch that anybody can have seen.
      const kept = records.slice(0, cut % (records.length + 1));
      const lastKept = kept.findLast((record) => record.type === 'target' || record.type === 'deleted');
      const recovered = replayed(kept).get(GROUP);
      if (lastKept?.type === 'target' && recovered?.epoch !== lastKept.epoch) throw new Error('an epoch was lost');
    }),
    { numRuns: 50 },
  );
  t.pass();
});
