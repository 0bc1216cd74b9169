/**
 * Commits that count once their transaction is committed. Who may: members of the present generation or epoch (KIP-447);
 * who names no member is trusted, because the transactional id fences it.
 */
import { failed, ok, type Result } from '../model/faults.ts';
import type { Groups, Topics } from './groups.ts';
import type { CommitDecision } from './offsets.ts';
import type { GroupRecord } from './record.ts';
import { commitAsSaid, type Moment, type SeekingCommit } from './seeking.ts';

export interface TransactionalCommit extends SeekingCommit {
  readonly producer: number;
  readonly epoch: number;
}

export function commitInTransaction(
  groups: Groups,
  topics: Topics,
  request: TransactionalCommit,
  moment: Moment,
): Result<CommitDecision> {
  const { group, generation, member, instance, producer, epoch } = request;
  const named = generation >= 0 || member !== '' || instance !== undefined;
  const decision = commitAsSaid(groups, topics, request, moment, named);
  if (!decision.ok) return decision;
  const { record, parts } = decision.value;
  if (record?.type !== 'offsets') return decision;
  return ok({ record: { group, type: 'pending', producer, epoch, offsets: record.offsets }, parts });
}

interface Settlement {
  readonly group: string;
  readonly producer: number;
  readonly epoch: number;
  readonly commit: boolean;
}

/** How the transaction of a producer ended; null: there is nothing of it, or not any more. */
export function settleOffsets(
  groups: Groups,
  { group, producer, epoch, commit }: Settlement,
): Result<GroupRecord | null> {
  const open = groups.get(group)?.pending.epochOf(producer) ?? -1;
  if (open < 0) return ok(null);
  if (open > epoch) return failed('PRODUCER_FENCED', `epoch ${epoch} of producer ${producer} is older than ${open}`);
  return ok({ group, type: 'settled', producer, commit });
}
