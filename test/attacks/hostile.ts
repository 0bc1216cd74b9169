/**
 * A connection that says what no client should: any bytes, any fields, any raw parts, read or not read at will. Reads
 * answers only to tell what the node said; decides nothing about what is right.
 */
import { connect, type Socket } from 'node:net';
import { decode, encode } from '@msgpack/msgpack';
import type { FaultCode } from '../../src/model/faults.ts';
import { HELLO_KIND } from '../../src/protocols/native/calls/hello.ts';
import { calls } from '../../src/protocols/native/calls.ts';
import { HEADER_BYTES, REFUSED_KIND } from '../../src/protocols/native/frame.ts';
import type { NativeCallName } from '../../src/protocols/request.ts';

export type Fields = Readonly<Record<string, unknown>>;
export interface Answer {
  readonly kind: number;
  readonly correlation: number;
  readonly fields: Fields;
  readonly raw: Uint8Array;
}

export const HELLO: Fields = { versions: [1], client: 'somebody', features: [] };

/** A frame with whatever is given; `fields` as bytes or as a value to encode. */
export function frame(kind: number, correlation: number, fields: unknown, raw: Uint8Array = new Uint8Array(0)): Buffer {
  const encoded = fields instanceof Uint8Array ? fields : encode(fields);
  const bytes = Buffer.alloc(HEADER_BYTES + encoded.length + raw.length);
  bytes.writeUInt32BE(bytes.length - 4, 0);
  bytes[4] = 1;
  bytes[5] = kind;
  bytes.writeUInt32BE(correlation, 8);
  bytes.writeUInt32BE(encoded.length, 12);
  bytes.set(encoded, HEADER_BYTES);
  bytes.set(raw, HEADER_BYTES + encoded.length);
  return bytes;
}

/** The code of a fault that stands in an answer or in a part of it; empty where there is none. */
export function codeOf(answer: Answer | Fields | undefined): FaultCode | '' {
  if (answer === undefined) return '';
  const fields = 'kind' in answer ? (answer.kind === REFUSED_KIND ? answer.fields : {}) : answer.fault;
  return ((fields as Fields | undefined)?.code as FaultCode | undefined) ?? '';
}

export const partsOf = (answer: Answer): readonly Fields[] => answer.fields.parts as readonly Fields[];

export class Hostile {
  /** All that are open, so that an attack that failed leaves none behind. */
  static readonly #open = new Set<Hostile>();
  readonly socket: Socket;
  /** Every answer that came, in order. */
  readonly answers: Answer[] = [];
  /** Resolves when the connection has ended, from either side. */
  readonly closed: Promise<void>;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #pieces: Buffer[] = [];
  #bytes = 0;
  #wanted = 4;
  #correlation = 0;
  #ended = false;

  constructor(port: number, localAddress = '127.0.0.1') {
    this.socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true });
    Hostile.#open.add(this);
    this.socket.on('data', (piece: Buffer) => this.#take(piece));
    // A reset is one of the ways in which a node may end what it does not like; `closed` tells of it.
    this.socket.on('error', () => this.socket.destroy());
    this.closed = new Promise((resolve) =>
      this.socket.on('close', () => {
        this.#ended = true;
        Hostile.#open.delete(this);
        resolve();
      }),
    );
  }

  /** A connection that has not said hello. */
  static async silent(port: number, localAddress?: string): Promise<Hostile> {
    const hostile = new Hostile(port, localAddress);
    await new Promise<void>((resolve, reject) => {
      hostile.socket.once('connect', resolve);
      hostile.socket.once('close', () => reject(new Error('refused by the system')));
    });
    return hostile;
  }

  /** A connection that was polite so far. */
  static async greeted(port: number, client = 'somebody'): Promise<Hostile> {
    const hostile = await Hostile.silent(port);
    const answer = await hostile.say(HELLO_KIND, { ...HELLO, client });
    if (answer.kind === REFUSED_KIND) throw new Error(`hello was refused: ${String(answer.fields.message)}`);
    return hostile;
  }

  static async closeAll(): Promise<void> {
    await Promise.all([...Hostile.#open].map((one) => one.close()));
  }

  get ended(): boolean {
    return this.#ended;
  }

  send(bytes: Uint8Array): void {
    if (!this.#ended) this.socket.write(bytes);
  }

  /** A call, and its answer. */
  ask(call: NativeCallName, fields: unknown, raw?: Uint8Array): Promise<Answer> {
    return this.say(calls[call].kind, fields, raw);
  }

  /** Sends a frame and waits for its answer. @throws when the connection ends without one. */
  say(kind: number, fields: unknown, raw?: Uint8Array): Promise<Answer> {
    const correlation = ++this.#correlation;
    const answer = new Promise<Answer>((resolve) => this.#waiting.set(correlation, resolve));
    this.send(frame(kind, correlation, fields, raw));
    const lost = this.closed.then(() => {
      throw new Error(`the connection ended without an answer to ${kind}`);
    });
    return Promise.race([answer, lost]);
  }

  /** Sends and does not wait. */
  shout(call: NativeCallName, fields: unknown, raw?: Uint8Array): void {
    this.send(frame(calls[call].kind, ++this.#correlation, fields, raw));
  }

  /** All that was said until the node ended the connection: the code of its last words. */
  async lastWords(): Promise<FaultCode | ''> {
    await this.closed;
    return codeOf(this.answers.at(-1));
  }

  close(): Promise<void> {
    this.socket.destroy();
    return this.closed;
  }

  #take(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    while (this.#bytes >= this.#wanted) {
      const all = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
      this.#pieces = [all];
      this.#wanted = all.readUInt32BE(0) + 4;
      if (all.length < this.#wanted) return;
      this.#read(all.subarray(0, this.#wanted));
      this.#pieces = [all.subarray(this.#wanted)];
      this.#bytes = all.length - this.#wanted;
      this.#wanted = 4;
    }
  }

  #read(bytes: Buffer): void {
    const fieldsEnd = HEADER_BYTES + bytes.readUInt32BE(12);
    const answer: Answer = {
      kind: bytes[5] ?? 0,
      correlation: bytes.readUInt32BE(8),
      fields: decode(bytes.subarray(HEADER_BYTES, fieldsEnd)) as Fields,
      raw: bytes.subarray(fieldsEnd),
    };
    this.answers.push(answer);
    this.#waiting.get(answer.correlation)?.(answer);
    this.#waiting.delete(answer.correlation);
  }
}
