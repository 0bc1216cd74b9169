/**
 * A group that changes its protocol while it runs, with real clients: members that assign by themselves are replaced one by
 * one by members that leave it to the node, and the other way round. All is read, and no partition by two at a time.
 */
import test, { type ExecutionContext } from 'ava';
import { CallboardError, type GroupDescription } from '../../../src/edges/client/index.ts';
import { LIBRDKAFKA_MISSING, librdkafka } from './librdkafka.ts';
import { type GroupMember, type MemberKind, memberKinds } from './members.ts';
import { LOOKS_MAX, nodeOfGroups, PARTITIONS } from './own-node.ts';

const running = nodeOfGroups();

/** Writes all the time, and looks whether all of it has been read. */
class Traffic {
  readonly #topic: string;
  readonly #sent: string[] = [];
  readonly #producer = running.client.producer();

  constructor(topic: string) {
    this.#topic = topic;
  }

  async send(): Promise<void> {
    const partition = this.#sent.length % PARTITIONS;
    const value = `value ${this.#sent.length}`;
    await this.#producer.send({ topic: this.#topic, value, partition });
    this.#sent.push(value);
  }

  /** Writes on until everybody has its share and nobody that of another one, and all is read. */
  async until(what: string, group: string, now: readonly GroupMember[], all: readonly GroupMember[]): Promise<void> {
    for (let looks = 0; ; looks++) {
      await this.send();
      const members = await membersOf(group);
      const owned = members.flatMap((member) => member.owned.map(({ partition }) => partition));
      if (new Set(owned).size < owned.length) throw new Error(`${what}: a partition has two owners: ${owned.join()}`);
      if (isShared(now) && this.#isRead(all)) return;
      if (looks > LOOKS_MAX)
        throw new Error(
          `${what}: ${JSON.stringify(now.map(({ partitions }) => partitions))}, ${this.#missing(all)} unread`,
        );
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** What was sent last is on its way still. */
  #isRead(members: readonly GroupMember[]): boolean {
    return this.#missing(members) <= 10;
  }

  #missing(members: readonly GroupMember[]): number {
    const read = new Set(members.flatMap((member) => member.read));
    return this.#sent.filter((value) => !read.has(value)).length;
  }

  async end(t: ExecutionContext, members: readonly GroupMember[]): Promise<void> {
    await this.#producer.close();
    for (let looks = 0; this.#missing(members) > 0 && looks < LOOKS_MAX; looks++)
      await new Promise((resolve) => setTimeout(resolve, 25));
    t.is(this.#missing(members), 0);
  }
}

/** Nobody, as long as the first has not come. */
async function membersOf(group: string): Promise<GroupDescription['members']> {
  try {
    return (await running.client.admin().describeGroup(group)).members;
  } catch (error) {
    if (error instanceof CallboardError && error.code === 'UNKNOWN_GROUP') return [];
    throw error;
  }
}

const isShared = (members: readonly GroupMember[]): boolean => {
  const held = members.flatMap(({ partitions }) => partitions);
  const whole = held.length === PARTITIONS && new Set(held).size === PARTITIONS;
  return whole && members.every(({ partitions }) => partitions.length > 0);
};

let groups = 0;

async function replaced(t: ExecutionContext, from: MemberKind, to: MemberKind): Promise<void> {
  const group = `migrated-${++groups}`;
  const traffic = new Traffic(group);
  await traffic.send();
  const join = (kind: MemberKind): Promise<GroupMember> => kind.join(running.node.kafka, group, group);
  const [a, b] = [await join(from), await join(from)];
  const all = [a, b];
  await traffic.until('two of the first kind', group, all, all);
  const c = await join(to);
  all.push(c);
  await traffic.until('one of the other kind with them', group, [a, b, c], all);
  await a.leave();
  await traffic.until('one of each', group, [b, c], all);
  const d = await join(to);
  all.push(d);
  await traffic.until('two of the other kind, and one', group, [b, c, d], all);
  await b.leave();
  await traffic.until('two of the other kind', group, [c, d], all);
  t.is((await running.client.admin().describeGroup(group)).members.length, 2);
  await traffic.end(t, all);
  await Promise.all([c.leave(), d.leave()]);
}

const kindOf = (name: string): MemberKind | undefined => memberKinds.find((kind) => kind.name.endsWith(name));
/** Not platformatic's classic ones: their commits at intervals may come late in any rebalance, and then their streams end. */
const PAIRS = [
  ['kafkajs', 'platformatic, consumer'],
  ['range', ', consumer'],
  ['cooperative-sticky', ', consumer'],
  ['kafkajs', ', consumer'],
] as const;

test('which clients there are', (t) => {
  t.log(librdkafka === undefined ? LIBRDKAFKA_MISSING : `librdkafka ${librdkafka}`);
  t.truthy(kindOf('kafkajs'));
});

for (const [classic, consumer] of PAIRS) {
  const old = kindOf(classic);
  const young = consumer.startsWith(',')
    ? memberKinds.findLast(({ name }) => /^librdkafka.*consumer$/.test(name))
    : kindOf(consumer);
  if (old === undefined || young === undefined) continue;
  test(`${old.name} is replaced by ${young.name}`, (t) => replaced(t, old, young));
  test(`${young.name} is replaced by ${old.name}`, (t) => replaced(t, young, old));
}
