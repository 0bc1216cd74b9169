/**
 * From members who assign by themselves to the node, and back, while they go on: the first member that leaves assigning
 * to the node makes the others its guests (upgrade), and when the last such member has left, they are among themselves
 * again (downgrade). Each keeps what it holds until it is told otherwise, so that no partition has two readers.
 */
import { assert } from '../../model/assert.ts';
import type { Group } from '../group.ts';
import type { Groups, Topics } from '../groups.ts';
import { type NamedPlaces, type PlaceKey, packPlaces, placeKey, toPlaces } from '../places.ts';
import { viewOf } from '../reconcile.ts';
import type { GroupRecord, Subscription } from '../record.ts';
import type { Barrier } from './barrier.ts';
import { type ClassicMember, CONSUMER, NO_BYTES } from './member.ts';

/** Consumers all of them, and it is known what each of them wants and holds. */
export function canUpgrade({ protocolType, members }: Barrier): boolean {
  if (protocolType !== CONSUMER) return false;
  for (const { protocols, places } of members.values())
    if (places === null || protocols.some(({ owned }) => owned === null)) return false;
  return true;
}

/** Whoever has heard its id becomes a guest; others join anew. The barrier is to be dissolved once this was carried out. */
export function* upgrade(groups: Groups, barrier: Barrier, topics: Topics): Generator<GroupRecord, void, undefined> {
  const { group, generation } = barrier;
  const guests = [...barrier.members.values()].filter(({ fresh }) => !fresh);
  for (const guest of guests)
    yield { group, type: 'member', member: guest.id, subscription: subscriptionOf(guest), replaces: null };
  const upgraded = groups.get(group);
  if (upgraded === undefined || guests.length === 0) return;
  const held = holdingsOf(barrier, guests, topics);
  yield {
    ...{ group, type: 'target', epoch: Math.max(upgraded.epoch, generation), assignor: upgraded.assignor },
    topics: [...viewOf(upgraded, topics)].map(([id, { name, partitions }]) => [id, name, partitions] as const),
    targets: guests.map(({ id }, index) => [id, packPlaces(held[index] ?? [])] as const),
  };
  for (const [index, { id: member }] of guests.entries()) {
    const step = { group, type: 'step', member, epoch: generation, previous: generation } as const;
    yield { ...step, released: false, revoke: [], give: packPlaces(held[index] ?? []) };
  }
}

/** Guests that are left to themselves: they go on in one generation, which nobody leads until they have joined anew. */
export function* downgrade(group: Group, topics: Topics): Generator<GroupRecord, void, undefined> {
  const guests = [...group.members.values()];
  const { name, epoch } = group;
  const protocol = commonOf(guests.map(({ subscription }) => subscription));
  // Before they are gone: with a member goes what it holds.
  const held = guests.map(({ assigned, revoking }) => namedPlaces([...assigned, ...revoking], topics));
  for (const { id: member } of guests) yield { group: name, type: 'gone', member };
  yield { group: name, type: 'generation', generation: epoch, protocolType: CONSUMER, protocol, leader: '' };
  for (const [index, { id: member, subscription }] of guests.entries()) {
    const { instance, client, host, sessionMs, rebalanceMs, classic } = subscription;
    assert(sessionMs !== null, `${member} joined as one who says how long its session is`);
    const metadata = classic?.find((one) => one.name === protocol)?.metadata ?? NO_BYTES;
    const stored = { instance, client, host, sessionMs, rebalanceMs, metadata, topics: subscription.topics };
    yield {
      group: name,
      type: 'assigned',
      member,
      ...stored,
      assignment: NO_BYTES,
      places: held[index] ?? [],
      owned: [],
    };
  }
}

/** Topics that are gone have nobody to read them. */
export function namedPlaces(keys: Iterable<PlaceKey>, topics: Topics): NamedPlaces[] {
  return toPlaces(keys).flatMap(({ topic, partitions }) => {
    const known = topics.byId(topic);
    return known === undefined ? [] : [{ topic: known.name, partitions }];
  });
}

export function subscriptionOf(
  member: Pick<ClassicMember, 'protocols' | 'instance' | 'client' | 'host'> & Times,
): Subscription {
  const { instance, client, host, sessionMs, rebalanceMs, protocols } = member;
  const classic = protocols.map(({ name, metadata }) => ({ name, metadata }));
  const wishes = { topics: [...new Set(protocols[0]?.topics)], pattern: '', rack: '', assignor: null };
  return { instance, client, host, sessionMs, rebalanceMs, classic, ...wishes };
}

type Times = Pick<ClassicMember, 'sessionMs' | 'rebalanceMs'>;

/**
 * What each member may be reading: what it was given, and what it said that it holds as it joined, which is nothing where it
 * gives up all before it joins. Whoever is to give up some of that has maybe not heard it. Of what two of them name it
 * belongs to the one that it was given to; while nothing has been assigned, nobody was given anything.
 */
function holdingsOf({ phase }: Barrier, guests: readonly ClassicMember[], topics: Topics): PlaceKey[][] {
  const taken = new Set<PlaceKey>();
  const take = (named: readonly NamedPlaces[] | null | undefined): PlaceKey[] => {
    const free = [...knownPlaces(named ?? [], topics)].filter((key) => !taken.has(key));
    for (const key of free) taken.add(key);
    return free;
  };
  const given = guests.map(({ places }) => (phase === 'completing' ? [] : take(places)));
  return guests.map(({ protocols }, index) => [...(given[index] ?? []), ...take(protocols[0]?.owned)]);
}

/** Those that exist. */
export function knownPlaces(named: readonly NamedPlaces[], topics: Topics): Set<PlaceKey> {
  const keys = new Set<PlaceKey>();
  for (const { topic, partitions } of named) {
    const known = topics.byName(topic);
    if (known === undefined) continue;
    for (const partition of partitions)
      if (partition >= 0 && partition < known.partitions) keys.add(placeKey(known.id, partition));
  }
  return keys;
}

/** A way of assigning that all know: they could not have come together without one. */
function commonOf(subscriptions: readonly Subscription[]): string {
  const [first, ...others] = subscriptions;
  const common = first?.classic?.find(({ name }) =>
    others.every(({ classic }) => classic?.some((one) => one.name === name)),
  );
  return common?.name ?? '';
}
