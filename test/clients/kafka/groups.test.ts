/**
 * Consumer groups of real clients against a real node: members come and go, crash, are static; the node is killed and
 * starts again. Every message is read, each partition by one member at a time, and what was committed does not come again.
 */
import test, { type ExecutionContext } from 'ava';
import { type Client, connect } from '../../../src/edges/client/index.ts';
import { TestNode } from '../../node/harness.ts';
import { LIBRDKAFKA_MISSING, librdkafka } from './librdkafka.ts';
import { type GroupMember, type LibrdkafkaMember, type MemberKind, memberKinds } from './members.ts';
import { LOOKS_MAX, nodeOfGroups, PARTITIONS } from './own-node.ts';

const running = nodeOfGroups();

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  // Looks are counted, not time: a machine that stands still meanwhile is nobody's fault.
  for (let looks = 0; !(await holds()); looks++) {
    if (looks > LOOKS_MAX) throw new Error(`${what}: not after ${LOOKS_MAX} looks`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Messages to all partitions; answers their values. */
async function send(by: Client, topic: string, name: string): Promise<string[]> {
  const producer = by.producer();
  const values = Array.from({ length: 40 }, (_, n) => `${name}-${n}`);
  await Promise.all(values.map((value, n) => producer.send({ topic, value, partition: n % PARTITIONS })));
  await producer.close();
  return values;
}

const all = (members: readonly GroupMember[]): string[] => members.flatMap(({ read }) => read);
const readAll = (members: readonly GroupMember[], values: readonly string[]) => (): boolean => {
  const read = new Set(all(members));
  return values.every((value) => read.has(value));
};
/** Every partition is somebody's, and nobody else's. */
const shared = (members: readonly GroupMember[]) => (): boolean => {
  const held = members.flatMap(({ partitions }) => partitions);
  return (
    held.length === PARTITIONS && new Set(held).size === PARTITIONS && members.every((one) => one.partitions.length > 0)
  );
};
const committedAll = (by: Client, group: string, count: number) => async (): Promise<boolean> => {
  const { partitions } = await by.admin().describeGroup(group);
  return partitions.reduce((sum, { committed }) => sum + Math.max(0, committed), 0) === count;
};

test('which clients there are', (t) => {
  t.log(librdkafka === undefined ? LIBRDKAFKA_MISSING : `librdkafka ${librdkafka}`);
  t.true(memberKinds.length >= 3);
});

let names = 0;
function fresh(): { readonly group: string; readonly topic: string } {
  names++;
  return { group: `group ${names}/of:tests`, topic: `topic-${names}` };
}

async function comeAndGo(t: ExecutionContext, kind: MemberKind): Promise<void> {
  const { topic } = fresh();
  const group = topic;
  const values = await send(running.client, topic, 'first');
  const first = await kind.join(running.node.kafka, group, topic);
  await until('the first reads all', readAll([first], values));
  const second = await kind.join(running.node.kafka, group, topic);
  await until('both have a share', shared([first, second]));
  values.push(...(await send(running.client, topic, 'second')));
  await until('both read all', readAll([first, second], values));
  await first.leave();
  await until('the second has all', shared([second]));
  values.push(...(await send(running.client, topic, 'third')));
  await until('all is read', readAll([first, second], values));
  await second.leave();
  t.true(await committedAll(running.client, group, values.length)(), 'what was read was committed at the end');
  const third = await kind.join(running.node.kafka, group, topic);
  const more = await send(running.client, topic, 'fourth');
  await until('the third goes on', readAll([third], more));
  t.deepEqual([...third.read].sort(), [...more].sort(), 'and reads nothing again');
  await third.leave();
  await running.client.admin().deleteGroup(group);
}

for (const kind of memberKinds)
  test(`${kind.name}: members come and go, and every message is read`, (t) => comeAndGo(t, kind));

for (const kind of memberKinds.filter((each) => each.static))
  test(`${kind.name}: a static member comes back to its partitions, and nobody else notices`, async (t) => {
    const { group, topic } = fresh();
    const values = await send(running.client, topic, 'first');
    const [first, second] = await Promise.all(
      ['a', 'b'].map((name) => kind.join(running.node.kafka, group, topic, name)),
    );
    if (first === undefined || second === undefined) return t.fail();
    await until('both have a share', shared([first, second]));
    await until('both read all', readAll([first, second], values));
    const before = [...second.partitions];
    await second.leave();
    const again = await kind.join(running.node.kafka, group, topic, 'b');
    await until('it has its partitions again', shared([first, again]));
    t.deepEqual([...again.partitions], before);
    await first.leave();
    await again.leave();
    return undefined;
  });

for (const kind of memberKinds.filter((each) => each.static && !each.name.endsWith('consumer')))
  test(`${kind.name}: what a member had that was killed goes to the others`, async (t) => {
    const { group, topic } = fresh();
    const first = (await kind.join(running.node.kafka, group, topic)) as LibrdkafkaMember;
    const second = await kind.join(running.node.kafka, group, topic);
    await send(running.client, topic, 'first');
    await until('both have a share', shared([first, second]));
    await first.crash();
    await until('the second has all', shared([second]));
    const values = await send(running.client, topic, 'second');
    await until('it reads all', readAll([second], values));
    await second.leave();
    t.pass();
  });

for (const kind of memberKinds.filter((each) => each.givesUp !== true))
  test.serial(`${kind.name}: a node that is killed and starts again loses no commit, and members go on`, async (t) => {
    const own = await TestNode.start({
      shards: 1,
      flags: ['--topics-partitions', String(PARTITIONS), '--log-level', 'error'],
    });
    t.teardown(() => own.dispose());
    const by = await connect({ server: own.server });
    const { group, topic } = fresh();
    const values = await send(by, topic, 'first');
    const member = await kind.join(own.kafka, group.replace(/\W/g, '-'), topic);
    await until('it reads all', readAll([member], values));
    await until('it commits', committedAll(by, group.replace(/\W/g, '-'), values.length));
    await own.kill();
    await own.startAgain();
    values.push(...(await send(by, topic, 'second')));
    await until('it goes on', readAll([member], values));
    t.deepEqual([...member.read].sort(), [...values].sort(), 'nothing that was committed came again');
    await member.leave();
    await by.close();
  });
