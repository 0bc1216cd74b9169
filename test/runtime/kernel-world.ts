/**
 * Shards in one thread on a clock that stands still until told: for tests of the kernel. Disk, network and pool answer
 * when the test says so. Nothing here touches the machine.
 */
import type { Actor, Address, Context, Down, Kind, Message, Supervision, Tree } from '../../runtime/actor.ts';
import { deadLetters } from '../../runtime/dead-letters.ts';
import { InProcessShards } from '../../runtime/in-process.ts';
import type {
  Clock,
  Disk,
  DiskError,
  DiskFile,
  Done,
  DoneWith,
  Listening,
  ListenOptions,
  Logger,
  Ports,
  Socket,
  SocketHandlers,
} from '../../runtime/ports.ts';
import { id, type NodeId } from '../../src/model/ids.ts';

export const NODE: NodeId = id(1);
export const address = <In extends Message>(name: string, incarnation = 0): Address<In> => ({
  node: NODE,
  name,
  incarnation,
});

/** Stands still; `settle` runs what is to come soon, `advance` lets time pass. */
export class TestClock implements Clock {
  #time = 0;
  readonly #soon: (() => void)[] = [];
  #timers: { readonly at: number; readonly run: () => void }[] = [];

  now(): number {
    return 1_000_000 + this.#time;
  }
  monotonic(): number {
    return this.#time;
  }
  soon(run: () => void): void {
    this.#soon.push(run);
  }
  after(ms: number, run: () => void): { cancel(): void } {
    const timer = { at: this.#time + ms, run };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }
  get timers(): number {
    return this.#timers.length;
  }

  /** One round of what is to come soon. */
  tick(): void {
    for (const run of this.#soon.splice(0)) run();
  }

  /** @throws when there is no end to it: somebody polls. */
  settle(): void {
    for (let round = 0; this.#soon.length > 0; round++) {
      if (round > 10_000) throw new Error('the world does not come to rest');
      this.tick();
    }
  }

  advance(ms: number): void {
    const end = this.#time + ms;
    this.settle();
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#time = Math.max(this.#time, next.at);
      next.run();
      this.settle();
    }
    this.#time = end;
  }
}

/** Every operation waits until the test finishes it. */
export class HeldDisk {
  readonly pending: { readonly what: string; finish(error?: DiskError): void }[] = [];
  readonly closed: string[] = [];
  #incarnation = 0;

  get port(): Disk {
    const hold = (what: string, run: (error: DiskError | null) => void): void => {
      this.pending.push({ what, finish: (error) => run(error ?? null) });
    };
    const plain =
      (what: string) =>
      (...parameters: unknown[]): void =>
        hold(what, parameters.at(-1) as Done);
    const disk: Record<string, unknown> = {};
    for (const name of ['write', 'sync', 'truncate', 'makeFolder', 'syncFolder', 'rename', 'remove', 'replace'])
      disk[name] = plain(name);
    for (const name of ['read', 'size', 'list', 'readAll', 'space']) disk[name] = plain(name);
    disk.open = (path: string, _: unknown, done: DoneWith<DiskFile>): void =>
      hold('open', (error) => {
        this.#incarnation += 1;
        if (error === null) done(null, { path, direct: false, durable: false, incarnation: this.#incarnation });
        else done(error);
      });
    disk.close = (file: DiskFile, done: Done): void =>
      hold('close', (error) => {
        this.closed.push(file.path);
        done(error);
      });
    return disk as unknown as Disk;
  }

  finishAll(): void {
    for (const { finish } of this.pending.splice(0)) finish();
  }
}

/** A socket whose other side is the test. */
export class TestSocket implements Socket {
  readonly remote = 'test:1';
  readonly local = 'test:2';
  readonly written: Uint8Array[] = [];
  readonly #writes: Done[] = [];
  paused = false;
  ended = false;
  closed = false;
  handlers: SocketHandlers | null = null;

  write(views: readonly Uint8Array[], done: Done): void {
    this.written.push(...views);
    this.#writes.push(done);
  }
  flushed(): void {
    for (const done of this.#writes.splice(0)) done(null);
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  end(): void {
    this.ended = true;
  }
  destroy(): void {
    if (this.closed) return;
    this.closed = true;
    for (const done of this.#writes.splice(0)) done({ code: 'OTHER', message: 'destroyed' });
    this.handlers?.closed('destroyed');
  }
}

export class TestNetwork {
  #accept: ((socket: Socket) => SocketHandlers) | null = null;
  listening = false;

  listen(
    options: ListenOptions,
    accept: (socket: Socket) => SocketHandlers,
    done: (error: string | null, listening?: Listening) => void,
    clock: Clock,
  ): void {
    clock.soon(() => {
      this.listening = true;
      this.#accept = accept;
      const close = (closed: () => void): void => {
        this.listening = false;
        clock.soon(closed);
      };
      done(null, { host: options.host, port: 1, close });
    });
  }

  connect(): TestSocket {
    const socket = new TestSocket();
    if (this.#accept === null) throw new Error('nobody listens');
    socket.handlers = this.#accept(socket);
    return socket;
  }
}

export interface WorldOptions {
  readonly shards?: number;
  readonly arenaBytes?: number;
  readonly pipeBytes?: number;
  /** What an earlier life has drawn of chance is not drawn again. */
  readonly drawn?: number;
}

export class World {
  /** How often chance was asked. */
  drawn: number;
  readonly clock = new TestClock();
  readonly disk = new HeldDisk();
  readonly network = new TestNetwork();
  readonly counters = new Map<string, number>();
  readonly logged: string[] = [];
  readonly failures: string[] = [];
  readonly jobs: { readonly job: string; finish(error: string | null, result?: unknown): void }[] = [];
  readonly shards: InProcessShards;

  constructor(tree: Tree, options: WorldOptions = {}) {
    this.drawn = options.drawn ?? 0;
    this.shards = new InProcessShards({
      node: NODE,
      shards: options.shards ?? 1,
      tree: { 'dead-letters': deadLetters, ...tree },
      init: this,
      arenaBytes: options.arenaBytes ?? 1 << 20,
      pipeBytes: options.pipeBytes ?? 1 << 16,
      ports: () => this.#ports(),
      failed: (shard, error) => this.failures.push(`${shard}: ${error.message}`),
    });
    this.shards.start();
    this.clock.settle();
  }

  /** Names of actors that are there, without the dead letters. */
  alive(shard = 0): string[] {
    return this.shards
      .shard(shard)
      .inspect()
      .actors.filter(({ name }) => !name.startsWith('dead-letters'))
      .map(({ name, state }) => (state === 'running' ? name : `${name} (${state})`));
  }

  deadLetters(shard = 0): unknown {
    const actors = this.shards.shard(shard).inspect().actors;
    return actors.find(({ name }) => name.startsWith('dead-letters'))?.view;
  }

  #ports(): Ports {
    const { clock, counters, network } = this;
    const log = (fields: Readonly<Record<string, unknown>>, message: string): void => {
      this.logged.push(`${String(fields.actor ?? '')} ${message}`);
    };
    const logger: Logger = { debug: log, info: log, warn: log, error: log };
    return {
      clock,
      // No two ids are the same.
      random: { next: () => 0.5, below: () => 0, bytes: (length) => new Uint8Array(length).fill(++this.drawn) },
      disk: this.disk.port,
      network: {
        listen: (options, accept, done) => network.listen(options, accept, done, clock),
        connect: () => {
          throw new Error('nothing here connects');
        },
      },
      pool: { run: (job, _, done) => void this.jobs.push({ job, finish: done }) },
      logger,
      counters: {
        add: (name, by) => void counters.set(name, (counters.get(name) ?? 0) + by),
        set: (name, value) => void counters.set(name, value),
      },
    };
  }
}

export const restart: Supervision = { directive: 'restart', crashesMax: 3, windowMs: 1_000, backoffMs: [10, 40] };

/** An actor whose behaviour is given as a function of its messages. */
export function kind(
  receive: (message: Message & Record<string, unknown>, context: Context, from: Address) => void,
  rest: Partial<Kind> = {},
  started: (context: Context, key: string, init: unknown) => void = () => {},
): Kind {
  return {
    make: (context: Context, key: string, init: unknown): Actor => {
      started(context, key, init);
      return { receive: (message, from) => receive(message as Message & Record<string, unknown>, context, from) };
    },
    supervision: restart,
    place: (key) => Number(key || 0),
    begins: 'demand',
    mailboxMax: 100,
    ...rest,
  };
}

export const isDown = (message: Message): message is Down => message.type === 'down';
