/** What every network promises, as runtime/ports.ts has it. */
import assert from 'node:assert/strict';
import type { Listening, ListenOptions, Socket, SocketHandlers } from '../../runtime/ports.ts';
import { ask, type Clause, type PortsWorld, Refused } from './worlds.ts';

/** One end of a connection and what came to it. */
export class Side {
  socket: Socket | null = null;
  readonly received: Uint8Array[] = [];
  readonly closings: string[] = [];
  /** Called with each chunk, after it was noted. */
  onData: (chunk: Uint8Array) => void = () => {};
  readonly handlers: SocketHandlers = {
    data: (chunk) => {
      assert.deepEqual(this.closings, [], 'data after the connection was closed');
      this.received.push(chunk.slice());
      this.onData(chunk);
    },
    closed: (reason) => {
      assert.equal(typeof reason, 'string');
      this.closings.push(reason);
    },
  };

  get open(): Socket {
    assert(this.socket !== null, 'not connected');
    return this.socket;
  }

  get bytes(): number {
    return this.received.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  text(): string {
    return Buffer.concat(this.received).toString();
  }
}

async function listen(
  world: PortsWorld,
  accept: (socket: Socket) => SocketHandlers,
  options: Partial<ListenOptions> = {},
): Promise<Listening> {
  const host = world.host === 'here' ? '0.0.0.0' : world.host;
  const all = { host, port: await world.port(), shared: false, ...options };
  return ask<Listening>(world, (done) => world.network.listen(all, accept, done));
}

async function connect(world: PortsWorld, port: number, side: Side): Promise<void> {
  side.socket = await ask<Socket>(world, (done) => world.network.connect(world.host, port, side.handlers, done));
}

/** A listener, and a connection to it with both its sides. */
async function connected(world: PortsWorld): Promise<{ client: Side; server: Side; listening: Listening }> {
  const client = new Side();
  const server = new Side();
  const listening = await listen(world, (socket) => {
    server.socket = socket;
    return server.handlers;
  });
  await connect(world, listening.port, client);
  await world.until(() => server.socket !== null);
  return { client, server, listening };
}

const write = (world: PortsWorld, side: Side, ...views: Uint8Array[]): Promise<void> =>
  ask<void>(world, (done) => side.open.write(views, done));
const closeListener = (world: PortsWorld, listening: Listening): Promise<void> =>
  ask<void>(world, (done) => listening.close(() => done(null)));

/** Ends what a clause has opened, so that nothing keeps the process. */
async function tidy(world: PortsWorld, listening: Listening, ...sides: Side[]): Promise<void> {
  for (const side of sides) side.socket?.destroy();
  await closeListener(world, listening);
  await world.until(() => sides.every((side) => side.socket === null || side.closings.length > 0));
}

async function refused(call: Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error) => error instanceof Refused);
}

const text = (value: string): Uint8Array => Buffer.from(value);

