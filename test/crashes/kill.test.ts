/**
 * SIGKILL of a real node at random moments under load, with threads and actors that die in between: what was acknowledged
 * is there, once, and a group's offset is not behind what was acknowledged. One and two shards take turns on the folder.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { connect } from '../../src/edges/client/index.ts';
import type { Link } from '../../src/edges/client/link.ts';
import { parseServer } from '../../src/edges/client/server.ts';
import { id, type Offset, type PartitionIndex, type TopicId } from '../../src/model/ids.ts';
import { MIB } from '../../src/model/limits.ts';
import { sized } from '../long.ts';
import { checkAll, flow, untilGrown } from '../node/flow.ts';
import { callboard, freePort } from '../node/harness.ts';
import { bareLink } from '../powercuts/node.ts';
import type { Order } from './mortal.ts';

const KILLS = sized(5, 50);
/** Resident memory stays below it, whoever dies inside. */
const MEMORY_MIB = 384;
const PARTITIONS = 6;
const ORDERS: readonly Order[] = ['exit', 'throwUncaught', 'crashPartition', 'crashCoordinator'];
const sizeOf = (number: number): number => (number % 30 === 29 ? 90_000 : (number * 53) % 2_000);

class Mortal {
  readonly #settings: object;
  #child: ChildProcess | null = null;
  /** Heard of from the start: a node that ended by itself is not waited for. */
  #gone: Promise<unknown> = Promise.resolve();
  /** The highest that any of its processes came to before its end, MiB; 0 where there is no /proc. */
  peakMib = 0;

  constructor(settings: object) {
    this.#settings = settings;
  }

  async start(shards: number): Promise<void> {
    const settings = JSON.stringify({ ...this.#settings, shards, memory: MEMORY_MIB * MIB });
    const child = fork(fileURLToPath(new URL('./mortal.ts', import.meta.url)), [settings], {
      // The traitor's deeds are logged as errors, which they are.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: [],
    });
    this.#child = child;
    this.#gone = once(child, 'exit');
    const ended = this.#gone.then(() => Promise.reject(new Error('it ended')));
    await Promise.race([once(child, 'message'), ended]);
  }

  order(order: Order): void {
    this.#child?.send(order);
  }

  async kill(): Promise<void> {
    this.#look();
    this.#child?.kill('SIGKILL');
    await this.#gone;
    this.#child = null;
  }

  async stop(): Promise<void> {
    this.#look();
    this.#child?.send('stop');
    await this.#gone;
    this.#child = null;
  }

  #look(): void {
    const child = this.#child;
    if (process.platform !== 'linux' || child === null || child.exitCode !== null || child.signalCode !== null) return;
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    this.peakMib = Math.max(this.peakMib, Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1_024);
  }
}

/** Commits ever higher offsets until told to stop. @returns the last one that was acknowledged. */
function commits(link: Link, topic: TopicId): { readonly last: () => number; stop(): Promise<void> } {
  let last = 0;
  let stopping = false;
  const done = (async () => {
    for (let next = 1; !stopping; next++) {
      const place = { topic, partition: id<PartitionIndex>(0), offset: id<Offset>(next) };
      const [result] = await Promise.allSettled([
        link.call({ call: 'commit', group: 'readers', member: '', epoch: -1, offsets: [place] }),
      ]);
      if (result.status === 'fulfilled' && result.value.parts[0]?.fault === undefined) last = next;
      await pause(5);
    }
  })();
  return {
    last: () => last,
    stop: async () => {
      stopping = true;
      await done;
    },
  };
}

test(`nothing that was acknowledged is lost over ${KILLS} kills`, async (t) => {
  const data = await mkdtemp(join(tmpdir(), 'callboard-kills-'));
  const port = await freePort();
  const mortal = new Mortal({ data, 'native.port': port, 'kafka.port': 0, 'admin.port': 0, 'log.level': 'error' });
  t.teardown(async () => {
    await mortal.kill();
    await rm(data, { recursive: true, force: true });
  });
  await mortal.start(2);
  const server = `127.0.0.1:${port}`;
  const client = await connect({ server });
  const link = bareLink(parseServer(server));
  const topic = await client.admin().createTopic('flow', { partitions: PARTITIONS, settings: { segmentBytes: MIB } });
  const flowing = flow(client, 'flow', PARTITIONS, sizeOf);
  const committing = commits(link, topic.id);
  t.teardown(async () => {
    // What goes on after the test has failed would keep the process, and nobody would hear why for long.
    const ended = Promise.allSettled([flowing.stop(), committing.stop()]);
    link.close();
    await client.close();
    await ended;
  });
  let deaths = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    await untilGrown(flowing, 20);
    await pause(Math.random() * 400);
    if (kill % 2 === 0) {
      mortal.order(ORDERS[(kill / 2) % ORDERS.length] as Order);
      deaths++;
      await pause(Math.random() * 300);
    }
    await mortal.kill();
    await mortal.start(1 + (kill % 2));
  }
  await untilGrown(flowing, 20);
  await flowing.stop();
  await committing.stop();
  t.deepEqual(flowing.failures, [], 'the producer outlived all kills');
  await checkAll(t, client, 'flow', flowing.acked);
  const { parts } = await link.call({ call: 'committed', group: 'readers' });
  t.true(committing.last() > 0 && (parts[0]?.offset ?? -1) >= committing.last(), 'the offset of the group');
  link.close();
  await client.close();
  await mortal.stop();
  const verified = await callboard(['log', 'verify', data]);
  t.is(verified.code, 0, verified.stdout);
  t.true(mortal.peakMib < MEMORY_MIB, `${mortal.peakMib.toFixed(0)} MiB were resident`);
  t.true(process.platform !== 'linux' || mortal.peakMib > 0, 'it was looked at');
  t.log(`at most ${mortal.peakMib.toFixed(0)} of ${MEMORY_MIB} MiB resident`);
  t.log(`${KILLS} kills, ${deaths} deaths inside; ${flowing.acked.size} acked messages, ${committing.last()} commits`);
});
