/** A real node where direct writes are refused: it says so, goes through the page cache, and keeps what it has acked. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import test from 'ava';
import { callboard, TestNode } from './harness.ts';

const REFUSE = new URL('./refuse-direct.ts', import.meta.url).href;
/** Shows that the refusal is there. */
const OPEN_DIRECT = `const fs = require('node:fs');
fs.open(process.execPath, fs.constants.O_DIRECT, (error) => { if (error) throw error; });`;
/** By way of the journal, and past it. */
const VALUES = [20, 5_000, 200_000].map((bytes) => randomBytes(bytes / 2).toString('hex'));

async function storageOf(server: string): Promise<string> {
  const { stdout, stderr } = await callboard(['status'], { server });
  return /^writes +(.*)$/m.exec(stdout)?.[1] ?? stderr;
}

(process.platform === 'linux' ? test.serial : test.serial.skip)(
  'where direct writes are refused a node writes through the page cache, and `status` says so',
  async (t) => {
    const direct = await TestNode.start({ shards: 2 });
    t.teardown(() => direct.dispose());
    t.regex(await storageOf(direct.server), /^direct/, 'as it is where they are not');
    process.env.NODE_OPTIONS = `--import=${REFUSE}`;
    t.teardown(() => {
      delete process.env.NODE_OPTIONS;
    });
    t.throws(() => execFileSync(process.execPath, ['-e', OPEN_DIRECT], { stdio: 'pipe' }), { message: /EINVAL/ });
    const node = await TestNode.start({ shards: 2 });
    t.teardown(() => node.dispose());
    t.is(await storageOf(node.server), 'buffered: the file system refuses direct writes');
    const input = VALUES.map((value) => `${value}\n`).join('');
    t.is((await callboard(['pub', 'orders', '--partition', '0'], { server: node.server, input })).code, 0);
    await node.kill();
    await node.startAgain();
    const read = ['sub', 'orders', '--from', 'beginning', '--count', String(VALUES.length)];
    const { stdout } = await callboard(read, { server: node.server });
    const values = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('\t').at(-1));
    t.deepEqual(values, VALUES);
    t.is(await node.stop(), 0);
    t.is((await callboard(['log', 'verify', node.data])).code, 0);
  },
);
