/**
 * Members of a classic group that go on reading while they join (KIP-429, as cooperative-sticky has it): they say what they
 * hold, the leader gives nobody what another one holds, and whoever is to give something up does so and joins again.
 */
import { subscribed } from '../../src/protocols/kafka/subscription.ts';
import type { PlaceHistory } from './checker.ts';
import { ClassicMember, type Roster, type Shares, subscriptionTo } from './classic-member.ts';

export class CooperativeMember extends ClassicMember {
  protected override get protocolName(): string {
    return 'cooperative-sticky';
  }

  protected override prepare(): void {
    this.rejoin();
  }

  protected override subscription(): Uint8Array {
    return subscriptionTo(1, this.topics, this.held);
  }

  /** What moves is nobody's until it has been given up. */
  protected override assign(members: Roster): Shares {
    const held = members.map(({ metadata }) => subscribed('consumer', metadata).owned ?? []);
    const isHeld = (by: number, { topic: { name }, partition }: PlaceHistory): boolean =>
      held[by]?.some(({ topic, partitions }) => topic === name && partitions.includes(partition)) === true;
    return super
      .assign(members)
      .map((share, own) => share.filter((place) => !members.some((_, other) => other !== own && isHeld(other, place))));
  }

  protected override given(places: readonly PlaceHistory[]): void {
    const withdrawn = this.held.filter((place) => !places.includes(place));
    for (const place of withdrawn) this.positions.delete(place);
    for (const place of places) if (!this.positions.has(place)) this.positions.set(place, -1);
    if (withdrawn.length === 0) return;
    this.mark('group: a cooperative member gave up a partition and joined again');
    this.rejoin();
  }
}
