/**
 * The file of `pub --acked`: `partition TAB offset TAB value`, a line for every acked message, written as the acks come.
 * Written synchronously once a turn, so that a killed command has told of all but its very last acks.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Sent } from '../client/message.ts';
import { usage } from './exit.ts';
import { plain } from './record.ts';

const GATHERED_BYTES = 256 * 1024;
/** Digits of two safe integers and the separators. */
const PREFIX_BYTES_MAX = 64;
const LINE_FEED = 10;

export class AckedFile {
  readonly #descriptor: number;
  readonly #gathered = Buffer.allocUnsafe(GATHERED_BYTES);
  #used = 0;
  #scheduled = false;

  constructor(path: string) {
    try {
      this.#descriptor = openSync(path, 'w');
    } catch (error) {
      throw usage(`${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** A value with a line feed in it stands as a JSON string; all others as they are. */
  add({ partition, offset }: Sent, value: Buffer): void {
    const shown = value.includes(LINE_FEED) ? Buffer.from(plain(value)) : value;
    const bytesMax = PREFIX_BYTES_MAX + shown.length + 1;
    if (this.#used + bytesMax > GATHERED_BYTES) this.#write();
    if (bytesMax > GATHERED_BYTES) {
      this.#writeAll(Buffer.concat([Buffer.from(`${partition}\t${offset}\t`), shown, Buffer.of(LINE_FEED)]));
      return;
    }
    this.#used += this.#gathered.write(`${partition}\t${offset}\t`, this.#used, 'latin1');
    this.#used += shown.copy(this.#gathered, this.#used);
    this.#used = this.#gathered.writeUInt8(LINE_FEED, this.#used);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#write();
    });
  }

  close(): void {
    this.#write();
    closeSync(this.#descriptor);
  }

  #write(): void {
    const bytes = this.#gathered.subarray(0, this.#used);
    this.#used = 0;
    if (bytes.length > 0) this.#writeAll(bytes);
  }

  #writeAll(bytes: Buffer): void {
    for (let from = 0; from < bytes.length; ) from += writeSync(this.#descriptor, bytes, from);
  }
}
