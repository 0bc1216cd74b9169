/**
 * A simulated internet and each host's view of it, the network port. Hosts are names; connections are reliable and
 * ordered as TCP's, and fail as they do: refused, reset, timed out, cut one way or both, or silent because the other host
 * is gone. Every choice comes from its seed.
 */
import type { Listening, ListenOptions, Network, Socket, SocketHandlers } from '../ports.ts';
import type { SimulatedClock } from './clock.ts';
import type { SeededRandom } from './random.ts';
import { SimulatedSocket, type Wire } from './socket.ts';

export interface InternetOptions {
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
  /** One way; default 0.05 to 0.5. */
  readonly latencyMs?: readonly [least: number, most: number];
  /** Default: 256 KiB. */
  readonly windowBytes?: number;
  /** Default: 30 s. */
  readonly timeoutMs?: number;
  /** Told what arrives and what closes. */
  readonly trace?: (line: string) => void;
}

interface Listener {
  readonly network: SimulatedNetwork;
  readonly shared: boolean;
  /** Only its own host reaches it. */
  readonly loopback: boolean;
  readonly port: number;
  readonly accept: (socket: Socket) => SocketHandlers;
}

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1']);
const FIRST_FREE_PORT = 49_152;

export class Internet implements Wire {
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
  readonly windowBytes: number;
  readonly timeoutMs: number;
  readonly #latencyMs: readonly [number, number];
  readonly #trace: (line: string) => void;
  /** Those that are alive; a host with none is down. */
  readonly #networks = new Set<SimulatedNetwork>();
  readonly #listeners = new Set<Listener>();
  #sockets: SimulatedSocket[] = [];
  /** `from>to` */
  readonly #cuts = new Set<string>();
  readonly #slowMs = new Map<string, number>();
  #nextPort = FIRST_FREE_PORT;

  constructor(options: InternetOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.windowBytes = options.windowBytes ?? 262_144;
    this.timeoutMs = options.timeoutMs ?? 30_000;
    this.#latencyMs = options.latencyMs ?? [0.05, 0.5];
    this.#trace = options.trace ?? (() => {});
  }

  /** The network as one thread on a host sees it. The first one brings the host up. */
  host(name: string): SimulatedNetwork {
    const network = new SimulatedNetwork(name, this);
    this.#networks.add(network);
    return network;
  }

  // ---- what goes wrong

