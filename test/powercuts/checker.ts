/**
 * Judges a node that starts on what a power cut has left, by what clients were told before the cut. Reads everything,
 * sends again what producers would send again, and has the folder verified before and after. Answers what is wrong, in words.
 */
import { crc32c } from '@node-rs/crc32';
import { diskFolder } from '../../src/edges/cli/log-files.ts';
import { verifyFolder } from '../../src/edges/cli/log-verify.ts';
import { type Client, connect } from '../../src/edges/client/index.ts';
import type { Link } from '../../src/edges/client/link.ts';
import type { Topic } from '../../src/model/topic.ts';
import { type History, type Lane, valueAt } from './history.ts';
import { store } from './load.ts';
import { startOn } from './node.ts';

const READ_MS_MAX = 30_000;
/** A partition that cannot come back does not answer. */
const ANSWER_MS_MAX = 15_000;
/** Sent again although they were acked: within what a node remembers of a producer. */
const ACKED_AGAIN = 2;

export interface Verdict {
  readonly wrong: readonly string[];
  /** Records that were acked before the cut and looked for. */
  readonly acked: number;
}

export async function judge(folder: string, history: History, cut: number, shards: number): Promise<Verdict> {
  // Verify knows no topics: a folder that was being removed with its topic, and lost some files, looks like damage to it.
  const deleted = history.topics.filter((topic) => topic.deleted.asked <= cut);
  const going = new Set(deleted.flatMap(({ partitions }) => partitions));
  const wrong = await damageIn(folder, 'as the cut left it', going);
  if (wrong.length > 0) return { wrong, acked: 0 };
  const { node, link, end } = await startOn(folder, shards);
  let acked = 0;
  try {
    const client = await connect({ server: node.native, requestTimeoutMs: ANSWER_MS_MAX });
    const judgement = new Judgement(client, link, history, cut);
    await judgement.run().catch((error: Error) => wrong.push(error.message));
    await client.close();
    wrong.push(...judgement.wrong);
    acked = judgement.acked;
  } finally {
    await end();
  }
  wrong.push(...(await damageIn(folder, 'after the stop', going)));
  return { wrong, acked };
}

async function damageIn(folder: string, when: string, going: ReadonlySet<number>): Promise<string[]> {
  const wrong: string[] = [];
  await verifyFolder({
    folder: diskFolder(folder),
    crc32c,
    report: ({ kind, file, position, partition, what }) => {
      if (kind === 'damage' && (partition === undefined || !going.has(partition)))
        wrong.push(`${when}, verify finds damage: ${file} ${position}: ${what}`);
    },
  });
  return wrong;
}

class Judgement {
  readonly wrong: string[] = [];
  acked = 0;
  readonly #client: Client;
  readonly #link: Link;
  readonly #history: History;
  readonly #cut: number;

  constructor(client: Client, link: Link, history: History, cut: number) {
    this.#client = client;
    this.#link = link;
    this.#history = history;
    this.#cut = cut;
  }

  async run(): Promise<void> {
    const topics = await this.#client.admin().listTopics();
    this.#topics(topics);
    for (const lane of this.#history.lanes) {
      const topic = topics.find(({ id }) => id === lane.topic);
      if (topic !== undefined) await this.#lane(topic, lane);
    }
    await this.#commits(topics);
    await this.#producers();
  }

