/**
 * The door of the client: one connection for control and produce, and everything that is made from it. Closing it closes
 * what was made, in an order that loses nothing.
 */
import { Admin } from './admin.ts';
import type { BackoffOptions } from './backoff.ts';
import { Broadcast, type BroadcastOptions } from './broadcast.ts';
import { Consumer, type ConsumerOptions } from './consumer.ts';
import { aborted, CallboardError } from './errors.ts';
import { Link } from './link.ts';
import { positive } from './options.ts';
import type { Clock, Random, ServerAddress, Transport, World } from './ports.ts';
import { Producer, type ProducerOptions } from './producer.ts';
import { Reader, type ReaderOptions } from './reader.ts';
import { parseServer } from './server.ts';
import { systemClock, systemRandom } from './system.ts';
import { tcp } from './tcp.ts';
import { Topics } from './topics.ts';

export interface ConnectOptions {
  /** `host:port`; default the environment's CALLBOARD_SERVER, else 127.0.0.1:7625. */
  readonly server?: string | ServerAddress;
  /** Several, tried one after the other. */
  readonly servers?: readonly (string | ServerAddress)[];
  /** For people: stands in the node's logs and group descriptions, up to 255 characters; default `callboard-client`. */
  readonly clientId?: string;
  /** Longest time until one server has answered, ms; default 10,000. */
  readonly connectTimeoutMs?: number;
  /** An answer that is later than this means that the connection is dead, ms; default 30,000. */
  readonly requestTimeoutMs?: number;
  /** Pauses before connecting again. */
  readonly backoff?: BackoffOptions;
  /** Ends the attempt to connect. */
  readonly signal?: AbortSignal;
  readonly transport?: Transport;
  readonly clock?: Clock;
  readonly random?: Random;
}

interface Closable {
  close(options?: { readonly signal?: AbortSignal }): Promise<void>;
}

/** Connects to a node. Rejects when none answers in time; later losses of the connection heal by themselves. */
export async function connect(options: ConnectOptions = {}): Promise<Client> {
  const world: World = {
    transport: options.transport ?? tcp,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  };
  const connectTimeoutMs = positive('connectTimeoutMs', options.connectTimeoutMs ?? 10_000);
  const link = new Link({
    world,
    servers: serversOf(options),
    clientId: options.clientId ?? 'callboard-client',
    connectTimeoutMs,
    requestTimeoutMs: positive('requestTimeoutMs', options.requestTimeoutMs ?? 30_000),
    backoff: options.backoff ?? {},
  });
  try {
    await link.ready.wait({ clock: world.clock, timeoutMs: connectTimeoutMs, signal: options.signal });
    if (link.greeting === null) throw link.failure ?? new CallboardError('DISCONNECTED', 'no server answered in time');
    return new Client(link);
  } catch (error) {
    link.close();
    throw options.signal?.aborted ? aborted(options.signal) : error;
  }
}

function serversOf(options: ConnectOptions): readonly ServerAddress[] {
  const given = options.servers ?? [options.server ?? process.env.CALLBOARD_SERVER ?? '127.0.0.1:7625'];
  if (given.length === 0) throw new CallboardError('INVALID_OPTION', 'servers is empty');
  return given.map((server) => (typeof server === 'string' ? parseServer(server) : server));
}

/** A connected client. `await using` closes it. */
export class Client {
  readonly #link: Link;
  readonly #topics: Topics;
  readonly #open = new Set<Closable>();
  readonly #forget = (closable: Closable): void => void this.#open.delete(closable);
  /** A connection of its own, to the same servers. */
  readonly #another = (): Link => new Link(this.#link.options);
  #closing: Promise<void> | null = null;

  /** Made by {@link connect}. */
  constructor(link: Link) {
    this.#link = link;
    this.#topics = new Topics(link);
  }

  /** Is there a connection at this moment? */
  get connected(): boolean {
    return this.#link.greeting !== null;
  }

  producer(options: ProducerOptions = {}): Producer {
    this.#checkOpen();
    return this.#keep(new Producer(this.#link, this.#topics, options, this.#forget));
  }

  /** Reads partitions from where you say, without a group. */
  reader(options: ReaderOptions): Reader {
    this.#checkOpen();
    return this.#keep(new Reader(this.#another, this.#topics, options, this.#forget));
  }

  /** Reads all of a topic and keeps its offsets in a local file. */
  broadcast(options: BroadcastOptions): Broadcast {
    this.#checkOpen();
    return this.#keep(new Broadcast(this.#link, this.#another, this.#topics, options, this.#forget));
  }

  /** Joins a group, when its first message is asked for. */
  consumer(options: ConsumerOptions): Consumer {
    this.#checkOpen();
    return this.#keep(new Consumer(this.#another, this.#topics, options, this.#forget));
  }

  /** Topics, groups, offsets, the node. */
  admin(): Admin {
    this.#checkOpen();
    return new Admin(this.#link, this.#topics);
  }

  /**
   * Closes producers (which store what they have), consumers and readers (which commit), then the connection. With a
   * signal that fires it stops waiting for the node: what is not stored by then is given up and told.
   */
  close(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(options: { readonly signal?: AbortSignal }): Promise<void> {
    const ends = await Promise.allSettled([...this.#open].map((closable) => closable.close(options)));
    this.#link.close();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  #keep<T extends Closable>(closable: T): T {
    this.#open.add(closable);
    return closable;
  }

  #checkOpen(): void {
    if (this.#closing !== null) throw new CallboardError('CLOSED', 'the client was closed');
  }
}
