/**
 * Kafka's protocol by hand, for what no client lets one say: any call in any version, any bytes, several requests at once.
 * Speaks with the node's own codec, which test/protocols/kafka judges.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import type { Call } from '../../../src/protocols/kafka/call.ts';
import { API_VERSIONS_KEY } from '../../../src/protocols/kafka/frame.ts';
import { Reading } from '../../../src/protocols/kafka/reading.ts';
import type { Codec, Members, ReadOf, WriteOf } from '../../../src/protocols/kafka/schema.ts';
import { Writing } from '../../../src/protocols/kafka/writing.ts';

const ANSWER_MS_MAX = 100_000;

export class Wire {
  readonly #socket: Socket;
  readonly #asked: ((frame: Uint8Array | null) => void)[] = [];
  /** Answers that nobody has asked for yet. */
  readonly #frames: Uint8Array[] = [];
  #over = false;
  #bytes: Buffer = Buffer.alloc(0);
  #correlation = 0;
  /** Correlation ids of the answers, as they came. */
  readonly answered: number[] = [];
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#data(chunk));
    socket.on('error', () => socket.destroy());
    this.closed = new Promise((resolve) =>
      socket.once('close', () => {
        this.#over = true;
        for (const answer of this.#asked.splice(0)) answer(null);
        resolve();
      }),
    );
  }

  static async connect(port: number): Promise<Wire> {
    const socket = connectTcp({ port, host: '127.0.0.1', noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Wire(socket);
  }

  end(): void {
    this.#socket.destroy();
  }

  /** Reads no more, whatever comes. */
  deafen(): void {
    this.#socket.pause();
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** The frame of a request, as it goes over the wire. */
  frame<Q extends Members>(
    call: Pick<Call<Q>, 'key' | 'flexible' | 'request'>,
    version: number,
    request: WriteOf<Q>,
  ): Uint8Array {
    const writing = new Writing();
    writing.begin();
    writing.int16(call.key);
    writing.int16(version);
    writing.int32(++this.#correlation);
    writing.string(false, 'wire');
    if (version >= call.flexible) writing.varint(0);
    (call.request.at(version) as Codec<unknown, WriteOf<Q>>).write(writing, request);
    return Buffer.concat(writing.finish());
  }

  /** @returns the answer; null where the connection ended instead. */
  async ask<Q extends Members, S extends Members>(
    call: Call<Q, S>,
    version: number,
    request: WriteOf<Q>,
  ): Promise<ReadOf<S> | null> {
    this.send(this.frame(call, version, request));
    const answer = await this.answer();
    if (answer === null) return null;
    const reading = new Reading(answer, 8);
    if (version >= call.flexible && call.key !== API_VERSIONS_KEY) reading.tagged([], {});
    const value = call.response.at(version).read(reading);
    if (reading.failed || reading.left > 0) throw new Error(`${call.name} ${version}: the answer has other fields`);
    return value;
  }

  /** The next answer's frame, its length in front; null when the connection ends. */
  answer(): Promise<Uint8Array | null> {
    const frame = this.#frames.shift();
    if (frame !== undefined || this.#over) return Promise.resolve(frame ?? null);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('no answer came')), ANSWER_MS_MAX);
      this.#asked.push((answer) => {
        clearTimeout(late);
        resolve(answer);
      });
    });
  }

  #data(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= 4 && this.#bytes.length >= 4 + this.#bytes.readInt32BE(0)) {
      const end = 4 + this.#bytes.readInt32BE(0);
      const frame = Uint8Array.from(this.#bytes.subarray(0, end));
      this.#bytes = this.#bytes.subarray(end);
      this.answered.push(Buffer.from(frame.buffer).readInt32BE(4));
      const asked = this.#asked.shift();
      if (asked === undefined) this.#frames.push(frame);
      else asked(frame);
    }
  }
}
