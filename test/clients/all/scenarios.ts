/**
 * What every client has to find at a node, written once for all of them: writing, reading, groups, crashes on both sides,
 * administration. Throws where it is not so.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { TestNode } from '../../node/harness.ts';
import { LosingProxy } from '../kafka/losing-proxy.ts';
import { type Message, type Stored, sampleMessages, stored } from '../kafka/message.ts';
import type { Client } from './clients.ts';
import type { Driver, GroupKind, Read, Seen } from './driver.ts';
import { committedValues, exactlyOnce } from './exactly-once.ts';
import type { Scenario, Stage } from './stage.ts';

const PLAIN = { partition: 0, codec: 'none', acks: -1, idempotent: false } as const;
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
const GROUP_LOOKS_MAX = 400;
const REASON_MAX = 500;

const all = (topic: string, count: number): Read => ({ topic, partition: 0, from: 0, count });

function isSame(read: readonly Stored[], wanted: readonly Stored[], codec = ''): void {
  if (isDeepStrictEqual(read, wanted)) return;
  const at = wanted.findIndex((one, index) => !isDeepStrictEqual(read[index], one));
  const difference = `${JSON.stringify(read[at])} instead of ${JSON.stringify(wanted[at])}`;
  throw new Error(`${codec} ${read.length} of ${wanted.length} messages; ${difference}`.slice(0, REASON_MAX));
}

async function codecs({ start, topic }: Stage): Promise<void> {
  const driver = start();
  for (const codec of CODECS) {
    const messages = sampleMessages();
    await driver.ask('produce', { ...PLAIN, topic: `${topic}-${codec}`, codec, messages });
    isSame(await driver.ask('read', all(`${topic}-${codec}`, messages.length)), stored(messages), codec);
  }
}

async function acks({ start, topic }: Stage): Promise<void> {
  const driver = start();
  const messages = sampleMessages();
  for (const many of [-1, 1, 0]) await driver.ask('produce', { ...PLAIN, topic, acks: many, messages });
  isSame(await driver.ask('read', all(topic, 150)), stored([...messages, ...messages, ...messages]));
}

/** The node is killed under a producer, twice: what was acked is there, once, in its order. */
async function idempotence({ node, start, topic }: Stage): Promise<void> {
  const driver = start();
  const messages = Array.from({ length: 400 }, (_, index) => message(`${index}`));
  await driver.ask('createTopic', { topic, partitions: 1 });
  const produced = driver.ask('produce', { ...PLAIN, topic, idempotent: true, messages, pauseMs: 10 });
  for (let crash = 0; crash < 2; crash++) {
    await pause(1_200);
    await node.kill();
    await node.startAgain();
  }
  await produced;
  isSame(await start().ask('read', all(topic, messages.length)), stored(messages));
}

/** Of now: older ones would go, by the age at which the topics here let records go. */
const message = (value: string): Message => ({ key: null, value, headers: [], timestamp: Date.now() });
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function fill(driver: Driver, topic: string, words: readonly string[]): Promise<void> {
  for (let partition = 0; partition < 4; partition++) {
    const messages = words.map((word) => message(`${word}-${partition}`));
    await driver.ask('produce', { ...PLAIN, partition, topic, messages });
  }
}

/** Looks at members until what they were given fits. */
async function until(members: readonly Driver[], what: string, fits: (all: readonly Seen[]) => boolean): Promise<void> {
  let last: readonly Seen[] = [];
  // Looks are counted, not time: a machine that stands still meanwhile is nobody's fault.
  for (let looks = 0; looks < GROUP_LOOKS_MAX; looks++) {
    last = await Promise.all(members.map((member) => member.ask('seen', {})));
    if (fits(last)) return;
    await pause(100);
  }
  throw new Error(`${what} did not come: ${JSON.stringify(last)}`);
}

/** Every one of the partitions has one owner, and each of the members as many as the others. */
const isShared = (seen: readonly Seen[]): boolean => {
  const owned = seen.flatMap(({ assigned }) => assigned);
  return owned.toSorted().join() === '0,1,2,3' && seen.every(({ assigned }) => assigned.length === 4 / seen.length);
};
const hasRead = (word: string) => (seen: readonly Seen[]) =>
  [0, 1, 2, 3].every((partition) => seen.some(({ values }) => values.includes(`${word}-${partition}`)));

