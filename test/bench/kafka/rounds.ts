/** Sides in turn (A B A B …) → the figures of each run. Rounds that do not count come first: both warm up. */
import type { Progress } from '../progress.ts';
import type { Broker, BrokerName, BrokerOptions } from './broker.ts';
import { type Figures, fillEvenly } from './clients.ts';
import { figuresLine } from './report.ts';
import type { Series, Side, Target } from './series.ts';
import type { Standing } from './standing.ts';
import type { Tools } from './tools.ts';

export interface SideRuns {
  readonly label: string;
  readonly runs: readonly Figures[];
}

export interface Outcome {
  readonly name: string;
  /** Of the length of a whole run. */
  readonly share: number;
  readonly sides: readonly SideRuns[];
  readonly targets: readonly Target[];
}

export interface Place {
  readonly tools: Tools;
  readonly brokers: Readonly<Record<BrokerName, Broker>>;
  readonly rounds: number;
  readonly share: number;
  readonly progress: Progress;
  say(text: string): void;
  /** A run has failed and is made once more: one bad moment of the machine should not cost a whole series. */
  repeated(text: string): void;
  /** Is given what a series came to until now, again after each round: nothing measured is lost. */
  keep(outcome: Outcome): void;
}

type Table = Pick<Place, 'rounds' | 'share' | 'progress' | 'say' | 'repeated' | 'keep'>;

/** Topics of this process that were made until now. */
let topics = 0;

export async function race(series: Series, place: Place): Promise<void> {
  const filled = new Map<Side, string>();
  if (series.filled === 'once') for (const side of series.sides) filled.set(side, await fill(series, side, place));
  const take = async (side: Side): Promise<Figures> => {
    const known = filled.get(side);
    const make = series.filled === 'each' ? fill : newTopic;
    const topic = known ?? (await make(series, side, place));
    const { tools, brokers } = place;
    const figures = await series.run({ ...series, tools, broker: brokers[side.broker], topic });
    if (known === undefined) await brokers[side.broker].deleteTopic(topic);
    return figures;
  };
  for (let round = 0; round < uncountedRounds(series); round++)
    for (const side of series.sides) {
      place.progress.step(`${series.name}, a round that does not count: ${side.label}`, series.seconds);
      await twice(take, series.name, side, place);
    }
  await inTurn(series, place, place.rounds, take);
  for (const [side, topic] of filled) await place.brokers[side.broker].deleteTopic(topic);
}

/** What is read again and again is in memory from the third time on: Callboard reads the first time past the cache. */
export const uncountedRounds = ({ filled }: Pick<Series, 'filled'>): number => (filled === 'once' ? 2 : 1);

export function stand(standing: Standing, place: Table, options: BrokerOptions): Promise<void> {
  const rounds = Math.min(place.rounds, standing.roundsMax);
  return inTurn(standing, place, rounds, ({ broker }) => standing.take(broker, options));
}

async function inTurn(
  { name, sides, targets, seconds }: Pick<Series, 'name' | 'sides' | 'targets' | 'seconds'>,
  place: Table,
  rounds: number,
  take: (side: Side) => Promise<Figures>,
): Promise<void> {
  const all = sides.map(({ label }) => ({ label, runs: [] as Figures[] }));
  for (let round = 1; round <= rounds; round++) {
    for (const [index, side] of sides.entries()) {
      place.progress.step(`${name}, round ${round} of ${rounds}: ${side.label}`, seconds);
      const figures = await twice(take, name, side, place);
      all[index]?.runs.push(figures);
      place.say(`${name}, round ${round} of ${rounds}, ${side.label}: ${figuresLine(figures)}`);
    }
    place.keep({ name, share: place.share, sides: all, targets });
  }
}

async function twice(take: (side: Side) => Promise<Figures>, name: string, side: Side, place: Table): Promise<Figures> {
  try {
    return await take(side);
  } catch (error) {
    place.repeated(`${name}, ${side.label}: ${error instanceof Error ? error.message : String(error)}`);
    return await take(side);
  }
}

async function newTopic({ partitions }: Series, { broker, settings }: Side, { brokers }: Place): Promise<string> {
  const topic = `bench-${process.pid}-${topics++}`;
  await brokers[broker].createTopic(topic, partitions, settings);
  return topic;
}

async function fill(series: Series, side: Side, place: Place): Promise<string> {
  const topic = await newTopic(series, side, place);
  await fillEvenly({ ...series, tools: place.tools, broker: place.brokers[side.broker], topic });
  return topic;
}
