/**
 * A client of Kafka's protocol on simulated sockets: one call at a time, on a connection that is made for it where there is
 * none. A call that has no answer in time ends its connection, and nobody knows whether it has happened. Judges nothing.
 */
import type { Clock, Network, Socket, TimerHandle } from '../../runtime/ports.ts';
import type { Call } from '../../src/protocols/kafka/call.ts';
import { Reading } from '../../src/protocols/kafka/reading.ts';
import type { Codec, Members, ReadOf, WriteOf } from '../../src/protocols/kafka/schema.ts';
import { Writing } from '../../src/protocols/kafka/writing.ts';
import { HOST, KAFKA_PORT } from './node.ts';

const HEADER_BYTES = 8;

export interface KafkaClientOptions {
  /** Asked for each connection: the host of the one before may have gone. */
  readonly network: () => Network;
  readonly clock: Clock;
  /** Every frame that comes. */
  readonly heard: (frame: Uint8Array) => void;
}

interface Asked {
  readonly frame: Uint8Array;
  /** null: lost. */
  readonly answered: (frame: Uint8Array | null) => void;
  readonly timer: TimerHandle;
}

export class KafkaClient {
  readonly #options: KafkaClientOptions;
  #asked: Asked | null = null;
  #socket: Socket | null = null;
  /** Rises with every connection: what an earlier one still says is not heard. */
  #connection = 0;
  #received = new Uint8Array(0);
  #correlation = 0;

  constructor(options: KafkaClientOptions) {
    this.#options = options;
  }

  /** `done` hears null where the answer was lost; never before this returns. */
  ask<Q extends Members, S extends Members>(
    call: Call<Q, S>,
    version: number,
    request: WriteOf<Q>,
    msMax: number,
    done: (answer: ReadOf<S> | null) => void,
  ): void {
    if (this.#asked !== null) throw new Error('one call at a time');
    this.#correlation += 1;
    const answered = (frame: Uint8Array | null): void => done(frame === null ? null : answerIn(call, version, frame));
    const timer = this.#options.clock.after(msMax, () => this.leave());
    this.#asked = { frame: frameOf(call, version, this.#correlation, request), answered, timer };
    if (this.#socket === null) this.#connect();
    else this.#socket.write([this.#asked.frame], () => {});
  }

  /** The connection ends; what was asked is lost. */
  leave(): void {
    const socket = this.#socket;
    this.#ended();
    socket?.destroy();
  }

  #connect(): void {
    this.#connection += 1;
    const connection = this.#connection;
    const current = (): boolean => connection === this.#connection;
    const handlers = {
      data: (chunk: Uint8Array) => {
        if (current()) this.#data(chunk);
      },
      closed: () => {
        if (current()) this.#ended();
      },
    };
    this.#options.network().connect(HOST, KAFKA_PORT, handlers, (error, socket) => {
      if (!current()) socket?.destroy();
      else if (socket === undefined || error !== null) this.#ended();
      else {
        this.#socket = socket;
        this.#received = new Uint8Array(0);
        if (this.#asked !== null) socket.write([this.#asked.frame], () => {});
      }
    });
  }

  #ended(): void {
    this.#connection += 1;
    this.#socket = null;
    this.#settle(null);
  }

  #settle(frame: Uint8Array | null): void {
    const asked = this.#asked;
    if (asked === null) return;
    this.#asked = null;
    asked.timer.cancel();
    this.#options.clock.soon(() => asked.answered(frame));
  }

  #data(chunk: Uint8Array): void {
    const joined = new Uint8Array(this.#received.length + chunk.length);
    joined.set(this.#received);
    joined.set(chunk, this.#received.length);
    this.#received = joined;
    if (joined.length < 4) return;
    const end = 4 + new DataView(joined.buffer).getInt32(0);
    if (joined.length < end) return;
    const frame = joined.slice(0, end);
    this.#received = joined.slice(end);
    this.#options.heard(frame);
    this.#settle(frame);
  }
}

function frameOf<Q extends Members>(
  call: Pick<Call<Q>, 'key' | 'flexible' | 'request'>,
  version: number,
  correlation: number,
  request: WriteOf<Q>,
): Uint8Array {
  const writing = new Writing();
  writing.begin();
  writing.int16(call.key);
  writing.int16(version);
  writing.int32(correlation);
  writing.string(false, 'simulated');
  if (version >= call.flexible) writing.varint(0);
  (call.request.at(version) as Codec<unknown, WriteOf<Q>>).write(writing, request);
  return Uint8Array.from(Buffer.concat(writing.finish()));
}

function answerIn<Q extends Members, S extends Members>(
  call: Call<Q, S>,
  version: number,
  frame: Uint8Array,
): ReadOf<S> {
  const reading = new Reading(frame, HEADER_BYTES);
  if (version >= call.flexible) reading.tagged([], {});
  const value = call.response.at(version).read(reading);
  if (reading.failed || reading.left > 0) throw new Error(`${call.name} ${version}: the answer has other fields`);
  return value;
}
