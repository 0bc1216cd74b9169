/**
 * Somebody who says what no client should, beside the honest ones: garbage, half frames, lengths that lie, batches that do
 * not match their checksum. Half of it is left open, or goes without a word. What it sends must never be stored: the judge
 * does not know its records, so whoever reads one has found it.
 */
import { fieldsCodec } from '../../runtime/envelope.ts';
import type { Network, Socket } from '../../runtime/ports.ts';
import type { SeededRandom } from '../../runtime/simulated/random.ts';
import type { World } from '../../runtime/simulated/world.ts';
import { MIB } from '../../src/model/limits.ts';
import { encodeHello, encodeRequest } from '../../src/protocols/native/codec.ts';
import { HEADER_BYTES } from '../../src/protocols/native/frame.ts';
import type { Request } from '../../src/protocols/request.ts';
import type { Checker, PlaceHistory } from './checker.ts';
import { HOST, PORT } from './node.ts';
import { batchOf } from './party.ts';

const CONNECTIONS_MAX = 20;
/** Of the batch header: what comes before is not covered by the checksum, and the node writes most of it anew. */
const COVERED_FROM = 16;
const FETCHES = 50;

export class Hostile {
  readonly #random: SeededRandom;
  readonly #checker: Checker;
  readonly #mark: (what: string) => void;
  readonly #network: Network;
  #open: Socket[] = [];
  readonly #deeds: Readonly<Record<string, (socket: Socket) => void>> = {
    garbage: (socket) => this.#say(socket, this.#random.bytes(1 + this.#random.below(3_000))),
    'garbage in a frame': (socket) => this.#say(socket, this.#frame(this.#random.bytes(this.#random.below(3_000)))),
    'a length that lies': (socket) => this.#lie(socket),
    'half a frame': (socket) => {
      const whole = joined(encodeRequest(fieldsCodec, 1, this.#produce(null)));
      this.#say(socket, whole.subarray(0, this.#random.below(whole.length)));
    },
    'a batch that is damaged': (socket) => {
      for (let count = 1 + this.#random.below(5); count > 0; count--)
        this.#say(socket, joined(encodeRequest(fieldsCodec, count, this.#produce(this.#random.below(8)))));
    },
    'hello again and again': (socket) => {
      for (let count = this.#random.below(20); count > 0; count--) this.#greet(socket);
    },
    'never reads': (socket) => {
      socket.pause();
      for (let count = 0; count < FETCHES; count++)
        this.#say(socket, joined(encodeRequest(fieldsCodec, count, this.#fetch())));
    },
    'a call that is none': (socket) => {
      const frame = joined(encodeRequest(fieldsCodec, 1, { call: 'topics' }));
      frame[5] = this.#random.below(256);
      frame[4] = this.#random.below(3);
      this.#say(socket, frame);
    },
  };

  constructor(world: World, checker: Checker, mark: (what: string) => void) {
    this.#random = world.random.fork();
    this.#checker = checker;
    this.#mark = mark;
    this.#network = world.internet.host('hostile');
  }

  /** Some connections, one deed each. */
  act(): void {
    for (let count = 1 + this.#random.below(10); count > 0; count--) this.#connect();
  }

  /** Goes away. */
  rest(): void {
    for (const socket of this.#open.splice(0)) socket.destroy();
  }

  #connect(): void {
    if (this.#open.length >= CONNECTIONS_MAX) this.#open.shift()?.destroy();
    const names = Object.keys(this.#deeds);
    const name = names[this.#random.below(names.length)] as string;
    const [polite, hasty] = [this.#random.chance(0.7), this.#random.chance(0.3)];
    const handlers = { data: () => {}, closed: () => {} };
    this.#network.connect(HOST, PORT, handlers, (_error, socket) => {
      if (socket === undefined) return;
      this.#mark(`hostile: ${name}`);
      this.#open.push(socket);
      if (polite) this.#greet(socket);
      this.#deeds[name]?.(socket);
      if (hasty) socket.destroy();
    });
  }

  #greet(socket: Socket): void {
    this.#say(socket, joined(encodeHello(fieldsCodec, 0, { versions: [1], client: 'hostile', features: [] })));
  }

  #say(socket: Socket, bytes: Uint8Array): void {
    socket.write([bytes], () => {});
  }

  /** A frame as the header wants it, with anything inside. */
  #frame(body: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(HEADER_BYTES + body.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, bytes.length - 4);
    bytes[4] = 1;
    bytes[5] = this.#random.below(32);
    view.setUint32(12, this.#random.below(body.length + 1));
    bytes.set(body, HEADER_BYTES);
    return bytes;
  }

  #lie(socket: Socket): void {
    const bytes = this.#frame(this.#random.bytes(this.#random.below(300)));
    const lengths = [0, 1, 11, this.#random.below(1_000), MIB, 16 * MIB - 4, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
    const view = new DataView(bytes.buffer);
    view.setUint32(this.#random.chance(0.7) ? 0 : 12, lengths[this.#random.below(lengths.length)] as number);
    this.#say(socket, bytes);
  }

  /** @param flips bits that are flipped where the checksum tells; null for a batch that would be taken, were it sent whole. */
  #produce(flips: number | null): Request {
    const { topic, partition } = this.#place();
    const batch = batchOf([`hostile ~${this.#random.below(2_000)}`], 1);
    const bits = new Set<number>();
    // One at least, and none twice.
    for (let count = 0; flips !== null && count <= flips; count++)
      bits.add(8 * COVERED_FROM + this.#random.below(8 * (batch.length - COVERED_FROM)));
    for (const bit of bits) batch[bit >> 3] = (batch[bit >> 3] as number) ^ (1 << (bit & 7));
    return { call: 'produce', acks: 'leader', timeoutMs: 1_000, parts: [{ topic: topic.id, partition, batch }] };
  }

  #fetch(): Request {
    const { topic, partition } = this.#place();
    const add = [{ topic: topic.id, partition, offset: 0 as never, bytesMax: MIB }];
    return { call: 'fetch', session: 0, add, drop: [], bytesMin: 1, bytesMax: MIB, waitMs: 0 };
  }

  #place(): PlaceHistory {
    const { places } = this.#checker;
    return places[this.#random.below(places.length)] as PlaceHistory;
  }
}

function joined(views: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(views.reduce((sum, view) => sum + view.length, 0));
  let at = 0;
  for (const view of views) {
    bytes.set(view, at);
    at += view.length;
  }
  return bytes;
}
