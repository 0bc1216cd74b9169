/** The transport for production: TCP by node:net. It frames nothing and never reconnects. */
import { connect, type Socket as NodeSocket } from 'node:net';
import type { ServerAddress, Socket, SocketHandlers, Transport } from './ports.ts';

/** Probes of a silent connection start after this, so that a vanished node is noticed by the operating system too. */
const KEEP_ALIVE_MS = 30_000;

/** TCP with Nagle's delay off. */
export const tcp: Transport = { open };

function open(server: ServerAddress, handlers: SocketHandlers): Socket {
  const socket = connect({ host: server.host, port: server.port, noDelay: true, keepAlive: true });
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  let failure: Error | undefined;
  socket.on('connect', () => handlers.opened());
  socket.on('data', (chunk: Uint8Array) => handlers.data(chunk));
  socket.on('drain', () => handlers.drained());
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('end', () => socket.destroy());
  socket.on('close', () => handlers.closed(failure));
  return { write: (chunks) => write(socket, chunks), close: () => void socket.destroy() };
}

function write(socket: NodeSocket, chunks: readonly Uint8Array[]): boolean {
  if (chunks.length === 1) return socket.write(chunks[0] as Uint8Array);
  socket.cork();
  let open = true;
  for (const chunk of chunks) open = socket.write(chunk);
  socket.uncork();
  return open;
}
