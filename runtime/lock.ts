/**
 * The lock of a data folder: a listening local socket in it. The system closes it with its process, however that ends, so
 * a lock is never left behind; and its holder answers who it is. Works between processes of one machine, containers with
 * a common volume among them; not over a network file system.
 *
 * Takers are numbered: `lock.1`, `lock.2`, … and the highest that lives is the holder. Whoever finds the highest dead links
 * a socket that listens already to the next number (link fails when another was faster), looks again, and holds the lock
 * unless a still higher one has come. A name that may live is never moved or removed: the holder removes lower ones, which
 * it has seen dead or which withdraw, and leaves its own behind, so that numbers never go back.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join, relative } from 'node:path';

/** What the holder says of itself. */
export interface LockHolder {
  readonly pid: number;
  /** ISO 8601. */
  readonly startedAt: string;
}
export interface FolderLock {
  release(): Promise<void>;
}
export type LockAnswer = { readonly lock: FolderLock } | { readonly heldBy: LockHolder | null };

/** How long a holder may take to say who it is, on a busy machine, too; one that is stopped still holds the lock. */
const ANSWER_MS_MAX = 5_000;
/** Between the birth of a starter's socket and its taking the lock. */
const STARTING_MS_MAX = 60_000;
/** Bytes of a name that the system takes for a local socket (sun_path of macOS, the shortest). */
const SOCKET_PATH_BYTES_MAX = 103;
const LOCK_NAME = /^lock\.(\d{1,15})$/;
const STARTER_NAME = /^starting\.[0-9a-f]+$/;

/**
 * Takes the lock of `folder`, which must exist, or answers who has it (null when the holder does not say).
 * @param token some hex digits that no other starter has.
 */
export function takeLock(folder: string, self: LockHolder, token: string): Promise<LockAnswer> {
  return process.platform === 'win32' ? takePipe(folder, self) : takeSocket(folder, self, token);
}

/** Who holds the lock of `folder`, without taking it; `dead` when nobody does, null when the holder does not say. */
export async function lockHolder(folder: string): Promise<LockHolder | null | 'dead'> {
  if (process.platform === 'win32') return ask(pipeOf(folder));
  const highest = highestLock(folder);
  if (highest === 0) return 'dead';
  const sockets = new SocketFolder(folder);
  const held = await ask(sockets.path(`lock.${highest}`));
  sockets.close();
  return held;
}

async function takeSocket(folder: string, self: LockHolder, token: string): Promise<LockAnswer> {
  const sockets = new SocketFolder(folder);
  const server = answering(self);
  const release = (): Promise<void> => close(server, sockets);
  try {
    const starter = `starting.${token}`;
    await listen(server, sockets.path(starter));
    const refusal = await climb(folder, sockets, starter);
    if (refusal === undefined) return { lock: { release } };
    await release();
    return refusal;
  } catch (error) {
    await release();
    throw error;
  }
}

/** Links `starter` to the next number until it is the highest; answers the holder when there is one. */
async function climb(folder: string, sockets: SocketFolder, starter: string): Promise<LockAnswer | undefined> {
  for (;;) {
    const highest = highestLock(folder);
    const held = highest === 0 ? 'dead' : await ask(sockets.path(`lock.${highest}`));
    if (held !== 'dead') return { heldBy: held };
    const mine = highest + 1;
    if (!linked(join(folder, starter), join(folder, `lock.${mine}`))) continue;
    if (highestLock(folder) === mine) {
      fs.unlinkSync(join(folder, starter));
      await tidy(folder, sockets, mine);
      return undefined;
    }
    fs.unlinkSync(join(folder, `lock.${mine}`));
  }
}

/** Removes what dead processes have left: lower locks, and sockets of starters that got no further. */
async function tidy(folder: string, sockets: SocketFolder, mine: number): Promise<void> {
  const now = fs.statSync(join(folder, `lock.${mine}`)).ctimeMs;
  for (const name of fs.readdirSync(folder)) {
    const number = LOCK_NAME.exec(name)?.[1];
    const left = number === undefined ? isOldStarter(folder, name, now) : Number(number) < mine;
    if (left && (await ask(sockets.path(name))) === 'dead') fs.rmSync(join(folder, name), { force: true });
  }
}

