/**
 * Groups with members of Kafka's protocols, for one seed: what is drawn of each is which protocol its members speak, who of
 * them is static, and whether somebody else comes as the same instance. Makes them, and begins nothing.
 */
import type { SeededRandom } from '../../runtime/simulated/random.ts';
import type { PlaceHistory } from './checker.ts';
import { ClassicMember } from './classic-member.ts';
import { ConsumerMember } from './consumer-member.ts';
import { CooperativeMember } from './cooperative-member.ts';
import { Member } from './group.ts';
import type { KafkaMemberOptions } from './kafka-member.ts';
import type { Owners } from './owners.ts';
import type { Party, Surroundings } from './party.ts';

type Maker = new (name: string, around: Surroundings, options: KafkaMemberOptions) => Party;

/** A double comes late enough to meet one that has settled, ms. */
const DOUBLE_AWAY_MS_MAX = 60_000;

export function groupsOfKafka(around: Surroundings, owners: Owners, places: readonly PlaceHistory[]): Party[] {
  const random = around.world.random.fork();
  const base = { owners, places };
  const k = { ...base, group: 'k' };
  const n = { ...base, group: 'n' };
  // Both kinds, each of which is away for long: it changes over and back again and again.
  const x = { ...base, group: 'x', awayMsMax: 60_000 };
  const [Alone, Changing] = [classic(random), classic(random)];
  return [
    ...besideNative(random, around, { ...base, group: 'h' }),
    ...maybeStatic(random, Alone, 'c1', around, k),
    new Alone('c2', around, k),
    ...maybeStatic(random, ConsumerMember, 'n1', around, n),
    new ConsumerMember('n2p', around, n),
    ...maybeStatic(random, Changing, 'x1', around, x),
    new Changing('x2', around, x),
    new ConsumerMember('x3', around, x),
    new ConsumerMember('x4', around, x),
  ];
}

/** All of a group: eager and cooperative ones share no way of assigning. */
const classic = (random: SeededRandom): Maker => (random.chance(0.5) ? CooperativeMember : ClassicMember);

/** In half of the seeds one is static, and in half of those there are two of it. */
function maybeStatic(
  random: SeededRandom,
  Kind: Maker,
  name: string,
  around: Surroundings,
  options: KafkaMemberOptions,
): Party[] {
  if (random.chance(0.5)) return [new Kind(name, around, options)];
  const known = { ...options, instance: `instance-${name}` };
  const one = new Kind(name, around, known);
  if (random.chance(0.5)) return [one];
  return [one, new Kind(`${name}-double`, around, { ...known, awayMsMax: DOUBLE_AWAY_MS_MAX, double: true })];
}

/** Native members among themselves, or beside one of Kafka's. */
function besideNative(random: SeededRandom, around: Surroundings, options: KafkaMemberOptions): Party[] {
  const beside = random.chance(0.5);
  const native = new Member('m3', around, { ...options, beside });
  return [native, beside ? new ConsumerMember('m4', around, options) : new Member('m4', around, options)];
}
