/**
 * The world as parameters: what an actor may ask of the machine. Node's implementations stand beside this file, seeded
 * ones in simulated/; test/conformance judges both by one suite. Nothing here is a promise: every completion is a
 * callback, which the kernel turns into a message. No callback is ever called before its call has returned.
 */

/** Times in milliseconds. */
export interface Clock {
  /** Wall clock, ms since 1970; may jump. */
  now(): number;
  /** Never goes back; only differences mean anything. Fractions allowed. */
  monotonic(): number;
  /** Calls `run` once, after at least `ms`. */
  after(ms: number, run: () => void): TimerHandle;
  /** Calls `run` in a later turn of the event loop, after the input that is ready now. */
  soon(run: () => void): void;
}
export interface TimerHandle {
  cancel(): void;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, bound). */
  below(bound: number): number;
  /** `length` unpredictable bytes (predictable under simulation), for ids. */
  bytes(length: number): Uint8Array;
}

// ---- disk

/** Why the disk refused, by its errno. `SHORT` is a read behind the end of the file or a write cut short. */
export type DiskError = {
  readonly code: 'EIO' | 'ENOSPC' | 'ENOENT' | 'EEXIST' | 'EMFILE' | 'EACCES' | 'EINVAL' | 'SHORT' | 'OTHER';
  readonly message: string;
};
export type Done = (error: DiskError | null) => void;
export type DoneWith<T> = (error: DiskError | null, value?: T) => void;

export interface DiskFile {
  readonly path: string;
  /** Direct: whole blocks from page-aligned memory, past the page cache. False where the file system refused it. */
  readonly direct: boolean;
  /** Every write survives a power cut once it is answered, without a sync. What was written over another open file does not. */
  readonly durable: boolean;
  /** Rises with every file opened by this disk: descriptor numbers are used again, incarnations never. */
  readonly incarnation: number;
}
export interface OpenOptions {
  /** `read`: must exist. `write`: read and write, created when missing. `exclusive`: must not exist. */
  readonly mode: 'read' | 'write' | 'exclusive';
  /** Ask for O_DIRECT; falls back to buffered where it is refused. */
  readonly direct?: boolean;
  /** Ask for {@link DiskFile.durable}: one call instead of a write and a sync. */
  readonly durable?: boolean;
}
export interface DiskEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory';
}
export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}
/**
 * Paths are relative to the data folder, with `/`; `.` is the folder itself; one that leaves it is refused with EACCES.
 * A close waits for the calls that are under way on its file; a call on a file that was closed is a defect and throws.
 */
export interface Disk {
  open(path: string, options: OpenOptions, done: DoneWith<DiskFile>): void;
  close(file: DiskFile, done: Done): void;
  /** Writes all of `views` one after the other from `position`. The views must stay as they are until done. */
  write(file: DiskFile, views: readonly Uint8Array[], position: number, done: Done): void;
  /** Fills `into` from `position`; answers how many bytes there were (fewer at the end of the file: what `into` holds behind them is undefined). */
  read(file: DiskFile, into: Uint8Array, position: number, done: DoneWith<number>): void;
  /** fdatasync: all that was written (and answered) before the call survives a power cut once done. The file's name needs syncFolder. */
  sync(file: DiskFile, done: Done): void;
  size(file: DiskFile, done: DoneWith<number>): void;
  truncate(file: DiskFile, length: number, done: Done): void;
  /** Creates a folder and those above it. */
  makeFolder(path: string, done: Done): void;
  /** Makes creations, renames and removals in a folder durable; that the folder itself is there needs its parent synced. */
  syncFolder(path: string, done: Done): void;
  /** Atomic; replaces what is there. */
  rename(from: string, to: string, done: Done): void;
  /** Removes a file, or a folder with everything in it. Missing is no error. */
  remove(path: string, done: Done): void;
  list(path: string, done: DoneWith<readonly DiskEntry[]>): void;
  /** A small file, whole. */
  readAll(path: string, done: DoneWith<Uint8Array>): void;
  /** Replaces a small file so that after a crash the old or the new one is there, whole: temporary, fsync, rename, fsync folder. */
  replace(path: string, bytes: Uint8Array, done: Done): void;
  space(done: DoneWith<DiskSpace>): void;
}

// ---- network

export interface Socket {
  /** `address:port` of the other side. */
  readonly remote: string;
  /** `address:port` that the other side came to. */
  readonly local: string;
  /** Writes all views in order. They must stay as they are until done; then the bytes are with the operating system. */
  write(views: readonly Uint8Array[], done: Done): void;
  /** Stops and starts the arrival of data: back-pressure. */
  pause(): void;
  resume(): void;
  /** Sends what was written, then closes; what still arrives is thrown away. The other side not reading can delay it: then destroy. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}
export interface SocketHandlers {
  /** `chunk` is only valid during the call. */
  data(chunk: Uint8Array): void;
  /** Called once, however it ended; no call follows. */
  closed(reason: string): void;
}
export interface ListenOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Several shards listen on the same port and the operating system spreads the connections. */
  readonly shared: boolean;
}
export interface Listening {
  readonly host: string;
  readonly port: number;
  /** No new connections; those that are open stay. */
  close(done: () => void): void;
}
export interface Network {
  listen(
    options: ListenOptions,
    accept: (socket: Socket) => SocketHandlers,
    done: (error: string | null, listening?: Listening) => void,
  ): void;
  connect(
    host: string,
    port: number,
    handlers: SocketHandlers,
    done: (error: string | null, socket?: Socket) => void,
  ): void;
}

/**
 * CPU-heavy jobs in threads of their own (piscina): named, arguments and results structured-cloneable. The argument is
 * copied when a thread is free, so it must stay as it is until done; shared memory is shared.
 */
export interface Pool {
  run(job: string, argument: unknown, done: (error: string | null, result?: unknown) => void): void;
}

export interface Logger {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** Counters and gauges by name, for metrics. Names are static; a counter lives in shared memory. */
export interface Counters {
  add(name: string, by: number): void;
  set(name: string, value: number): void;
}

/** All of it, as one shard gets it. */
export interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  readonly pool: Pool;
  readonly logger: Logger;
  readonly counters: Counters;
}
