/** What is measured beside the loads: how long a start takes, also after a crash, and memory at rest and under load. */
import { Broker, type BrokerName, type BrokerOptions } from './broker.ts';
import { type Figures, produce, produceForever } from './clients.ts';
import { atMost, FSYNC, KAFKA, type Side, type Target } from './series.ts';

export interface Standing {
  readonly name: string;
  readonly sides: readonly Side[];
  readonly targets: readonly Target[];
  readonly roundsMax: number;
  /** What a run is thought to take, until one is over. */
  readonly seconds: number;
  take(broker: BrokerName, options: BrokerOptions): Promise<Figures>;
}

const REST_MS = 10_000;
const PARTITIONS = 6;
const GB = 1e9;

/** @param share of the log that a start after a crash reads through, of 3 GB. */
export function allStanding(share: number): Standing[] {
  const gigabytes = 3 * share;
  const sides = [FSYNC, KAFKA];
  return [
    {
      name: 'start: exec to the first answer to Metadata',
      sides,
      targets: [atMost('startMs', 0.2)],
      roundsMax: 5,
      seconds: 5,
      take: (name, options) => withBroker(name, options, async (broker) => ({ startMs: await broker.start() })),
    },
    {
      name: `start after kill -9 under load, with ${gigabytes.toFixed(1)} GB`,
      sides,
      targets: [atMost('startMs', 0.1)],
      roundsMax: 3,
      seconds: 10 + 30 * share,
      take: (name, options) => withBroker(name, options, (broker) => startAfterCrash(broker, options, gigabytes)),
    },
    {
      name: 'memory at rest, 10 s after the start',
      sides,
      targets: [atMost('rss', 0.4)],
      roundsMax: 3,
      seconds: 16,
      take: (name, options) =>
        withBroker(name, options, async (broker) => {
          await broker.start();
          await new Promise((resolve) => setTimeout(resolve, REST_MS));
          return { rss: broker.rssMib() };
        }),
    },
    {
      name: 'memory under load: 1 GB produced, C',
      sides,
      targets: [atMost('rssPeak', 0.5)],
      roundsMax: 3,
      seconds: 12,
      take: (name, options) =>
        withBroker(name, options, async (broker) => {
          await broker.start();
          return await fill(broker, options, 1);
        }),
    },
  ];
}

async function withBroker(
  name: BrokerName,
  options: BrokerOptions,
  take: (broker: Broker) => Promise<Figures>,
): Promise<Figures> {
  const broker = new Broker(name, options);
  try {
    return await take(broker);
  } finally {
    await broker.dispose();
  }
}

async function fill(broker: Broker, { tools }: BrokerOptions, gigabytes: number): Promise<Figures> {
  await broker.createTopic('filled', PARTITIONS, {});
  const records = Math.round((gigabytes * GB) / 1024);
  return await produce('C', { tools, broker, topic: 'filled', partitions: PARTITIONS, bytes: 1024, records });
}

/** Killed while a client writes. */
async function startAfterCrash(broker: Broker, options: BrokerOptions, gigabytes: number): Promise<Figures> {
  await broker.start();
  const { rssPeak } = await fill(broker, options, gigabytes);
  const end = produceForever(options.tools, broker, 'filled');
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await broker.stop('SIGKILL');
  end();
  const startMs = await broker.start('filled');
  return { startMs, ...(rssPeak === undefined ? {} : { rssPeak }) };
}
