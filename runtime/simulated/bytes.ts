/** Bytes of a simulated file: sparse, so that a journal file grown to 64 MiB costs what is written to it. Holes are zeros. */
const PAGE_BYTES = 4096;

export class SparseBytes {
  #pages = new Map<number, Uint8Array>();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  copy(): SparseBytes {
    const copy = new SparseBytes();
    for (const [index, page] of this.#pages) copy.#pages.set(index, page.slice());
    copy.#length = this.#length;
    return copy;
  }

  write(position: number, bytes: Uint8Array): void {
    let done = 0;
    while (done < bytes.length) {
      const at = position + done;
      const offset = at % PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - offset, bytes.length - done);
      this.#page(Math.floor(at / PAGE_BYTES)).set(bytes.subarray(done, done + count), offset);
      done += count;
    }
    if (bytes.length > 0) this.#length = Math.max(this.#length, position + bytes.length);
  }

  /** Fills `into` as far as there are bytes; answers how many. */
  read(position: number, into: Uint8Array): number {
    const count = Math.max(0, Math.min(into.length, this.#length - position));
    let done = 0;
    while (done < count) {
      const at = position + done;
      const offset = at % PAGE_BYTES;
      const step = Math.min(PAGE_BYTES - offset, count - done);
      const page = this.#pages.get(Math.floor(at / PAGE_BYTES));
      if (page === undefined) into.fill(0, done, done + step);
      else into.set(page.subarray(offset, offset + step), done);
      done += step;
    }
    return count;
  }

  /** Cuts, or grows with zeros. */
  truncate(length: number): void {
    if (length < this.#length) {
      const last = Math.floor(length / PAGE_BYTES);
      for (const index of this.#pages.keys()) if (index > last) this.#pages.delete(index);
      this.#pages.get(last)?.fill(0, length % PAGE_BYTES);
    }
    this.#length = length;
  }

  #page(index: number): Uint8Array {
    const found = this.#pages.get(index);
    if (found !== undefined) return found;
    const page = new Uint8Array(PAGE_BYTES);
    this.#pages.set(index, page);
    return page;
  }
}