const groups = (kind: GroupKind): Scenario => ({
  name: { range: 'group, classic', cooperative: 'group, cooperative', consumer: 'group, KIP-848' }[kind],
  async play({ start, topic }) {
    const [admin, first, second] = [start(), start(), start()];
    await admin.ask('createTopic', { topic, partitions: 4 });
    await fill(admin, topic, ['one']);
    const job = { group: topic, topic, kind, instance: null };
    await first.ask('join', job);
    await until([first], 'all partitions for the first', isShared);
    await until([first], 'what was there', hasRead('one'));
    await first.ask('commit', {});
    await second.ask('join', job);
    await until([first, second], 'half of the partitions each', isShared);
    await fill(admin, topic, ['two']);
    await until([first, second], 'what came later', hasRead('two'));
    ok(!(await second.ask('seen', {})).values.some((value) => value.startsWith('one')), 'committed, and read again');
    await second.ask('commit', {});
    await second.ask('leave', {});
    await until([first], 'all partitions after the other left', isShared);
    ok((await admin.ask('groups', {})).includes(topic), 'the group is not listed');
  },
});

/** A member dies; the other one gets its partitions, and what it had not committed. */
async function memberCrash({ start, topic }: Stage): Promise<void> {
  const [admin, first, second] = [start(), start(), start()];
  await admin.ask('createTopic', { topic, partitions: 4 });
  const job = { group: topic, topic, kind: 'range', instance: null } as const;
  await first.ask('join', job);
  await second.ask('join', job);
  await until([first, second], 'half of the partitions each', isShared);
  await fill(admin, topic, ['one']);
  await until([first, second], 'what was written', hasRead('one'));
  await second.crash();
  await until([first], 'the partitions of the dead', isShared);
  await until([first], 'what the dead had not committed', hasRead('one'));
}

/** A static member dies and comes back: it has its partitions again, and the other never lost one. */
async function staticMember({ start, topic }: Stage): Promise<void> {
  const [admin, first, second] = [start(), start(), start()];
  await admin.ask('createTopic', { topic, partitions: 4 });
  const job = { group: topic, topic, kind: 'range' } as const;
  await first.ask('join', { ...job, instance: 'a' });
  await second.ask('join', { ...job, instance: 'b' });
  await until([first, second], 'half of the partitions each', isShared);
  const { assigned } = await second.ask('seen', {});
  const before = await first.ask('seen', {});
  await second.crash();
  const back = start();
  await back.ask('join', { ...job, instance: 'b' });
  await until([back], 'its partitions', ([seen]) => seen?.assigned.join() === assigned.join());
  deepEqual((await first.ask('seen', {})).assigned, before.assigned);
}

/** Node and client end; what was committed is not read again by who comes next. */
async function restart({ node, start, topic }: Stage): Promise<void> {
  const [admin, first] = [start(), start()];
  await admin.ask('createTopic', { topic, partitions: 4 });
  await fill(admin, topic, ['one']);
  const job = { group: topic, topic, kind: 'range', instance: null } as const;
  await first.ask('join', job);
  await until([first], 'what was there', hasRead('one'));
  await first.ask('commit', {});
  await first.ask('leave', {});
  await node.kill();
  await node.startAgain();
  const [writer, next] = [start(), start()];
  await fill(writer, topic, ['two']);
  await next.ask('join', job);
  await until([next], 'what came after the commit', hasRead('two'));
  ok(!hasRead('one')([await next.ask('seen', {})]), 'committed, and read again');
}

async function administration({ start, topic }: Stage): Promise<void> {
  const driver = start();
  await driver.ask('createTopic', { topic, partitions: 2 });
  deepEqual(await driver.ask('describeTopic', { topic }), { partitions: 2, retention: '3600000' });
  await driver.ask('growTopic', { topic, partitions: 5 });
  await driver.ask('alterTopic', { topic, retention: '7200000' });
  deepEqual(await driver.ask('describeTopic', { topic }), { partitions: 5, retention: '7200000' });
  await driver.ask('deleteTopic', { topic });
  const shown = await driver.ask('describeTopic', { topic }).catch(() => null);
  equal(shown?.partitions ?? 0, 0, 'the topic is still there');
}