/** A young one may be about to listen. Both times are the file system's: no clock that jumps. */
function isOldStarter(folder: string, name: string, nowMs: number): boolean {
  if (!STARTER_NAME.test(name)) return false;
  const stats = fs.statSync(join(folder, name), { throwIfNoEntry: false });
  return stats !== undefined && stats.ctimeMs < nowMs - STARTING_MS_MAX;
}

function highestLock(folder: string): number {
  let highest = 0;
  for (const name of fs.readdirSync(folder)) highest = Math.max(highest, Number(LOCK_NAME.exec(name)?.[1] ?? 0));
  return highest;
}

/** False when another was faster. */
function linked(from: string, to: string): boolean {
  try {
    fs.linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Is this the name of something that the lock keeps in the folder? */
export function isLockName(name: string): boolean {
  return LOCK_NAME.test(name) || STARTER_NAME.test(name);
}

/** Names of sockets in a folder that may lie deep: Linux reaches it through an open descriptor, others from where we are. */
class SocketFolder {
  readonly #descriptor: number | null;
  readonly #prefix: string;

  constructor(folder: string) {
    this.#descriptor = process.platform === 'linux' ? fs.openSync(folder, fs.constants.O_DIRECTORY) : null;
    const near = relative(process.cwd(), folder) || '.';
    const shortest = near.length < folder.length ? near : folder;
    this.#prefix = this.#descriptor === null ? shortest : `/proc/self/fd/${this.#descriptor}`;
  }

  path(name: string): string {
    const path = join(this.#prefix, name);
    if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX)
      throw new Error(`${path} is too long for a local socket: start in a folder nearer to the data`);
    return path;
  }

  close(): void {
    if (this.#descriptor !== null) fs.closeSync(this.#descriptor);
  }
}

/** On Windows a named pipe can be created first only once, and goes with its process. */
async function takePipe(folder: string, self: LockHolder): Promise<LockAnswer> {
  const path = pipeOf(folder);
  const server = answering(self);
  try {
    await listen(server, path);
    return { lock: { release: () => close(server) } };
  } catch (error) {
    const held = await ask(path);
    if (held === 'dead') throw error;
    return { heldBy: held };
  }
}

function pipeOf(folder: string): string {
  const digest = createHash('sha256').update(fs.realpathSync.native(folder).toLowerCase()).digest('hex');
  return `\\\\.\\pipe\\callboard-${digest.slice(0, 32)}`;
}

function answering(self: LockHolder): Server {
  const text = JSON.stringify(self);
  const server = createServer((socket) => {
    // Whoever asks may be gone before it has the answer.
    socket.on('error', () => socket.destroy());
    socket.end(text, () => socket.destroy());
  });
  return server.unref();
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      // A process without free descriptors cannot say who it is, and holds the lock all the same.
      server.on('error', () => {});
      resolve();
    });
  });
}

function close(server: Server, sockets?: SocketFolder): Promise<void> {
  return new Promise((resolve) => {
    // Answers with an error when it never listened, which is as closed.
    server.close(() => {
      sockets?.close();
      resolve();
    });
  });
}

/** Who listens there; null when it lives and does not say, `dead` when nobody listens. */
function ask(path: string): Promise<LockHolder | null | 'dead'> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let text = '';
    socket.setEncoding('utf8');
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy());
    socket.on('data', (piece: string) => {
      text = (text + piece).slice(0, 4_096);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // Only these say that nobody listens; a full backlog, for one, says the contrary.
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve('dead');
    });
    socket.on('close', () => resolve(parseHolder(text)));
  });
}

function parseHolder(text: string): LockHolder | null {
  const fields = /"pid":(\d+),"startedAt":"([0-9TZ:.-]+)"/.exec(text);
  return fields === null ? null : { pid: Number(fields[1]), startedAt: fields[2] as string };
}