export const networkClauses: readonly Clause[] = [
  {
    promise: 'carries bytes both ways, all views in order, also from memory that threads share',
    async run(world) {
      const { client, server, listening } = await connected(world);
      const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(0x21);
      await write(world, client, text('one '), text(''), text('two'), shared);
      await write(world, client);
      await world.until(() => server.text() === 'one two!!!');
      await write(world, server, text('back'));
      await world.until(() => client.text() === 'back');
      await tidy(world, listening, client, server);
    },
  },
  {
    promise: 'each side knows the other by the same place',
    async run(world) {
      const { client, server, listening } = await connected(world);
      assert.equal(client.open.remote, server.open.local);
      assert.equal(client.open.local, server.open.remote);
      assert(client.open.remote.endsWith(`:${listening.port}`));
      await tidy(world, listening, client, server);
    },
  },
  {
    promise: 'writes of many turns arrive in order',
    async run(world) {
      const { client, server, listening } = await connected(world);
      const words = Array.from({ length: 200 }, (_, index) => `${index} `);
      await Promise.all(words.map((word) => write(world, client, text(word), text('- '))));
      const all = words.map((word) => `${word}- `).join('');
      await world.until(() => server.text().length === all.length);
      assert.equal(server.text(), all);
      await tidy(world, listening, client, server);
    },
  },
  {
    promise: 'a side that has paused gets nothing, and whoever writes to it is not told done for ever',
    async run(world) {
      const { client, server, listening } = await connected(world);
      server.open.pause();
      await world.pass(5);
      const piece = new Uint8Array(1_048_576).fill(6);
      let done = 0;
      const before = server.bytes;
      for (let index = 0; index < 24; index += 1)
        client.open.write([piece], (error) => {
          assert.equal(error, null);
          done += 1;
        });
      await world.pass(100);
      assert.equal(server.bytes, before, 'data while paused');
      assert(done < 24, 'every write was done though nobody reads');
      server.open.resume();
      await world.until(() => done === 24 && server.bytes === 24 * piece.length);
      assert(server.received.every((chunk) => chunk.every((byte) => byte === 6)));
      await tidy(world, listening, client, server);
    },
  },
  {
    promise: 'a socket that is paused when it is accepted gets nothing before it resumes',
    async run(world) {
      const client = new Side();
      const server = new Side();
      const listening = await listen(world, (socket) => {
        server.socket = socket;
        socket.pause();
        return server.handlers;
      });
      await connect(world, listening.port, client);
      await write(world, client, text('early'));
      await world.pass(30);
      assert.equal(server.bytes, 0);
      server.open.resume();
      await world.until(() => server.text() === 'early');
      await tidy(world, listening, client, server);
    },
  },
  {
    promise: 'pausing inside the handler holds what comes after',
    async run(world) {
      const { client, server, listening } = await connected(world);
      server.onData = () => server.open.pause();
      await write(world, client, text('first'));
      await world.until(() => server.bytes > 0);
      const before = server.bytes;
      await write(world, client, text('second'));
      await world.pass(20);
      assert.equal(server.bytes, before);
      server.onData = () => {};
      server.open.resume();
      await world.until(() => server.text() === 'firstsecond');
      await tidy(world, listening, client, server);
    },
  },
  {
    promise: 'end sends what was written, then both sides are closed, once',
    async run(world) {
      const { client, server, listening } = await connected(world);
      const large = new Uint8Array(3_000_000).fill(1);
      let error: unknown = 'no answer';
      client.open.write([large], (answer) => {
        error = answer;
      });
      client.open.end();
      await world.until(() => client.closings.length > 0 && server.closings.length > 0);
      assert.equal(error, null);
      assert.equal(server.bytes, large.length);
      client.open.end();
      client.open.destroy();
      await world.pass(5);
      assert.deepEqual([client.closings.length, server.closings.length], [1, 1]);
      await closeListener(world, listening);
    },
  },
  {
    promise: 'the last answer arrives though the other side goes on sending',
    async run(world) {
      const { client, server, listening } = await connected(world);
      server.onData = () => {
        server.onData = () => {};
        server.open.write([text('bye')], () => {});
        server.open.end();
      };
      for (let index = 0; index < 40; index += 1) client.open.write([new Uint8Array(100_000)], () => {});
      await world.until(() => client.closings.length > 0 && server.closings.length > 0);
      assert.equal(client.text(), 'bye');
      await closeListener(world, listening);
    },
  },
  {
    promise: 'nothing is heard after end',
    async run(world) {
      const { client, server, listening } = await connected(world);
      server.open.end();
      client.open.write([text('too late')], () => {});
      await world.until(() => server.closings.length > 0 && client.closings.length > 0);
      assert.equal(server.bytes, 0);
      await closeListener(world, listening);
    },
  },
  {
    promise: 'destroy closes both sides, once, and nothing is heard after it',
    async run(world) {
      const { client, server, listening } = await connected(world);
      client.open.write([text('x')], () => {});
      server.open.destroy();
      server.open.destroy();
      assert.deepEqual(server.closings, [], 'closed inside the call');
      await world.until(() => client.closings.length > 0 && server.closings.length > 0);
      await world.pass(5);
      assert.deepEqual([client.closings.length, server.closings.length, server.bytes], [1, 1, 0]);
      await closeListener(world, listening);
    },
  },
  {
    promise: 'a write after the end, or on a connection that is gone, is answered with an error',
    async run(world) {
      const { client, server, listening } = await connected(world);
      client.open.end();
      await refused(write(world, client, text('late')));
      await world.until(() => client.closings.length > 0 && server.closings.length > 0);
      await refused(write(world, server, text('late')));
      assert.deepEqual([client.closings.length, server.closings.length], [1, 1]);
      await closeListener(world, listening);
    },
  },
  {
    promise: 'writes that wait when the connection breaks are answered with an error',
    async run(world) {
      const { client, server, listening } = await connected(world);
      server.open.pause();
      const answers: unknown[] = [];
      for (let index = 0; index < 24; index += 1)
        client.open.write([new Uint8Array(1_048_576)], (error) => answers.push(error));
      await world.pass(20);
      server.open.destroy();
      await world.until(() => answers.length === 24 && client.closings.length > 0);
      assert.notEqual(answers[23], null);
      await closeListener(world, listening);
    },
  },
  {
    promise: 'a connection to nobody is refused',
    async run(world) {
      const listening = await listen(world, () => new Side().handlers);
      await closeListener(world, listening);
      const side = new Side();
      await refused(connect(world, listening.port, side));
      assert.deepEqual(side.closings, [], 'closed without having been open');
    },
  },
  {
    promise: 'a port that is in use is refused',
    async run(world) {
      const listening = await listen(world, () => new Side().handlers);
      await refused(listen(world, () => new Side().handlers, { port: listening.port }));
      await closeListener(world, listening);
    },
  },
  {
    promise: 'closing a listener frees its port and leaves its connections alone',
    async run(world) {
      const { client, server, listening } = await connected(world);
      await closeListener(world, listening);
      await refused(connect(world, listening.port, new Side()));
      const again = await listen(world, () => new Side().handlers, { port: listening.port });
      await write(world, client, text('still here'));
      await world.until(() => server.text() === 'still here');
      await tidy(world, again, client, server);
    },
  },
  {
    promise: 'a shared port takes several listeners, and its connections are spread over them',
    async run(world) {
      const counts = [0, 0];
      const servers: Side[] = [];
      const accept = (index: number) => (socket: Socket) => {
        counts[index] = (counts[index] as number) + 1;
        const side = new Side();
        side.socket = socket;
        servers.push(side);
        return side.handlers;
      };
      const first = await listen(world, accept(0), { shared: true });
      const second = await listen(world, accept(1), { shared: true, port: first.port });
      const clients = Array.from({ length: 40 }, () => new Side());
      for (const client of clients) await connect(world, first.port, client);
      await world.until(() => (counts[0] as number) + (counts[1] as number) === 40);
      assert(
        counts.every((count) => count > 0),
        `spread ${counts}`,
      );
      await closeListener(world, second);
      await tidy(world, first, ...clients, ...servers);
    },
  },
];
