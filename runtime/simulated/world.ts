/**
 * A whole world from one seed: a clock, an internet, and for each host the ports that an actor system takes. Its trace is
 * every call of disk and network, in order: equal seeds give equal traces.
 */
import type { Counters, Disk, Logger, Ports } from '../ports.ts';
import { HostClock, SimulatedClock } from './clock.ts';
import { type CrashKind, SimulatedDisk } from './disk.ts';
import { Internet } from './network.ts';
import { SimulatedPool } from './pool.ts';
import { SeededRandom } from './random.ts';

export interface WorldOptions {
  readonly seed: number;
  /** Heavy jobs, as plain functions, by name. */
  readonly jobs?: Readonly<Record<string, (argument: never) => unknown>>;
  readonly trace?: (line: string) => void;
}

export interface ThreadPorts extends Ports {
  readonly counters: SimulatedCounters;
  /**
   * The thread ends from one moment to the next and its host lives on: its connections are closed, what it had asked the
   * disk for happens, and nothing is answered any more.
   */
  end(): void;
}

export class World {
  readonly clock = new SimulatedClock();
  readonly random: SeededRandom;
  readonly internet: Internet;
  readonly #disks = new Map<string, SimulatedDisk>();
  readonly #clocks = new Map<string, HostClock>();
  readonly #options: WorldOptions;
  readonly #trace: (line: string) => void;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#trace = options.trace ?? (() => {});
    this.random = new SeededRandom(options.seed);
    this.internet = new Internet({ clock: this.clock, random: this.random.fork(), trace: this.#trace });
  }

  /** The host's disk as it is now; the first call brings it into the world, empty. */
  disk(host: string): SimulatedDisk {
    const known = this.#disks.get(host);
    if (known !== undefined) return known;
    const trace = (line: string): void => this.#trace(`${host} ${line}`);
    const disk = new SimulatedDisk({ clock: this.clock, random: this.random.fork(), trace });
    this.#disks.set(host, disk);
    return disk;
  }

  /** The host's clock as it is now; a new one after a crash. */
  hostClock(host: string): HostClock {
    const known = this.#clocks.get(host);
    if (known !== undefined) return known;
    const clock = new HostClock(this.clock);
    this.#clocks.set(host, clock);
    return clock;
  }

  /** What a system on `host` gets to start with, or one of its threads. */
  ports(host: string): ThreadPorts {
    const clock = new HostClock(this.hostClock(host));
    const network = this.internet.host(host);
    let alive = true;
    return {
      clock,
      random: this.random.fork(),
      disk: answeredWhile(this.disk(host), () => alive),
      network,
      pool: new SimulatedPool({ clock, random: this.random.fork(), jobs: this.#options.jobs ?? {} }),
      logger: this.#logger(host),
      counters: new SimulatedCounters(),
      end: () => {
        alive = false;
        clock.stop();
        this.internet.close(network);
      },
    };
  }

  /** A host goes down in one moment, its clock, network and disk; {@link ports} brings it up again with what is left. */
  crash(host: string, kind: CrashKind): void {
    this.#clocks.get(host)?.stop();
    this.#clocks.delete(host);
    this.internet.crash(host);
    this.#disks.set(host, this.disk(host).crash(kind));
  }

  #logger(host: string): Logger {
    const log =
      (level: string) =>
      (fields: Readonly<Record<string, unknown>>, message: string): void =>
        this.#trace(`${this.clock.monotonic()} ${host} ${level} ${message} ${JSON.stringify(fields)}`);
    return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  }
}

/** The same disk for somebody who hears its answers only while `alive`. Every call's last argument is its callback. */
function answeredWhile(disk: Disk, alive: () => boolean): Disk {
  return new Proxy(disk, {
    get(target, name: keyof Disk) {
      const call = target[name] as (...given: unknown[]) => void;
      return (...given: unknown[]): void => {
        const done = given.pop() as (...answer: unknown[]) => void;
        call.call(target, ...given, (...answer: unknown[]) => {
          if (alive()) done(...answer);
        });
      };
    },
  });
}

/** Counters that take every name, for tests to read. */
export class SimulatedCounters implements Counters {
  readonly values = new Map<string, number>();

  add(name: string, by: number): void {
    this.values.set(name, (this.values.get(name) ?? 0) + by);
  }

  set(name: string, value: number): void {
    this.values.set(name, value);
  }
}