/** Of two transactions who reads what is committed sees one. */
async function transactions({ start, topic }: Stage): Promise<void> {
  const driver = start();
  await driver.ask('createTopic', { topic, partitions: 1 });
  for (const [word, commit] of [['aborted', false] as const, ['committed', true] as const])
    await driver.ask('transact', { id: topic, topic, partition: 0, messages: [message(word)], commit });
  const read = await driver.ask('read', { ...all(topic, 1), committed: true });
  deepEqual(
    read.map(({ value }) => value),
    ['committed'],
  );
}

/** Answers get lost: what is sent again is stored once, in its order. */
async function droppedAnswers({ start, topic, client }: Stage): Promise<void> {
  const proxy = new LosingProxy();
  const advertised = `127.0.0.1:${await proxy.listen()}`;
  const flags = ['--topics-partitions', '1', '--log-level', 'warn', '--kafka-advertised', advertised];
  const own = await TestNode.start({ flags });
  try {
    proxy.to = own.kafkaPort;
    const driver = start(client, advertised);
    const messages = Array.from({ length: 100 }, (_, index) => message(`${index}`));
    const times = { idempotent: true, pauseMs: 5 };
    await driver.ask('produce', { ...PLAIN, ...times, topic, messages });
    ok(proxy.lost > 0, 'no answer was lost');
    isSame(await driver.ask('read', all(topic, messages.length)), stored(messages));
    equal((await committedValues(own, topic)).length, messages.length, 'something is behind them');
  } finally {
    proxy.close();
    await own.dispose();
  }
}

/** From one protocol of groups to the other and back, member by member. */
async function changeOver({ start, topic }: Stage): Promise<void> {
  const [admin, first, second, third] = [start(), start(), start(), start()];
  await admin.ask('createTopic', { topic, partitions: 4 });
  await fill(admin, topic, ['one']);
  const job = { group: topic, topic, instance: null };
  await first.ask('join', { ...job, kind: 'cooperative' });
  await until([first], 'all partitions for the first', isShared);
  await until([first], 'what was there', hasRead('one'));
  await first.ask('commit', {});
  await second.ask('join', { ...job, kind: 'consumer' });
  await until([first, second], 'half of the partitions each', isShared);
  await first.ask('leave', {});
  await until([second], 'all partitions for the one that lets the node assign', isShared);
  await third.ask('join', { ...job, kind: 'range' });
  await until([second, third], 'half of the partitions each, again', isShared);
  await fill(admin, topic, ['two']);
  await until([second, third], 'what came later', hasRead('two'));
  await second.ask('commit', {});
  await second.ask('leave', {});
  await until([third], 'all partitions for the one that assigns itself', isShared);
  await fill(admin, topic, ['three']);
  await until([third], 'what came last', hasRead('three'));
  ok(!(await third.ask('seen', {})).values.some((value) => value.startsWith('one')), 'committed, and read again');
}

export const scenarios: readonly Scenario[] = [
  { name: 'codecs', play: codecs },
  { name: 'acks', play: acks },
  { name: 'idempotent, node killed', play: idempotence },
  { name: 'idempotent, answers dropped', play: droppedAnswers },
  groups('range'),
  groups('cooperative'),
  groups('consumer'),
  { name: 'group changes over', play: changeOver },
  { name: 'member killed', play: memberCrash },
  { name: 'static member', play: staticMember },
  { name: 'commit, node killed', play: restart },
  { name: 'administration', play: administration },
  { name: 'transactions', play: transactions },
  { name: 'exactly once, node killed', play: exactlyOnce },
];

/** What the client writes, read by another; names, times and all. */
export const readBy = (reader: Client): Scenario => ({
  name: `read by ${reader.name}`,
  async play({ start, topic }) {
    const [from, to] = [start(), start(reader)];
    for (const codec of ['none', 'zstd', 'snappy']) {
      const messages = sampleMessages();
      await from.ask('produce', { ...PLAIN, topic: `${topic}-${codec}`, codec, messages });
      isSame(await to.ask('read', all(`${topic}-${codec}`, messages.length)), stored(messages), codec);
    }
  },
});
