/**
 * Who is out of time. Time comes in as a number; the marks on members are memory: after a replay every session starts
 * anew, so that a restart throws nobody out.
 */
import { type Group, isGuest, type Member } from './group.ts';
import type { Groups } from './groups.ts';
import { isBehind } from './reconcile.ts';

/** Where a member says how long its session is, three heartbeats come in it, so that two may be lost. */
export function heartbeatMsOf(groups: Groups, group: string, { subscription }: Member): number {
  const { sessionMs } = subscription;
  return sessionMs === null ? groups.timesOf(group).heartbeatMs : Math.floor(sessionMs / 3);
}

/** The member was heard: its session begins anew, and is as long as sessions are now. */
export function touch(groups: Groups, group: string, member: Member, now: number): void {
  member.dueAt = now + (member.subscription.sessionMs ?? groups.timesOf(group).sessionMs);
}

/**
 * Members that are out: silent for longer than their session, or holding on for too long to what was revoked; guests, too,
 * that do not come for what is next.
 */
export function overdue(groups: Groups, group: Group, now: number): string[] {
  const out: string[] = [];
  for (const member of group.members.values()) {
    const { rebalanceMs } = member.subscription;
    if (member.dueAt === 0) touch(groups, group.name, member, now);
    const late = isGuest(member) ? member.unsynced || isBehind(group, member) : member.revoking.size > 0;
    if (!late) member.revokingSince = 0;
    else if (member.revokingSince === 0) member.revokingSince = now;
    const silent = now > member.dueAt;
    const holding = member.revokingSince > 0 && now - member.revokingSince > rebalanceMs;
    if (silent || holding) out.push(member.id);
  }
  return out;
}
