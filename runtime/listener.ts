/**
 * Node's network: TCP. Accepts and connects, decides nothing about who may. TLS and the other transports will stand
 * beside it behind the same port.
 */
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import type { Listening, ListenOptions, Network, Socket, SocketHandlers } from './ports.ts';
import { owning, readAs, readingInto, TcpSocket } from './socket.ts';

/** Where the operating system spreads the connections to one port over several listeners; elsewhere one shard accepts. */
export const PORTS_CAN_BE_SHARED: boolean = process.platform === 'linux' || process.platform === 'freebsd';

/** Finds peers that are gone without a word, such as a laptop that was shut: the system asks after this long in silence. */
const KEEP_ALIVE_AFTER_MS = 60_000;
/** What is read at once: stays in the processor's cache until it is copied away. */
const READ_BYTES = 65_536;

export class NodeNetwork implements Network {
  readonly #failed: (reason: string) => void;
  readonly #onread = readingInto(new Uint8Array(READ_BYTES));

  /** @param failed told when a listener that is open could not accept, such as for want of descriptors. */
  constructor(failed: (reason: string) => void) {
    this.#failed = failed;
  }

  listen(
    options: ListenOptions,
    accept: (socket: Socket) => SocketHandlers,
    done: (error: string | null, listening?: Listening) => void,
  ): void {
    const server = createServer({
      allowHalfOpen: false,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS,
      // Nothing is read before the accepted socket has got its memory.
      pauseOnConnect: true,
    });
    server.on('connection', (raw) => {
      const socket = new TcpSocket(readAs(raw, this.#onread));
      socket.attach(accept(socket));
    });
    const refused = (error: Error): void => done(error.message);
    server.once('error', refused);
    const reusePort = options.shared && PORTS_CAN_BE_SHARED;
    server.listen({ host: options.host, port: options.port, reusePort, backlog: 4096 }, () => {
      server.off('error', refused);
      server.on('error', (error) => this.#failed(error.message));
      done(null, listening(server));
    });
  }

  connect(
    host: string,
    port: number,
    handlers: SocketHandlers,
    done: (error: string | null, socket?: Socket) => void,
  ): void {
    const raw = connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS,
      onread: this.#onread,
    });
    const refused = (error: Error): void => done(error.message);
    raw.once('error', refused);
    raw.once('connect', () => {
      raw.off('error', refused);
      const socket = new TcpSocket(owning(raw));
      done(null, socket);
      socket.attach(handlers);
    });
  }
}

function listening(server: Server): Listening {
  const { address, port } = server.address() as AddressInfo;
  return {
    host: address,
    port,
    close(done) {
      // Server.close answers only when the last connection has gone, but the port is free from the next turn on.
      server.close();
      setImmediate(done);
    },
  };
}
