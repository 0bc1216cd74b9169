/** How a TCP socket of Node reads, beyond what the common judge of networks sees. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, Socket as NetSocket } from 'node:net';
import test from 'ava';
import { place, readAs, readingInto, TcpSocket } from '../../runtime/socket.ts';

test('reads into the memory it was given, without a buffer of its own', async (t) => {
  const memory = new Uint8Array(16);
  const server = createServer({ pauseOnConnect: true }, (raw) => {
    const socket = new TcpSocket(readAs(raw, readingInto(memory)));
    socket.attach({
      data: (chunk) => {
        t.is(chunk.buffer, memory.buffer);
        socket.write([chunk.slice()], () => {});
      },
      closed: () => server.close(),
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const sent = Buffer.from('more than the memory takes at once, so in several pieces');
  client.write(sent);
  let echoed = '';
  for await (const piece of client) {
    echoed += piece;
    if (echoed.length === sent.length) client.end();
  }
  t.is(echoed, sent.toString());
});

test('where a handle cannot be moved, the socket reads in its own way', async (t) => {
  const heard: string[] = [];
  const raw = new NetSocket();
  raw.pause();
  const owned = readAs(raw, readingInto(new Uint8Array(16)));
  t.true(Object.is(owned, raw));
  const socket = new TcpSocket(owned);
  socket.attach({ data: (chunk) => heard.push(Buffer.from(chunk).toString()), closed: (reason) => heard.push(reason) });
  raw.push('heard');
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(heard, ['heard']);
  socket.destroy();
  raw.push('not heard');
  await once(raw, 'close');
  t.deepEqual(heard, ['heard', 'destroyed']);
});

test('places are written so that they can be told from each other', (t) => {
  t.is(place('10.0.0.1', 80), '10.0.0.1:80');
  t.is(place('::1', 80), '[::1]:80');
  t.is(place(undefined, undefined), 'unknown');
});
