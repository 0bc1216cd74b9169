/**
 * The fingerprint of a run: everything that is delivered, written, answered or logged goes in, in its order. Equal seeds
 * give equal digests, in any process. It is good for comparing and for nothing else: not for guarding bytes.
 */
import { crc32c } from '@node-rs/crc32';

const DEPTH_MAX = 6;

export class Digest {
  #first = 0x811c9dc5;
  #second = 0x9e3779b9;
  readonly #double = new Float64Array(1);
  readonly #words = new Uint32Array(this.#double.buffer);
  /** Things taken in. */
  count = 0;

  text(text: string): void {
    let hash = this.#first;
    for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
    this.#first = hash;
    this.#mix(text.length);
  }

  number(value: number): void {
    this.#double[0] = value;
    this.#mix(this.#words[0] as number);
    this.#mix(this.#words[1] as number);
  }

  bytes(bytes: Uint8Array): void {
    this.#mix(bytes.length);
    this.#mix(checksum(bytes));
  }

  /** Any plain value; functions and what stands deeper than a few levels count by their kind alone. */
  value(value: unknown, depth = 0): void {
    if (typeof value === 'number') this.number(value);
    else if (typeof value === 'string') this.text(value);
    else if (typeof value === 'boolean' || value === null) this.text(String(value));
    else if (value instanceof Uint8Array) this.bytes(value);
    else if (typeof value !== 'object' || depth > DEPTH_MAX) this.text(typeof value);
    else if (Array.isArray(value)) this.#list(value, depth);
    else if (value instanceof Set || value instanceof Map) this.#list([...value], depth);
    else this.#record(value as Readonly<Record<string, unknown>>, depth);
  }

  get hex(): string {
    const word = (hash: number): string => (hash >>> 0).toString(16).padStart(8, '0');
    return word(this.#first) + word(this.#second);
  }

  #list(list: readonly unknown[], depth: number): void {
    this.#mix(list.length);
    for (const each of list) this.value(each, depth + 1);
  }

  #record(record: Readonly<Record<string, unknown>>, depth: number): void {
    // Sockets and files are the kernel's own: what they do comes in by itself. Leases have bytes, and nothing else that counts.
    if (Object.getPrototypeOf(record) !== Object.prototype) {
      this.text(record.constructor?.name ?? 'object');
      if (record.bytes instanceof Uint8Array) this.bytes(record.bytes);
      return;
    }
    for (const key in record) {
      this.text(key);
      this.value(record[key], depth + 1);
    }
  }

  #mix(word: number): void {
    this.count += 1;
    this.#first = Math.imul(this.#first ^ word, 0x85ebca6b);
    this.#second = (Math.imul(this.#second ^ this.#first, 0xc2b2ae35) + 0x27d4eb2f) | 0;
  }
}

/** CRC-32C of all views, one after the other. */
export function checksumOf(views: readonly Uint8Array[]): number {
  let sum = 0;
  for (const view of views) sum = crc32c(view, sum);
  return sum;
}

export function checksum(bytes: Uint8Array): number {
  return crc32c(bytes);
}
