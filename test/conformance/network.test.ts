/** One judge for every network, and networks with one defect each that the judge must find. */
import test from 'ava';
import { PORTS_CAN_BE_SHARED } from '../../runtime/listener.ts';
import type { Network, Socket, SocketHandlers } from '../../runtime/ports.ts';
import { networkClauses } from './network-clauses.ts';
import { firstBroken, judge, type PortsWorld, simulatedWorld } from './worlds.ts';

/** By world: the clauses that it does not support, with the reason. */
const unsupported: Readonly<Record<string, ReadonlyMap<string, string>>> = PORTS_CAN_BE_SHARED
  ? {}
  : {
      Node: new Map([
        [
          'a shared port takes several listeners, and its connections are spread over them',
          `${process.platform} gives a port to one listener alone`,
        ],
      ]),
    };

judge(test, networkClauses, unsupported);

/** Stands between a network and its user: `socket` is what the user gets, `handlers` what the network gets. */
interface Defect {
  socket?(socket: Socket): Partial<Socket>;
  handlers?(handlers: SocketHandlers): SocketHandlers;
  network?(network: Network): Partial<Network>;
}

const defects: Readonly<Record<string, Defect>> = {
  'writes that are done at once': {
    socket: (socket) => ({
      write: (views, done) => {
        socket.write(views, () => {});
        done(null);
      },
    }),
  },
  'writes that are done though nobody reads': {
    socket: (socket) => ({
      write: (views, done) => {
        socket.write(views, () => {});
        queueMicrotask(() => done(null));
      },
    }),
  },
  'views in the wrong order': {
    socket: (socket) => ({ write: (views, done) => socket.write(views.toReversed(), done) }),
  },
  'a pause that does not hold': { socket: () => ({ pause: () => {} }) },
  'an end that drops what was written': { socket: (socket) => ({ end: () => socket.destroy() }) },
  'a closing that is told twice': {
    handlers: (handlers) => ({
      data: (chunk) => handlers.data(chunk),
      closed: (reason) => {
        handlers.closed(reason);
        handlers.closed(reason);
      },
    }),
  },
  'bytes that come twice': {
    handlers: (handlers) => ({
      data: (chunk) => {
        handlers.data(chunk);
        handlers.data(chunk);
      },
      closed: (reason) => handlers.closed(reason),
    }),
  },
  'ports that are never shared': {
    network: (network) => ({
      listen: (options, accept, done) => network.listen({ ...options, shared: false }, accept, done),
    }),
  },
  'listeners that stay open': {
    network: (network) => ({
      listen: (options, accept, done) =>
        network.listen(options, accept, (error, listening) =>
          listening === undefined ? done(error) : done(null, { ...listening, close: (closed) => setImmediate(closed) }),
        ),
    }),
  },
};

function withDefect(defect: Defect): PortsWorld {
  const world = simulatedWorld();
  const { network } = world;
  const changed = (socket: Socket): Socket =>
    new Proxy(socket, {
      get(target, name: keyof Socket) {
        const member = defect.socket?.(socket)[name] ?? target[name];
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  const around = defect.handlers ?? ((handlers: SocketHandlers) => handlers);
  const plain: Network = {
    listen: (options, accept, done) =>
      (defect.network?.(network).listen ?? network.listen.bind(network))(
        options,
        (socket) => around(accept(changed(socket))),
        done,
      ),
    connect: (host, port, handlers, done) =>
      network.connect(host, port, around(handlers), (error, socket) =>
        socket === undefined ? done(error) : done(null, changed(socket)),
      ),
  };
  return { ...world, network: plain };
}

test('the judge finds nothing wrong with a network passed through as it is', async (t) => {
  t.is(await firstBroken(networkClauses, () => withDefect({})), null);
});
for (const [name, defect] of Object.entries(defects)) {
  test(`the judge finds ${name}`, async (t) => {
    t.not(await firstBroken(networkClauses, () => withDefect(defect)), null);
  });
}
