/** The fake node of the client's tests behind a real socket, so that the command line reaches it as it reaches any node. */
import { createServer, type Server } from 'node:net';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../../src/edges/client/system.ts';
import { FakeNode } from '../client/fake-node.ts';

export interface Served {
  readonly node: FakeNode;
  readonly server: string;
}

/** Listens on a free port until the test ends. */
export async function serveFake(t: ExecutionContext): Promise<Served> {
  const node = new FakeNode(systemClock);
  const server: Server = createServer((socket) => {
    const inner = node.open(
      { host: 'fake', port: 1 },
      {
        opened: () => socket.resume(),
        data: (chunk) => void socket.write(chunk),
        drained: () => undefined,
        closed: () => socket.destroy(),
      },
    );
    socket.pause();
    socket.on('data', (chunk) => inner.write([Buffer.from(chunk)]));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => inner.close());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    node.disconnect();
    server.close();
  });
  const address = server.address();
  return { node, server: typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : '' };
}
