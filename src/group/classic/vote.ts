/** The way of assigning that a group takes: one that all members know, and that most of them like best. */
import type { ClassicMember, Protocol } from './member.ts';

type Voter = Pick<ClassicMember, 'protocols'>;

/** Names that every member knows. */
function known(members: Iterable<Voter>): Set<string> {
  let common: Set<string> | undefined;
  for (const { protocols } of members) {
    const names = protocols.map(({ name }) => name);
    common = new Set(common === undefined ? names : names.filter((name) => common?.has(name)));
  }
  return common ?? new Set();
}

/** Is there a way left that all know, with one more who knows these? */
export function agrees(members: readonly Voter[], offered: readonly Protocol[]): boolean {
  return known([...members, { protocols: offered }]).size > 0;
}

/** Each member votes for the first of its ways that all know; with equally many votes, for the one that was named first. */
export function vote(members: readonly Voter[]): string {
  const candidates = known(members);
  const votes = new Map<string, number>();
  for (const { protocols } of members) {
    const liked = protocols.find(({ name }) => candidates.has(name));
    if (liked !== undefined) votes.set(liked.name, (votes.get(liked.name) ?? 0) + 1);
  }
  let elected = '';
  for (const [name, count] of votes) if (count > (votes.get(elected) ?? 0)) elected = name;
  return elected;
}
