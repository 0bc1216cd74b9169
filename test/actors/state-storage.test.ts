/**
 * Catalog and groups on the real log, the real journal and a simulated disk: power is cut while commits are under way.
 * What was answered is there afterwards, and nothing goes back.
 */

import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import { makeCatalog } from '../../actors/catalog.ts';
import { type CoordinatorAnswer, coordinatorAddress, type GroupRequest } from '../../actors/coordinator/contract.ts';
import { makeCoordinator } from '../../actors/coordinator.ts';
import { makeDirectory } from '../../actors/directory.ts';
import { makeJournal } from '../../actors/journal.ts';
import { CompactionRoom } from '../../actors/partition/compaction-room.ts';
import { Rereads } from '../../actors/partition/rereads.ts';
import { makePartition } from '../../actors/partition.ts';
import type { Address, Context, Message, Supervision } from '../../runtime/actor.ts';
import { deadLetters } from '../../runtime/dead-letters.ts';
import { InProcessShards } from '../../runtime/in-process.ts';
import { World } from '../../runtime/simulated/world.ts';
import { coordinatorOf } from '../../src/group/hash.ts';
import { UnlistedRoom } from '../../src/log/unlisted.ts';
import { GROUP_BOUNDS } from '../../src/model/group-settings.ts';
import { id } from '../../src/model/ids.ts';
import { MIB } from '../../src/model/limits.ts';
import { TOPIC_DEFAULTS, type Topic } from '../../src/model/topic.ts';
import type { CommittedReply, HeartbeatReply } from '../../src/protocols/request.ts';
import { codec } from './state-world.ts';

const NODE = id<Address['node']>(1);
const GROUP = 'billing';
const supervision: Supervision = { directive: 'restart', crashesMax: 100, windowMs: 1_000, backoffMs: [10, 40] };
type Answer = Message & Record<string, unknown>;

class Node {
  readonly world: World;
  readonly problems: string[] = [];
  readonly #shards: number;
  #system: InProcessShards | null = null;
  #client: Context | null = null;
  #requests = 0;
  #heard = new Map<number, Answer>();

  constructor(seed: number, shards: number) {
    this.#shards = shards;
    this.world = new World({ seed, trace: (line) => void (/ error /.test(line) && this.problems.push(line)) });
    this.start();
  }

  start(): void {
    const ports = this.world.ports('node');
    this.#heard = new Map();
    this.#system = new InProcessShards({
      node: NODE,
      shards: this.#shards,
      tree: this.#tree(),
      init: {
        crc32c,
        codec,
        autoCreate: true,
        initialRebalanceMs: 0,
        offsetRetentionMs: 604_800_000,
        migration: 'bidirectional',
        groupBounds: GROUP_BOUNDS,
        defaults: { partitions: 4, settings: TOPIC_DEFAULTS },
        journalFileBytes: 4 * MIB,
        journalFilesMax: 3,
        freeBytesMin: 0,
        freeRatioMin: 0,
        compactions: new CompactionRoom(),
        unlisted: new UnlistedRoom(64 * MIB),
        rereads: new Rereads(0),
      },
      arenaBytes: 64 * MIB,
      pipeBytes: 4 * MIB,
      ports: () => ports,
      failed: (shard, error) => this.problems.push(`shard ${shard} failed: ${error.stack}`),
    });
    this.#system.start();
  }

  cutPower(): void {
    for (let shard = 0; shard < this.#shards; shard++) this.#system?.shard(shard).abandon();
    this.world.crash('node', 'power');
    this.start();
  }

  send(name: string, message: Answer): number {
    const request = ++this.#requests;
    this.#client?.send({ node: NODE, name, incarnation: 0 } as Address, { request, ...message } as Message);
    return request;
  }

  answer(request: number): Answer | undefined {
    return this.#heard.get(request);
  }

  /** Asks until it is answered by something that is not to be tried again. */
  ask(name: string, message: Answer): Answer {
    for (let attempt = 0; attempt < 50; attempt++) {
      const request = this.send(name, message);
      for (let passed = 0; passed < 5_000 && !this.#heard.has(request); passed += 5) this.world.clock.advance(5);
      const answer = this.#heard.get(request);
      const fault = answer?.fault as { retryable?: boolean } | undefined;
      if (answer !== undefined && fault?.retryable !== true) return answer;
      this.world.clock.advance(50);
    }
    throw new Error(`${name} does not answer; ${this.problems.join('\n')}`);
  }

  call<R>(ask: GroupRequest & { readonly group: string }): R {
    const answer = this.ask(coordinator(ask.group), {
      type: 'ask',
      client: 'test',
      host: '127.0.0.1',
      ask,
    }) as unknown as CoordinatorAnswer;
    if (answer.type !== 'answered') throw new Error(answer.type === 'refused' ? answer.fault.message : answer.type);
    return answer.reply as R;
  }

  #tree() {
    const each = { supervision, mailboxMax: 10_000 };
    const perShard = { place: (key: string) => Number(key), begins: 'start' as const };
    const keys = (shards: number): string[] => Array.from({ length: shards }, (_, shard) => String(shard));
    const byNumber = { place: (key: string, shards: number) => Number(key) % shards, begins: 'demand' as const };
    const client = (context: Context) => {
      this.#client = context;
      return {
        receive: (message: Message) => void this.#heard.set((message as Answer).request as number, message as Answer),
      };
    };
    return {
      'dead-letters': deadLetters,
      journal: { make: makeJournal, ...each, ...perShard, keys },
      partition: { make: makePartition, ...each, ...byNumber },
      catalog: { make: makeCatalog, ...each, place: () => 0, begins: 'start' as const },
      directory: { make: makeDirectory, ...each, ...perShard, keys },
      coordinator: { make: makeCoordinator, ...each, ...byNumber },
      client: { make: client, ...each, ...perShard, keys: () => ['0'] },
    };
  }
}

