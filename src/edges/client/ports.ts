/**
 * What the client needs of the world: bytes to and from a node, time, chance. Each is a parameter of `connect`, so that
 * the same client runs over TCP, in a simulated world and in a test. Nothing here does anything.
 */

/** A node's native listener. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** What a socket tells its owner. `closed` comes exactly once and last. */
export interface SocketHandlers {
  opened(): void;
  /** The bytes belong to the receiver from here on. */
  data(chunk: Uint8Array): void;
  /** Everything written has left this process: more may be written. */
  drained(): void;
  closed(error?: Error): void;
}

/** One stream of bytes in both directions. */
export interface Socket {
  /** Answers false when the caller should wait for `drained`; the bytes were taken all the same. */
  write(chunks: readonly Uint8Array[]): boolean;
  /** Ends the stream at once; `closed` follows. May be called again. */
  close(): void;
}

/** Opens streams. */
export interface Transport {
  open(server: ServerAddress, handlers: SocketHandlers): Socket;
}

/** Time, in milliseconds. */
export interface Clock {
  /** Since 1970-01-01T00:00Z, a whole number; may jump. */
  now(): number;
  /** Since some start; never goes back. */
  monotonicMs(): number;
  /** Runs once after `ms`; the answer cancels it. */
  after(ms: number, run: () => void): () => void;
  /** Runs once, after the events that wait now. */
  soon(run: () => void): void;
}

/** Chance. */
export interface Random {
  /** 0 ≤ x < 1. */
  next(): number;
  /** A UUID of version 4. */
  uuid(): string;
}

/** The world, gathered. */
export interface World {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
}
