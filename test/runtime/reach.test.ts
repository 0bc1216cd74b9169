/** Whether somebody accepts connections at an address, and that nobody waits for one who never answers. */
import { createServer } from 'node:net';
import test from 'ava';
import { reach } from '../../runtime/reach.ts';
import { freePort } from '../node/harness.ts';

test('who listens is reached, who does not is told with its reason', async (t) => {
  const port = await freePort();
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  t.is(await reach('127.0.0.1', port, 30_000), null);
  await new Promise((resolve) => server.close(resolve));
  t.is(await reach('127.0.0.1', port, 30_000), 'ECONNREFUSED');
});

test('a name that nobody knows and an address that never answers are told in time', async (t) => {
  const begun = performance.now();
  t.is(typeof (await reach('nobody.invalid', 9092, 500)), 'string');
  t.is(typeof (await reach('192.0.2.1', 9092, 500)), 'string');
  t.true(performance.now() - begun < 60_000);
});
