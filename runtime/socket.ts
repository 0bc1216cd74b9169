/**
 * A TCP socket of Node as the network port has it. Keeps no byte back: what was written is with the operating system when
 * its callback comes, and who writes more than that bounds it. All sockets of a thread read into the same memory, one piece
 * after the other: Node's own way, a fresh buffer a piece, takes two to three times the CPU, and larger pieces bring no more.
 */
import { Socket as NetSocket, type OnReadOpts, type SocketConstructorOpts } from 'node:net';
import { KIB } from '../src/model/limits.ts';
import type { Done, Socket, SocketHandlers } from './ports.ts';

/**
 * After `end` the other side has this long to close, while what it still sends is thrown away. Closing at once with
 * unread bytes would reset the connection, and take the last answer away from a client that is still sending.
 */
const LINGER_MS = 2_000;
/** Views of a write that have no more than this together go to the system as one. */
const JOINED_BYTES_MAX = 4 * KIB;

/** One of Node's that knows whose it is: handlers that all sockets share ask it, where each would need closures of its own. */
export interface OwnedSocket extends NetSocket {
  owner: TcpSocket | null;
}

/** How all sockets of a thread read: each piece into `memory`, overwritten by the next one, of whatever socket. */
export function readingInto(memory: Uint8Array): OnReadOpts {
  // Node calls it as a method of the socket.
  function heard(this: OwnedSocket, count: number, buffer: Uint8Array): boolean {
    this.owner?.hear(buffer.subarray(0, count));
    return true;
  }
  return { buffer: memory, callback: heard };
}

/**
 * Servers make sockets that read in Node's own way, and have no option for it. The handle moves to one that reads as it is
 * told; `_handle` is not documented, and where it is missing the socket stays as it is.
 */
export function readAs(raw: NetSocket, onread: OnReadOpts): OwnedSocket {
  const inner = raw as unknown as { _handle?: object | null };
  const handle = inner._handle;
  if (!handle) {
    const owned = owning(raw);
    owned.on('data', (chunk: Uint8Array) => owned.owner?.hear(chunk));
    return owned.resume();
  }
  inner._handle = null;
  const options = { handle, onread, allowHalfOpen: false };
  return owning(new NetSocket(options as unknown as SocketConstructorOpts));
}

export const owning = (socket: NetSocket): OwnedSocket => Object.assign(socket, { owner: null });

/** What it was stands in the socket, and is told when it closes. */
function failed(): void {}

function closed(this: OwnedSocket): void {
  this.owner?.closed();
}

export class TcpSocket implements Socket {
  readonly #socket: OwnedSocket;
  #handlers: SocketHandlers | null = null;
  #remote: string | null = null;
  /** Why this side ends the connection, once it does: from then on nothing is heard. */
  #reason: string | null = null;

  constructor(socket: OwnedSocket) {
    this.#socket = socket;
    socket.owner = this;
    socket.on('error', failed);
    socket.on('close', closed);
  }

  /** Asked for by few, and after the connection's end by nobody for the first time. */
  get remote(): string {
    this.#remote ??= place(this.#socket.remoteAddress, this.#socket.remotePort);
    return this.#remote;
  }

  /** Asked for by few. */
  get local(): string {
    return place(this.#socket.localAddress, this.#socket.localPort);
  }

  /** Lets events through; data flows unless the socket was paused. */
  attach(handlers: SocketHandlers): void {
    this.#handlers = handlers;
  }

  /** For the socket: a piece has come. */
  hear(chunk: Uint8Array): void {
    if (this.#reason === null) this.#handlers?.data(chunk);
  }

  /** For the socket: the connection is over. */
  closed(): void {
    const { errored, readableEnded } = this.#socket;
    const reason = this.#reason ?? errored?.message ?? (readableEnded ? 'ended by the other side' : 'closed');
    this.#handlers?.closed(reason);
  }

  write(views: readonly Uint8Array[], done: Done): void {
    const finished = (error: Error | null | undefined): void => {
      done(error ? { code: 'OTHER', message: error.message } : null);
    };
    const socket = this.#socket;
    let bytes = 0;
    for (const view of views) bytes += view.length;
    // Where they are few, to copy them is cheaper than to tell the system of each.
    if (views.length > 1 && bytes <= JOINED_BYTES_MAX) views = [Buffer.concat(views, bytes)];
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
    this.#reason ??= 'ended';
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
    this.#socket.destroy();
  }
}

/** `address:port`, with brackets around an IPv6 address. A socket that is gone already has none. */
export function place(address: string | undefined, port: number | undefined): string {
  if (address === undefined || port === undefined) return 'unknown';
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
