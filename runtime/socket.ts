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

/** Where a socket's bytes go, which Node wants to know before there is a socket. */
export class Ear {
  readonly onread: OnReadOpts;
  /** Null before the socket is attached and once nothing is to be heard any more. */
  handlers: SocketHandlers | null = null;

  /** @param memory each piece is read into; overwritten by the next one, of whatever socket. */
  constructor(memory: Uint8Array) {
    this.onread = { buffer: memory, callback: (count, buffer) => this.hear(buffer.subarray(0, count)) };
  }

  /** Answers true: go on reading. */
  hear(chunk: Uint8Array): boolean {
    this.handlers?.data(chunk);
    return true;
  }
}

/**
 * Servers make sockets that read in Node's own way, and have no option for it. The handle moves to one that reads into the
 * ear's memory; `_handle` is not documented, and where it is missing the socket stays as it is.
 */
export function readIntoEar(raw: NetSocket, ear: Ear): NetSocket {
  const inner = raw as unknown as { _handle?: object | null };
  const handle = inner._handle;
  if (!handle) {
    raw.on('data', (chunk: Uint8Array) => ear.hear(chunk));
    return raw.resume();
  }
  inner._handle = null;
  const options = { handle, onread: ear.onread, allowHalfOpen: false };
  return new NetSocket(options as unknown as SocketConstructorOpts);
}

export class TcpSocket implements Socket {
  readonly remote: string;
  readonly #socket: NetSocket;
  readonly #ear: Ear;
  /** Why the connection ends, once it does. */
  #reason: string | null = null;

  constructor(socket: NetSocket, ear: Ear) {
    this.#socket = socket;
    this.#ear = ear;
    this.remote = place(socket.remoteAddress, socket.remotePort);
    socket.on('error', (error) => {
      this.#reason ??= error.message;
    });
    socket.on('end', () => {
      this.#reason ??= 'ended by the other side';
    });
  }

  /** Asked for by few. */
  get local(): string {
    return place(this.#socket.localAddress, this.#socket.localPort);
  }

  /** Lets events through; data flows unless the socket was paused. */
  attach(handlers: SocketHandlers): void {
    if (this.#reason === null) this.#ear.handlers = handlers;
    this.#socket.once('close', () => {
      this.#ear.handlers = null;
      handlers.closed(this.#reason ?? 'closed');
    });
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
    if (this.#reason === null) this.#reason = 'ended';
    this.#ear.handlers = null;
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
    this.#ear.handlers = null;
    this.#socket.destroy();
  }
}

/** `address:port`, with brackets around an IPv6 address. A socket that is gone already has none. */
export function place(address: string | undefined, port: number | undefined): string {
  if (address === undefined || port === undefined) return 'unknown';
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