  #topics(topics: readonly Topic[]): void {
    for (const { name, created, deleted } of this.#history.topics) {
      const isThere = topics.some((topic) => topic.name === name);
      if (isThere && deleted.told <= this.#cut) this.wrong.push(`topic ${name} was deleted and is there`);
      if (!isThere && created.told <= this.#cut && deleted.asked > this.#cut)
        this.wrong.push(`topic ${name} was created and is not there`);
    }
    if (new Set(topics.map(({ name }) => name)).size !== topics.length) this.wrong.push('a topic is there twice');
  }

  async #lane(topic: Topic, lane: Lane): Promise<void> {
    const place = `${topic.name}/${lane.partition}`;
    const stored = await this.#read(topic, lane, 0, place);
    const told = lane.batches.filter((batch) => batch.told <= this.#cut);
    const promised = told.reduce((end, { base, values }) => Math.max(end, base + values.length), 0);
    if (lane.promise === 'all') {
      this.acked += promised;
      if (stored < promised) this.wrong.push(`${place} ends at ${stored}, ${promised} were acked`);
    }
    await this.#again(lane, stored, place);
    await this.#read(topic, lane, stored, place);
  }

  /** @returns the end. What stands at an offset is what was sent there, or it is wrong. */
  async #read(topic: Topic, lane: Lane, from: number, place: string): Promise<number> {
    const { partition } = lane;
    const admin = this.#client.admin();
    const [end] = await admin.offsets(topic.name, 'end', { partitions: [partition] });
    const [begin] = await admin.offsets(topic.name, 'begin', { partitions: [partition] });
    if (end === undefined || begin === undefined) throw new Error('a partition has a begin and an end');
    if (begin.offset > 0 && !lane.trimmed) this.wrong.push(`${place} begins at ${begin.offset}`);
    let next = Math.max(from, begin.offset);
    const reader = this.#client.reader({
      topic: topic.name,
      partitions: [partition],
      from: { offset: next },
      onError: (error) => this.wrong.push(`${place} at ${next}: ${error.code} ${error.message}`),
    });
    const deadline = Date.now() + READ_MS_MAX;
    const before = this.wrong.length;
    while (next < end.offset && Date.now() < deadline && this.wrong.length === before) {
      for (const { offset, value } of await reader.poll({ max: 10_000 })) {
        if (offset > next && lane.trimmed) next = offset;
        if (offset !== next) this.wrong.push(`${place}: ${offset} follows ${next - 1}`);
        if (value?.toString() !== valueAt(lane, offset, this.#cut))
          this.wrong.push(`${place}: at ${offset} stands ${value?.subarray(0, 40).toString()}`);
        next = offset + 1;
      }
    }
    await reader.close();
    if (next < end.offset) this.wrong.push(`${place}: reading stopped at ${next} of ${end.offset}`);
    return end.offset;
  }

  /** A producer that heard nothing sends again; what is stored is answered with its place, the rest is stored behind it. */
  async #again(lane: Lane, stored: number, place: string): Promise<void> {
    const first = lane.batches.findIndex(({ base }) => base >= stored);
    const from = Math.max(0, (first < 0 ? lane.batches.length : first) - ACKED_AGAIN);
    for (const batch of lane.batches.slice(from)) {
      if (batch.asked > this.#cut) break;
      const offset = await store(this.#link, lane, batch).catch((error: Error) => error.message);
      if (offset !== batch.base)
        this.wrong.push(`${place}: sent again, batch ${batch.base} is answered with ${offset}`);
    }
  }

  async #commits(topics: readonly Topic[]): Promise<void> {
    const groups = new Set(this.#history.commits.map(({ group }) => group));
    for (const group of groups) {
      const ofGroup = this.#history.commits.filter((commit) => commit.group === group);
      const topic = ofGroup[0]?.topic;
      if (!topics.some(({ id }) => id === topic)) continue;
      const { parts } = await this.#link.call({ call: 'committed', group });
      const found = parts.find((part) => part.topic === topic)?.offset ?? -1;
      const told = ofGroup.findLast((commit) => commit.told <= this.#cut)?.offset ?? -1;
      const asked = ofGroup.findLast((commit) => commit.asked <= this.#cut)?.offset ?? -1;
      if (found < told || found > asked) this.wrong.push(`${group} is at ${found}, told ${told}, asked ${asked}`);
    }
  }

  async #producers(): Promise<void> {
    const { producerId } = await this.#link.call({ call: 'producer' });
    const given = this.#history.producers.filter(({ told }) => told <= this.#cut);
    if (given.some((producer) => producer.producerId >= producerId))
      this.wrong.push(`producer ${producerId} is given out again`);
  }
}