  /** Nothing gets from one host to the other any more; one way. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
  }

  /** What was held up arrives after all. */
  heal(from: string, to: string): void {
    this.#cuts.delete(`${from}>${to}`);
    for (const socket of this.#open()) if (socket.host === from) socket.flow();
  }

  /** Everything from one host to the other takes so much longer; 0 takes it back. */
  slow(from: string, to: string, ms: number): void {
    this.#slowMs.set(`${from}>${to}`, ms);
  }

  /** Breaks the connections that are open between two hosts. */
  reset(a: string, b: string): void {
    for (const socket of this.#open()) {
      const pair = [socket.host, socket.peer.host];
      if (pair.includes(a) && pair.includes(b)) socket.break();
    }
  }

  /** A host goes without a word: its listeners and ends are no more, the other ends stay half-open. */
  crash(host: string): void {
    for (const network of this.#networks) if (network.name === host) this.#remove(network);
    for (const socket of this.#open()) if (socket.host === host) socket.vanish();
  }

  /** A thread ends and its host lives on: what the thread had open is closed, and told to the other sides alone. */
  close(network: SimulatedNetwork): void {
    this.#remove(network);
    for (const socket of network.sockets) socket.abandon();
  }

  #remove(network: SimulatedNetwork): void {
    network.alive = false;
    this.#networks.delete(network);
    for (const listener of this.#listeners) if (listener.network === network) this.#listeners.delete(listener);
  }

  // ---- what sockets ask

  delayMs(from: string, to: string): number {
    return this.random.between(...this.#latencyMs) + (this.#slowMs.get(`${from}>${to}`) ?? 0);
  }

  passes(from: string, to: string): boolean {
    return !this.#cuts.has(`${from}>${to}`);
  }

  isUp(host: string): boolean {
    for (const network of this.#networks) if (network.name === host) return true;
    return false;
  }

  trace(line: string): void {
    this.#trace(`${this.clock.monotonic()} ${line}`);
  }

  // ---- what the port asks

  /** The port, or why not. */
  add(listener: Omit<Listener, 'port'>, wanted: number): Listener | string {
    const port = wanted === 0 ? this.#nextPort++ : wanted;
    for (const other of this.#listeners) {
      const clash = other.network.name === listener.network.name && other.port === port;
      if (clash && !(other.shared && listener.shared)) return `EADDRINUSE: port ${port} is in use`;
    }
    const added: Listener = { ...listener, port };
    this.#listeners.add(added);
    return added;
  }

  remove(listener: Listener): void {
    this.#listeners.delete(listener);
  }

  /** Whom a connection from `from` reaches, spread over those that share the port. */
  listenerAt(from: string, to: string, port: number): Listener | undefined {
    const found: Listener[] = [];
    for (const listener of this.#listeners) {
      const there = listener.network.name === to && listener.port === port;
      if (there && (!listener.loopback || from === to)) found.push(listener);
    }
    return found.length === 0 ? undefined : found[this.random.below(found.length)];
  }

  pair(from: SimulatedNetwork, to: Listener): [client: SimulatedSocket, server: SimulatedSocket] {
    const here = `${from.name}:${this.#nextPort++}`;
    const there = `${to.network.name}:${to.port}`;
    const client = new SimulatedSocket(from.name, here, there, this);
    const server = new SimulatedSocket(to.network.name, there, here, this);
    SimulatedSocket.join(client, server);
    this.#sockets.push(client, server);
    from.sockets.add(client);
    to.network.sockets.add(server);
    return [client, server];
  }

  #open(): readonly SimulatedSocket[] {
    const over = (socket: SimulatedSocket): boolean => socket.closed && socket.peer.closed;
    this.#sockets = this.#sockets.filter((socket) => !over(socket));
    for (const { sockets } of this.#networks) for (const socket of sockets) if (over(socket)) sockets.delete(socket);
    return this.#sockets;
  }
}

export class SimulatedNetwork implements Network {
  readonly name: string;
  /** Its ends of connections. */
  readonly sockets = new Set<SimulatedSocket>();
  /** False after the crash of its host or the end of its thread: nothing it has asked for is answered. */
  alive = true;
  readonly #internet: Internet;

  constructor(name: string, internet: Internet) {
    this.name = name;
    this.#internet = internet;
  }

  listen(
    options: ListenOptions,
    accept: (socket: Socket) => SocketHandlers,
    done: (error: string | null, listening?: Listening) => void,
  ): void {
    this.#soon(() => {
      const listener = { network: this, shared: options.shared, loopback: LOOPBACK.has(options.host), accept };
      const added = this.#internet.add(listener, options.port);
      if (typeof added === 'string') {
        done(added);
        return;
      }
      const close = (closed: () => void): void => {
        this.#internet.remove(added);
        this.#soon(closed);
      };
      done(null, { host: options.host, port: added.port, close });
    });
  }

  connect(
    host: string,
    port: number,
    handlers: SocketHandlers,
    done: (error: string | null, socket?: Socket) => void,
  ): void {
    const internet = this.#internet;
    const to = LOOPBACK.has(host) ? this.name : host;
    this.#after(internet.delayMs(this.name, to), () => {
      if (!internet.isUp(to) || !internet.passes(this.name, to) || !internet.passes(to, this.name)) {
        this.#after(internet.timeoutMs, () => done(`ETIMEDOUT: ${host}:${port} does not answer`));
        return;
      }
      const back = internet.delayMs(to, this.name);
      const listener = internet.listenerAt(this.name, to, port);
      if (listener === undefined) {
        this.#after(back, () => done(`ECONNREFUSED: nobody listens at ${host}:${port}`));
        return;
      }
      const [client, server] = internet.pair(this, listener);
      server.attach(listener.accept(server));
      this.#after(back, () => {
        done(null, client);
        client.attach(handlers);
      });
    });
  }

  #soon(run: () => void): void {
    this.#after(0, run);
  }

  #after(ms: number, run: () => void): void {
    this.#internet.clock.after(ms, () => {
      if (this.alive) run();
    });
  }
}
