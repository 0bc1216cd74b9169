/** Reading a data folder for its inspection: read only, in large reads, counting what was read. Judges nothing. */
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface FoundFile {
  /** Path below the folder, with `/`. */
  readonly path: string;
  readonly bytes: number;
}

/** A file that is open for reading. */
export interface LogFile {
  readonly size: number;
  /** Bytes `from` to `to`, or up to the end of the file. */
  range(from: number, to: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Where the files come from: the disk, or a copy in memory. */
export interface LogFolder {
  /** All files, in the order of their names. */
  list(): Promise<FoundFile[]>;
  open(path: string): Promise<LogFile>;
}

/** A folder on disk; sockets and the like in it are left out. */
export function diskFolder(folder: string): LogFolder {
  return { list: () => listFiles(folder, ''), open: (path) => openFile(join(folder, path)) };
}

async function listFiles(folder: string, below: string): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  const entries = await readdir(join(folder, below), { withFileTypes: true });
  for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await listFiles(folder, path)));
    else if (entry.isFile()) found.push({ path, bytes: (await stat(join(folder, path))).size });
  }
  return found;
}

async function openFile(path: string): Promise<LogFile> {
  const handle = await open(path, 'r');
  const { size } = await handle.stat();
  return {
    size,
    range: async (from, to) => {
      const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(to, size) - from));
      let filled = 0;
      while (filled < bytes.length) {
        const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, from + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    },
    close: () => handle.close(),
  };
}

/** The files of a folder, with every read told to whoever shows progress. */
export class FolderReader {
  readonly #folder: LogFolder;
  readonly #read: (bytes: number) => void;

  constructor(folder: LogFolder, read: (bytes: number) => void) {
    this.#folder = folder;
    this.#read = read;
  }

  /** The whole file: for those whose size is bounded. */
  whole(path: string): Promise<Uint8Array> {
    return this.using(path, (file) => file.range(0, file.size));
  }

  /** Opens a file for as long as `use` takes. */
  async using<T>(path: string, use: (file: LogFile) => Promise<T>): Promise<T> {
    const file = await this.#folder.open(path);
    try {
      return await use({ ...file, range: (from, to) => this.#range(file, from, to) });
    } finally {
      await file.close();
    }
  }

  async #range(file: LogFile, from: number, to: number): Promise<Uint8Array> {
    const bytes = await file.range(from, to);
    this.#read(bytes.length);
    return bytes;
  }
}
