/** Reading a data folder for its inspection: read only, in large reads, counting what was read. Judges nothing. */
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface FoundFile {
  /** Path below the folder, with `/`. */
  readonly path: string;
  readonly bytes: number;
}

/** All files of a data folder, in the order of their names; sockets and the like are left out. */
export async function listFiles(folder: string, below = ''): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  const entries = await readdir(join(folder, below), { withFileTypes: true });
  for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await listFiles(folder, path)));
    else if (entry.isFile()) found.push({ path, bytes: (await stat(join(folder, path))).size });
  }
  return found;
}

/** The files of one folder, read by their path below it. */
export class FolderReader {
  readonly folder: string;
  readonly #read: (bytes: number) => void;

  /** @param read hears of every read, for progress. */
  constructor(folder: string, read: (bytes: number) => void) {
    this.folder = folder;
    this.#read = read;
  }

  /** The whole file: for those whose size is bounded. */
  async whole(path: string): Promise<Uint8Array> {
    return this.using(path, (file) => file.range(0, file.size));
  }

  async using<T>(path: string, use: (file: OpenFile) => Promise<T>): Promise<T> {
    const handle = await open(join(this.folder, path), 'r');
    try {
      return await use(new OpenFile(handle, (await handle.stat()).size, this.#read));
    } finally {
      await handle.close();
    }
  }
}

/** A file while it is looked at. */
export class OpenFile {
  readonly size: number;
  readonly #handle: FileHandle;
  readonly #read: (bytes: number) => void;

  constructor(handle: FileHandle, size: number, read: (bytes: number) => void) {
    this.#handle = handle;
    this.size = size;
    this.#read = read;
  }

  /** Bytes `from` to `to`, or up to the end of the file. */
  async range(from: number, to: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(to, this.size) - from));
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await this.#handle.read(bytes, filled, bytes.length - filled, from + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    this.#read(filled);
    return bytes.subarray(0, filled);
  }
}
