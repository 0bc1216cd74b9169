/**
 * Who is out of time. Time comes in as a number; the marks on members are memory: after a replay every session starts
 * anew, so that a restart throws nobody out.
 */
import { type Group, isGuest, type Member } from './group.ts';
import { isBehind } from './reconcile.ts';

/** Heartbeats come three times in a session, so that two may be lost. */
export const heartbeatMsOf = (member: Member): number => Math.floor(member.subscription.sessionMs / 3);

/** The member was heard. */
export function touch(member: Member, now: number): void {
  member.seenAt = now;
}

/**
 * Members that are out: silent for longer than their session, or holding on for too long to what was revoked; guests, too,
 * that do not come for what is next.
 */
export function overdue(group: Group, now: number): string[] {
  const out: string[] = [];
  for (const member of group.members.values()) {
    const { sessionMs, rebalanceMs } = member.subscription;
    if (member.seenAt === 0) member.seenAt = now;
    const late = isGuest(member) ? member.unsynced || isBehind(group, member) : member.revoking.size > 0;
    if (!late) member.revokingSince = 0;
    else if (member.revokingSince === 0) member.revokingSince = now;
    const silent = now - member.seenAt > sessionMs;
    const holding = member.revokingSince > 0 && now - member.revokingSince > rebalanceMs;
    if (silent || holding) out.push(member.id);
  }
  return out;
}