const coordinator = (group: string): string => coordinatorAddress(NODE, coordinatorOf(group)).name;

for (const [seed, shards] of [
  [1, 1],
  [2, 2],
  [3, 2],
] as const) {
  test(`power cuts take back no answered commit, topic or epoch: seed ${seed}, ${shards} shard(s)`, (t) => {
    const node = new Node(seed, shards);
    const create = { type: 'create', name: 'orders', partitions: 2, settings: {}, onDemand: true };
    const topic = node.ask('catalog', create).topic as Topic;
    t.is(topic.partitions.length, 2);
    const place = { topic: topic.id, partition: id<never>(0) };
    let answered = -1;
    let epoch = 0;
    let next = 1;
    for (let life = 0; life < 5; life++) {
      const found = node.ask(`directory/${shards - 1}`, { type: 'resolve', topic: 'orders', create: false });
      t.deepEqual(found.topic, topic);
      const { parts } = node.call<CommittedReply>({ call: 'committed', group: GROUP, places: [place] });
      t.true((parts[0]?.offset ?? -1) >= answered, `life ${life}: ${parts[0]?.offset} after ${answered} was answered`);
      // The member of the life before is still there: nobody was fenced by the restart.
      const base = { call: 'heartbeat', group: GROUP, waitMs: 0 } as const;
      if (life > 0) t.is(node.call<HeartbeatReply>({ ...base, member: `m${life - 1}`, epoch: -1 }).epoch, -1);
      const member = `m${life}`;
      const sessionMs = 1_800_000;
      const joined = node.call<HeartbeatReply>({ ...base, member, epoch: 0, topics: ['orders'], sessionMs });
      t.true(joined.epoch > epoch, `epoch ${joined.epoch} after ${epoch}`);
      t.deepEqual(joined.assignment, [{ topic: topic.id, partitions: [0, 1] as never }]);
      epoch = joined.epoch;
      const requests: [number, number][] = [];
      for (let n = 0; n < 40; n++) {
        const offset = next++;
        const offsets = [{ ...place, offset: id<never>(offset) }];
        const ask = { call: 'commit', group: GROUP, member, epoch, offsets };
        requests.push([node.send(coordinator(GROUP), { type: 'ask', client: 'test', host: '127.0.0.1', ask }), offset]);
        node.world.clock.advance(node.world.random.below(4));
      }
      for (const [request, offset] of requests) if (node.answer(request)?.type === 'answered') answered = offset;
      node.cutPower();
    }
    t.true(answered > 0, 'some commits were answered before the power went');
    t.deepEqual(node.problems, []);
  });
}
