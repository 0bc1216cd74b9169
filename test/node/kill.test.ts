/**
 * The main job under SIGKILL: lines from standard input are published while the node is killed and started again. Every
 * line that was acknowledged lies at its partition and offset, with its value, and no line stands twice.
 */
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { sized } from '../long.ts';
import { BIN, callboard, TestNode } from './harness.ts';

const LINES = sized(100_000, 500_000);
const KILLS = sized(4, 10);

/** Lines as fast as they are taken, stretched over the kills. */
function* lines(): Generator<string> {
  for (let number = 0; number < LINES; number++) yield `line ${number} ${'x'.repeat(number % 50)}\n`;
}

async function countLines(path: string): Promise<number> {
  let count = 0;
  for await (const chunk of createReadStream(path)) for (const byte of chunk as Buffer) if (byte === 10) count++;
  return count;
}

test('every acknowledged line is there after the node was killed again and again', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'callboard-kill-'));
  const acks = join(folder, 'acks');
  const node = await TestNode.start({ shards: 2 });
  t.teardown(async () => {
    await node.dispose();
    await rm(folder, { recursive: true, force: true });
  });
  await callboard(['topic', 'create', 'orders', '--partitions', '8'], { server: node.server });
  const pub = spawn(process.execPath, [BIN, 'pub', 'orders', '--acked', acks, '--server', node.server], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let complaints = '';
  pub.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => pub.on('close', resolve));
  let kills = 0;
  const fed = feed(pub.stdin, () => kills);
  const ending = { over: false };
  void ended.then(() => {
    ending.over = true;
  });
  while (kills < KILLS && !ending.over) {
    await pause(100 + Math.random() * 400);
    await node.kill();
    kills++;
    await pause(Math.random() * 100);
    await node.startAgain();
  }
  fed.hurry();
  t.is(await ended, 0, complaints);
  t.is(kills, KILLS, 'the publisher outlived all kills');
  t.is(await countLines(acks), LINES);
  await compare(t, acks, node);
});

/** Gives a part of the lines, slowly, before each kill, and the rest behind the last: so they last as long as the kills. */
function feed(stdin: NodeJS.WritableStream, kills: () => number): { hurry(): void } {
  let hurried = false;
  async function* paced(): AsyncGenerator<string> {
    let number = 0;
    const slow = Math.ceil(LINES / (KILLS * 100));
    for (const line of lines()) {
      yield line;
      if (++number % slow !== 0) continue;
      do await pause(8);
      while (!hurried && number > ((kills() + 1) * LINES) / (KILLS + 1));
    }
  }
  Readable.from(paced()).pipe(stdin);
  return {
    hurry: () => {
      hurried = true;
    },
  };
}

async function compare(t: ExecutionContext, acks: string, node: TestNode): Promise<void> {
  const stored = new Map<string, string>();
  const values = new Set<string>();
  const sub = spawn(
    process.execPath,
    [BIN, 'sub', 'orders', '--from', 'beginning', '--count', String(LINES), '--json', '--server', node.server],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  for await (const line of createInterface({ input: sub.stdout })) {
    const { partition, offset, value } = JSON.parse(line) as { partition: number; offset: number; value: string };
    stored.set(`${partition}\t${offset}`, value);
    values.add(value);
  }
  t.is(values.size, LINES, 'every line once');
  const wrong: string[] = [];
  for (const line of (await readFile(acks, 'utf8')).trimEnd().split('\n')) {
    const [partition, offset, value] = line.split('\t');
    if (stored.get(`${partition}\t${offset}`) !== value) wrong.push(line);
  }
  t.deepEqual(wrong, [], 'every acknowledged line is where it was acknowledged');
  const described = await callboard(['topic', 'describe', 'orders', '--json'], { server: node.server });
  const { partitions } = JSON.parse(described.stdout) as { readonly partitions: readonly { readonly end: number }[] };
  t.is(
    partitions.reduce((sum, { end }) => sum + end, 0),
    LINES,
    'nothing stands twice',
  );
}
