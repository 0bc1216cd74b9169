/**
 * A TCP socket of Node as the network port has it. Keeps no byte back: what was written is with the operating system when
 * its callback comes, and who writes more than that bounds it. Reads in pieces of at most 64 KiB, as libuv does.
 */
import type { Socket as NetSocket } from 'node:net';
import type { Done, Socket, SocketHandlers } from './ports.ts';

/**
 * After `end` the other side has this long to close, while what it still sends is thrown away. Closing at once with
 * unread bytes would reset the connection, and take the last answer away from a client that is still sending.
 */
const LINGER_MS = 2_000;

export class TcpSocket implements Socket {
  readonly remote: string;
  readonly local: string;
  readonly #socket: NetSocket;
  /** Why the connection ends, once it does. */
  #reason: string | null = null;
  #deaf = false;

  constructor(socket: NetSocket) {
    this.#socket = socket;
    this.remote = place(socket.remoteAddress, socket.remotePort);
    this.local = place(socket.localAddress, socket.localPort);
    socket.on('error', (error) => {
      this.#reason ??= error.message;
    });
  }

  /** Lets events through; data flows unless the socket was paused. */
  attach(handlers: SocketHandlers): void {
    const socket = this.#socket;
    socket.on('data', (chunk: Uint8Array) => {
      if (!this.#deaf) handlers.data(chunk);
    });
    socket.on('end', () => {
      this.#reason ??= 'ended by the other side';
    });
    socket.once('close', () => {
      this.#deaf = true;
      handlers.closed(this.#reason ?? 'closed');
    });
  }

  write(views: readonly Uint8Array[], done: Done): void {
    const finished = (error: Error | null | undefined): void => {
      done(error ? { code: 'OTHER', message: error.message } : null);
    };
    const socket = this.#socket;
    const last = views.length - 1;
    if (!socket.writable || last < 0) {
      setImmediate(finished, socket.writable ? null : new Error('the connection is closed'));
      return;
    }
    if (last > 0) socket.cork();
    for (let index = 0; index < last; index += 1) socket.write(views[index] as Uint8Array);
    socket.write(views[last] as Uint8Array, finished);
    if (last > 0) socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    if (this.#reason === null) this.#reason = 'ended';
    this.#deaf = true;
    const socket = this.#socket;
    socket.once('finish', () => {
      const timer = setTimeout(() => socket.destroy(), LINGER_MS);
      socket.once('close', () => clearTimeout(timer));
    });
    socket.end();
    socket.resume();
  }

  destroy(): void {
    this.#reason ??= 'destroyed';
    this.#deaf = true;
    this.#socket.destroy();
  }
}

/** `address:port`, with brackets around an IPv6 address. A socket that is gone already has none. */
export function place(address: string | undefined, port: number | undefined): string {
  if (address === undefined || port === undefined) return 'unknown';
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
