/**
 * What `/metrics` shows, as Prometheus text: the counters of the node, summed by nobody but labelled by shard, and a few
 * figures of the process. Reads when it is asked and keeps nothing: no timer, no observer, so an idle node stays idle.
 */
import { readdirSync } from 'node:fs';
import { Counter, Gauge, Registry } from 'prom-client';

/** One counter or gauge of the node. */
export interface Metric {
  /** Lower case, parts joined by `_`, `.` or `-`; the prefix `callboard_` and the suffix `_total` are added here. */
  readonly name: string;
  /** A counter only rises; a gauge goes both ways. */
  readonly kind: 'counter' | 'gauge';
  readonly help: string;
  /** Several can be one metric, told apart by labels: then its name stands here. */
  readonly metric?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** One value a shard, by shard. */
  readonly values: readonly number[];
}

/** Reads the metrics anew for every text. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #read: () => readonly Metric[];
  readonly #known = new Map<string, Counter | Gauge>();

  constructor(read: () => readonly Metric[]) {
    this.#read = read;
    for (const figure of processFigures) this.#addFigure(figure);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    // a replaced shard starts its gauges anew, and a counter is set as it stands: both start from nothing
    for (const known of this.#known.values()) known.reset();
    for (const metric of this.#read()) this.#take(metric);
    return this.#registry.metrics();
  }

  #take(metric: Metric): void {
    const known = this.#known.get(metric.metric ?? metric.name) ?? this.#add(metric);
    metric.values.forEach((value, shard) => {
      known.inc({ ...metric.labels, shard: String(shard) }, value);
    });
  }

  #add({ name: own, metric, labels, kind, help }: Metric): Counter | Gauge {
    const name = metric ?? own;
    const plain = `callboard_${name.replaceAll(/[.-]/g, '_')}`;
    const options = { help, labelNames: [...Object.keys(labels ?? {}), 'shard'], registers: [this.#registry] };
    const added =
      kind === 'counter'
        ? new Counter({ ...options, name: plain.endsWith('_total') ? plain : `${plain}_total` })
        : new Gauge({ ...options, name: plain });
    this.#known.set(name, added);
    return added;
  }

  #addFigure({ name, kind, help, read }: Figure): void {
    const options = { name, help, registers: [this.#registry] };
    if (kind === 'gauge') {
      new Gauge({
        ...options,
        collect() {
          const value = read();
          if (value !== undefined) this.set(value);
        },
      });
      return;
    }
    new Counter({
      ...options,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }
}

interface Figure {
  readonly name: string;
  readonly kind: 'counter' | 'gauge';
  readonly help: string;
  /** Undefined where the platform can't say. */
  read(): number | undefined;
}

/** Names as every Prometheus client has them. */
const processFigures: readonly Figure[] = [
  {
    name: 'process_cpu_seconds_total',
    kind: 'counter',
    help: 'CPU seconds of all threads, user and system.',
    read: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  },
  {
    name: 'process_resident_memory_bytes',
    kind: 'gauge',
    help: 'Resident memory of the process.',
    read: () => process.memoryUsage.rss(),
  },
  {
    name: 'process_start_time_seconds',
    kind: 'gauge',
    help: 'Start of the process, seconds since 1970.',
    read: () => Math.round((Date.now() - process.uptime() * 1000) / 1000),
  },
  {
    name: 'process_open_fds',
    kind: 'gauge',
    help: 'Open file descriptors, on Linux.',
    read: () => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : undefined),
  },
];
