/** Judges log verify and log dump on folders that a real node has written: stopped in order, and killed while it wrote. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Client, connect } from '../../src/edges/client/index.ts';
import { callboard, TestNode } from './harness.ts';

async function startNode(t: ExecutionContext): Promise<TestNode> {
  const node = await TestNode.start({ shards: 2 });
  t.teardown(() => node.dispose());
  return node;
}

const lines = (count: number, bytes: number): string =>
  Array.from({ length: count }, (_, index) => `${index} ${'x'.repeat(bytes)}`).join('\n');

/** Small batches go through the journal, large ones straight to their segment. */
async function publish(node: TestNode): Promise<number> {
  for (const [count, bytes] of [
    [20, 100],
    [20_000, 100],
    [20, 50],
  ] as const) {
    const { code, stderr } = await callboard(['pub', 'orders'], { input: lines(count, bytes), server: node.server });
    if (code !== 0) throw new Error(`pub ended with ${code}: ${stderr}`);
  }
  return 20_040;
}

/** The files of a data folder that are worth a look, without the node's lock. */
function filesOf(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter(
    (name) =>
      /^(journal|partitions)\//.test(name) &&
      statSync(join(folder, name)).size > 0 &&
      statSync(join(folder, name)).isFile(),
  );
}

/** How many messages are stored. */
async function storedBy(admin: ReturnType<Client['admin']>): Promise<number> {
  const ends = await admin.offsets('orders', 'end');
  return ends.reduce((sum, { offset }) => sum + offset, 0);
}

test('a node that was stopped leaves a folder without damage, whose records are all shown', async (t) => {
  const node = await startNode(t);
  const count = await publish(node);
  t.is(await node.stop(), 0);
  const verified = await callboard(['log', 'verify', node.data, '--json']);
  t.is(verified.code, 0, verified.stdout);
  const summary: unknown = JSON.parse(verified.stdout.trim().split('\n').at(-1) ?? '');
  t.like(summary, { damage: 0, torn: 0, notes: 0 });
  const dumped = await callboard(['log', 'dump', node.data, '--records', '--json']);
  t.is(dumped.code, 0, dumped.stderr);
  const values = dumped.stdout
    .split('\n')
    .filter((line) => line.startsWith('{"row":"record"') && /"value":"\d+ x/.test(line));
  t.is(values.length, count);
});

test('a node that was killed while it wrote leaves nothing that verify calls damage', async (t) => {
  const node = await startNode(t);
  for (let round = 0; round < 3; round++) {
    await publish(node);
    const client = await connect({ server: node.server });
    const before = await storedBy(client.admin());
    const late = callboard(['pub', 'orders'], { input: lines(50_000, 200), server: node.server });
    while ((await storedBy(client.admin())) < before + 1 + 3_000 * round);
    await node.kill();
    await client.close();
    const verified = await callboard(['log', 'verify', node.data]);
    t.is(verified.code, 0, verified.stdout);
    await node.startAgain();
    t.is((await late).code, 0);
  }
});

test('one flipped bit in any file that a node has written is found', async (t) => {
  const node = await startNode(t);
  await publish(node);
  await node.stop();
  // Sidecars and manifests are there; now the journal has something too.
  await node.startAgain();
  await publish(node);
  await node.kill();
  const files = filesOf(node.data);
  for (const kind of [/^journal\//, /\.log$/, /\.entries$/, /manifest$/])
    t.true(
      files.some((file) => kind.test(file)),
      String(kind),
    );
  for (const file of files) {
    const path = join(node.data, file);
    const bytes = readFileSync(path);
    const flip = (): void => {
      bytes[40] = (bytes[40] ?? 0) ^ 0x10;
      writeFileSync(path, bytes);
    };
    flip();
    const { code, stdout } = await callboard(['log', 'verify', node.data]);
    flip();
    t.is(code, 5, `${file}: ${stdout}`);
    t.true(stdout.includes(`damage: ${file} `), stdout);
  }
});
