/**
 * Consume, transform, produce in transactions, while the node is killed at random moments of the way: who reads what is
 * committed finds each message once.
 */
import { equal, ok } from 'node:assert/strict';
import { type Client, connect } from '../../../src/edges/client/index.ts';
import { listOffsets } from '../../../src/protocols/kafka/calls/list-offsets.ts';
import type { TestNode } from '../../node/harness.ts';
import { Wire } from '../kafka/wire.ts';
import type { Move } from './driver.ts';
import type { Stage } from './stage.ts';

/** The Java client is what the others are measured by. */
const MESSAGES = { 'Java client': 100_000 } as Readonly<Record<string, number>>;
const MESSAGES_ELSE = 10_000;
const KILLS = 5;
/** At how much has been moved, 60 ms apart on average. */
const LOOKS_MAX = 10_000;
/** A mover of which nothing new has come for so many looks stands still: one that goes on under its id takes its place. */
const STILL_LOOKS_MAX = 1_000;
const MOVERS_MAX = 6;
const PARTITIONS = 4;
/**
 * Half a second each: longer than the session of a member that was left behind, and than the time-out, 30 s, of a transaction
 * that an instance has left open with offsets in it, which the next one waits for before it reads. Not a time: a machine that
 * stands still meanwhile is nobody's fault.
 */
const QUIET_LOOKS = 80;

export async function exactlyOnce(stage: Stage): Promise<void> {
  const { node, start, client, topic } = stage;
  const count = MESSAGES[client.name] ?? MESSAGES_ELSE;
  const [source, to] = [`${topic}-from`, `${topic}-to`];
  const admin = start();
  await admin.ask('createTopic', { topic: source, partitions: PARTITIONS });
  await admin.ask('createTopic', { topic: to, partitions: 1 });
  await fill(node, source, count);
  const moved = moveOn(stage, { id: topic, group: topic, source, to, quietLooks: QUIET_LOOKS });
  const [{ lives, movers }, kills] = await Promise.all([moved, killAlong(node, to, count)]);
  ok(lives > 0);
  if (movers > 1) stage.remark(`by ${movers} movers`);
  equal(kills, KILLS, 'it was done before the last kill');
  const values = await committedValues(node, to);
  equal(new Set(values).size, count, `${values.length} messages`);
  equal(values.length, count, 'some came twice');
}

async function fill(node: TestNode, topic: string, count: number): Promise<void> {
  const client = await connect({ server: node.server });
  const producer = client.producer();
  for (let from = 0; from < count; from += 1_000) {
    const values = Array.from({ length: Math.min(1_000, count - from) }, (_, index) => from + index);
    await Promise.all(values.map((n) => producer.send({ topic, value: `${n}`, partition: n % PARTITIONS })));
  }
  await client.close();
}

/** As somebody does who watches over a program: ends one that stands still, and starts it anew. */
async function moveOn({ node, start }: Stage, job: Move): Promise<{ readonly lives: number; readonly movers: number }> {
  for (let movers = 1; movers <= MOVERS_MAX; movers++) {
    const driver = start();
    const watch = new AbortController();
    const moved = await Promise.race([driver.ask('move', job), standsStill(node, job.to, watch.signal)]);
    watch.abort();
    if (moved !== null) return { ...moved, movers };
    await driver.crash();
  }
  throw new Error(`${MOVERS_MAX} movers stood still, one after the other`);
}

/** Answers null when nothing new has come for long. */
async function standsStill(node: TestNode, topic: string, watched: AbortSignal): Promise<null> {
  let last = -1;
  for (let still = 0; still < STILL_LOOKS_MAX && !watched.aborted; still++) {
    await betweenLooks();
    const end = await endOf(node, topic).catch(() => last);
    if (end !== last) still = 0;
    last = end;
  }
  return null;
}

const betweenLooks = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20 + 80 * Math.random()));

/** Kills where so much has been written, not at a time: on a fast machine all would be done. */
async function killAlong(node: TestNode, topic: string, count: number): Promise<number> {
  const places = Array.from({ length: KILLS }, () => Math.floor(count * (0.05 + 0.75 * Math.random()))).sort(
    (a, b) => a - b,
  );
  let kills = 0;
  for (let looks = 0; kills < places.length && looks < LOOKS_MAX; looks++) {
    await betweenLooks();
    // Who looks again does not mind a look that had no answer.
    const moved = await endOf(node, topic).catch(() => 0);
    if (moved < (places[kills] ?? 0)) continue;
    await node.kill();
    await node.startAgain();
    kills++;
  }
  return kills;
}

async function endOf(node: TestNode, topic: string): Promise<number> {
  const wire = await Wire.connect(node.kafkaPort);
  const topics = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }];
  const end = await wire.ask(listOffsets, 9, { replicaId: -1, isolationLevel: 0, topics });
  wire.end();
  return end?.topics[0]?.partitions[0]?.offset ?? 0;
}

/** By Callboard's own client, which sees nothing else, to the end of partition 0. */
export async function committedValues(node: TestNode, topic: string): Promise<string[]> {
  const client = await connect({ server: node.server });
  try {
    return await valuesOf(client, topic, await endOf(node, topic));
  } finally {
    await client.close();
  }
}

async function valuesOf(client: Client, topic: string, end: number): Promise<string[]> {
  const values: string[] = [];
  const consumer = client.consumer({ group: `judge-of-${topic}`, topics: [topic], from: 'begin' });
  const iterator = consumer[Symbol.asyncIterator]();
  // Behind the last record there may be marks, which nobody is shown.
  for (let last = -1; last < end - 1; ) {
    const next = await Promise.race([
      iterator.next(),
      new Promise<null>((resolve) => setTimeout(resolve, 5_000, null)),
    ]);
    if (next === null || next.done === true) break;
    values.push(String(next.value.value));
    last = next.value.offset;
  }
  return values;
}
