/** Actors on the simulated world: the kernel with its shards in one thread, on a seeded clock and disk. */
import test from 'ava';
import type { Address, Context, Message, Tree } from '../../../runtime/actor.ts';
import { deadLetters } from '../../../runtime/dead-letters.ts';
import { InProcessShards } from '../../../runtime/in-process.ts';
import type { DiskError, DiskFile } from '../../../runtime/ports.ts';
import { type ThreadPorts, World } from '../../../runtime/simulated/world.ts';
import { address, kind, NODE, restart } from '../kernel-world.ts';

interface Note extends Message {
  readonly type: 'noted';
  readonly at: number;
}

/** Writes a byte a message to its file and answers once it is durable. */
class Writer {
  readonly #context: Context;
  #file: DiskFile | null = null;
  /** Null before the file's length is known. */
  #at: number | null = null;
  readonly #waiting: Address[] = [];

  constructor(context: Context) {
    this.#context = context;
    const opened = (_error: DiskError | null, file?: DiskFile) => ({ type: 'opened', file: file ?? null });
    context.disk.open('log', { mode: 'write' }, opened);
  }

  receive(message: Message & Record<string, unknown>, from: Address): void {
    const { disk } = this.#context;
    if (message.type === 'opened') {
      this.#file = message.file as DiskFile;
      disk.size(this.#file, (_error, at) => ({ type: 'sized', at }));
    } else if (message.type === 'sized') {
      this.#at = message.at as number;
      for (const asker of this.#waiting.splice(0)) this.#append(asker);
    } else if (message.type === 'append') {
      if (this.#at === null) this.#waiting.push(from);
      else this.#append(from);
    } else if (message.type === 'written') {
      const note = { type: 'synced', at: message.at, to: message.to };
      disk.sync(this.#file as DiskFile, () => note);
    } else if (message.type === 'synced') {
      const note: Note = { type: 'noted', at: message.at as number };
      this.#context.reply(message.to as Address, note);
    }
  }

  #append(from: Address): void {
    const at = this.#at as number;
    this.#at = at + 1;
    this.#context.disk.write(this.#file as DiskFile, [Uint8Array.of(1 + (at % 9))], at, () => ({
      type: 'written',
      at,
      to: from,
    }));
  }
}

function run(seed: number, kill: boolean): { acked: number[]; downs: number; bytes: Uint8Array; trace: string } {
  const lines: string[] = [];
  const world = new World({ seed, trace: (line) => lines.push(line) });
  const acked: number[] = [];
  let downs = 0;
  const writer = address('writer/1');
  const ask = (context: Context): void => {
    context.watch(writer);
    context.send(writer, { type: 'append' });
  };
  const tree: Tree = {
    'dead-letters': deadLetters,
    asker: kind(
      (message, context) => {
        if (message.type === 'noted') acked.push(message.at as number);
        if (message.type === 'down') downs += 1;
        if (message.type === 'down') context.after(20, { type: 'again' });
        else ask(context);
      },
      { begins: 'start', keys: () => ['0'] },
      (context) => {
        context.after(1, { type: 'again' });
      },
    ),
    writer: {
      ...kind(() => {}),
      supervision: restart,
      make: (context: Context) => new Writer(context),
    },
  };
  const ports: ThreadPorts[] = [];
  const shards = new InProcessShards({
    node: NODE,
    shards: 2,
    tree,
    init: null,
    arenaBytes: 1 << 20,
    pipeBytes: 1 << 16,
    ports: (shard) => {
      ports[shard] = world.ports('node');
      return ports[shard] as ThreadPorts;
    },
    failed: (shard, error) => lines.push(`shard ${shard} failed: ${error.message}`),
  });
  shards.start();
  world.clock.advance(200);
  if (kill) {
    ports[1]?.end();
    shards.kill(1, () => shards.replace(1));
  }
  world.clock.advance(300);
  return { acked, downs, bytes: world.disk('node').peek('log'), trace: lines.join('\n') };
}

test('a system of actors runs on it, and the same way for the same seed', (t) => {
  const first = run(5, true);
  t.true(first.acked.length > 100);
  t.true(first.trace.length > 1_000);
  const second = run(5, true);
  t.is(second.trace, first.trace);
  t.deepEqual(second.acked, first.acked);
  t.not(run(6, true).trace, first.trace);
});

test('a shard whose thread ends is replaced, and what was acknowledged is on the disk', (t) => {
  t.is(run(5, false).downs, 0);
  const { acked, downs, bytes } = run(5, true);
  t.is(downs, 1);
  t.deepEqual(acked, [...new Set(acked)], 'nothing is acknowledged twice');
  for (const at of acked) t.is(bytes[at], 1 + (at % 9));
});
