/**
 * One connection of the generator: bytes out as they are, answers taken apart without keeping them. All connections read
 * into one piece of memory. It knows frames, and no call.
 */
import { connect, type Socket } from 'node:net';
import { msgpack } from '../../src/edges/client/msgpack.ts';
import { decodeAnswer, encodeHello, encodeRequest } from '../../src/protocols/native/codec.ts';
import { type Frame, HEADER_BYTES, openFrame, REFUSED_KIND } from '../../src/protocols/native/frame.ts';
import type { NativeCallName, ReplyOf, Request } from '../../src/protocols/request.ts';

const READ_BYTES = 256 * 1024;
/** Correlation of requests that are asked one at a time; load has those below. */
const ASK = 0x7fff_0000;
const memory = Buffer.alloc(READ_BYTES);

/** What is done with answers. */
export interface Taker {
  /** `frame` has no raw bytes where the link skips them. @param rawBytes how many there were. */
  answer(frame: Frame, rawBytes: number): void;
}

export class Link {
  readonly socket: Socket;
  taker: Taker | null = null;
  /** Counts raw bytes instead of gathering them. */
  skipsRaw = false;
  readonly #head = Buffer.alloc(HEADER_BYTES);
  #headFilled = 0;
  /** The frame so far: head and fields, and raw bytes where they are wanted. */
  #frame = Buffer.alloc(64 * 1024);
  #filled = 0;
  #wanted = 0;
  #skipLeft = 0;
  #rawBytes = 0;
  #asked: ((frame: Frame) => void) | null = null;
  #closing = false;

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  /** Connects and says hello. */
  static async open(port: number): Promise<Link> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let link: Link | null = null;
    const callback = (count: number): boolean => {
      link?.take(memory.subarray(0, count));
      return true;
    };
    const socket = connect({ host: '127.0.0.1', port, noDelay: true, onread: { buffer: memory, callback } }, resolve);
    socket.on('error', reject);
    link = new Link(socket);
    socket.on('close', () => link?.lost());
    await promise;
    await link.#exchange(encodeHello(msgpack, ASK, { versions: [1], client: 'bench', features: [] }));
    return link;
  }

  /** Asks one question while there is no load; a refusal is an error. */
  async ask<C extends NativeCallName>(request: Request & { readonly call: C }): Promise<ReplyOf<C>> {
    const frame = await this.#exchange(encodeRequest(msgpack, ASK, request));
    const answer = decodeAnswer(msgpack, frame);
    if (!answer.ok) throw new Error(answer.fault.message);
    if (answer.value.type !== 'reply' || answer.value.reply.call === 'refused')
      throw new Error(`${request.call}: ${JSON.stringify(answer.value)}`);
    return answer.value.reply as ReplyOf<C>;
  }

  send(head: Uint8Array, body: Uint8Array): void {
    this.socket.cork();
    this.socket.write(head);
    this.socket.write(body);
    this.socket.uncork();
  }

  close(): void {
    this.#closing = true;
    this.socket.destroy();
  }

  #exchange(views: readonly Uint8Array[]): Promise<Frame> {
    const { promise, resolve, reject } = Promise.withResolvers<Frame>();
    const lost = (): void => reject(new Error('the connection was closed'));
    this.socket.once('close', lost);
    this.#asked = (frame) => {
      this.socket.off('close', lost);
      resolve(frame);
    };
    for (const view of views) this.socket.write(view);
    return promise;
  }

  /** Load that lost its connection has no figures: the whole generator ends. */
  lost(): void {
    if (this.taker !== null && !this.#closing) throw new Error('the connection was closed under load');
  }

  take(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#skipLeft > 0) {
        const skipped = Math.min(this.#skipLeft, chunk.length - at);
        this.#skipLeft -= skipped;
        at += skipped;
        if (this.#skipLeft === 0) this.#whole();
      } else if (this.#wanted === 0) at += this.#takeHead(chunk, at);
      else {
        const length = Math.min(this.#wanted - this.#filled, chunk.length - at);
        chunk.copy(this.#frame, this.#filled, at, at + length);
        this.#filled += length;
        at += length;
        this.#advance();
      }
    }
  }

  #takeHead(chunk: Buffer, at: number): number {
    const length = Math.min(HEADER_BYTES - this.#headFilled, chunk.length - at);
    chunk.copy(this.#head, this.#headFilled, at, at + length);
    this.#headFilled += length;
    if (this.#headFilled < HEADER_BYTES) return length;
    const total = 4 + this.#head.readUInt32BE(0);
    const fields = this.#head.readUInt32BE(12);
    this.#rawBytes = total - HEADER_BYTES - fields;
    this.#wanted = this.skipsRaw ? HEADER_BYTES + fields : total;
    if (this.#frame.length < this.#wanted) this.#frame = Buffer.alloc(2 * this.#wanted);
    this.#head.copy(this.#frame);
    this.#filled = HEADER_BYTES;
    this.#advance();
    return length;
  }

  #advance(): void {
    if (this.#filled < this.#wanted) return;
    this.#skipLeft = this.skipsRaw ? this.#rawBytes : 0;
    if (this.#skipLeft === 0) this.#whole();
  }

  #whole(): void {
    const bytes = this.#frame.subarray(0, this.#wanted);
    const rawBytes = this.#rawBytes;
    this.#wanted = 0;
    this.#headFilled = 0;
    // The frame must be as long as it says, which it is not without its raw bytes.
    if (this.skipsRaw) bytes.writeUInt32BE(bytes.length - 4, 0);
    const frame = openFrame(bytes);
    if (!frame.ok) throw new Error(frame.fault.message);
    if (frame.value.correlation === ASK) this.#asked?.(copyOf(frame.value));
    else this.taker?.answer(frame.value, rawBytes);
  }
}

/** The frame's memory is used again before whoever asked goes on. */
function copyOf(frame: Frame): Frame {
  return { ...frame, fields: frame.fields.slice(), raw: frame.raw.slice() };
}

const FAULT = Buffer.from('fault');
const OVERLOADED = Buffer.from('OVERLOADED');

export function isOverloaded({ fields }: Frame): boolean {
  return Buffer.from(fields.buffer, fields.byteOffset, fields.length).includes(OVERLOADED);
}

/** Throws for an answer that refuses, wholly or in a part: load is only counted where all went well. */
export function assertDone(frame: Frame): void {
  const fields = Buffer.from(frame.fields.buffer, frame.fields.byteOffset, frame.fields.length);
  if (frame.kind !== REFUSED_KIND && !fields.includes(FAULT)) return;
  throw new Error(`refused: ${JSON.stringify(msgpack.decode(frame.fields))}`);
}
