/** Consumer groups: each call goes to the coordinator of its group; lists ask all of them. */
import { coordinatorOf } from '../../src/group/hash.ts';
import type { Result } from '../../src/model/faults.ts';
import { GROUP_PARTITIONS } from '../../src/model/ids.ts';
import {
  type CoordinatorAnswer,
  type CoordinatorRequest,
  coordinatorAddress,
  type GroupReply,
  type GroupRequest,
} from '../coordinator/contract.ts';
import { ANSWER_MS_MAX, type Desk, type Done, gather, NO_HOLDS, refuse } from './desk.ts';

type Answered = Extract<CoordinatorAnswer, { readonly type: 'answered' }>;

/** Asked of every coordinator. */
type OfAll = Extract<GroupRequest, { readonly call: 'groups' | 'alteredGroups' }>;

export function groupCall(desk: Desk, request: GroupRequest, done: Done): void {
  if (request.call === 'groups' || request.call === 'alteredGroups') {
    list(desk, request, done);
    return;
  }
  ask(desk, coordinatorOf(request.group), request, waitOf(request), (answer) => {
    if (answer.ok) done(answer.value, NO_HOLDS);
    else refuse(done, answer.fault);
  });
}

/** Members that wait for each other wait as long as the slowest of them may take; the coordinator sees to it. */
const BARRIER_MS_MAX = 2 ** 31;

function waitOf(request: GroupRequest): number {
  if (request.call === 'joinGroup' || request.call === 'syncGroup') return BARRIER_MS_MAX;
  return request.call === 'heartbeat' ? request.waitMs : 0;
}

function list(desk: Desk, request: OfAll, done: Done): void {
  askAll(desk, request, done, (replies) => {
    if (request.call === 'groups') {
      const groups = replies.flatMap((reply) => (reply.call === 'groups' ? reply.groups : []));
      return { call: 'groups', groups: groups.sort((a, b) => (a.group < b.group ? -1 : 1)) };
    }
    const groups = replies.flatMap((reply) => (reply.call === 'alteredGroups' ? reply.groups : []));
    return { call: 'alteredGroups', groups: groups.sort() };
  });
}

/** One coordinator that does not answer fails the whole: a list with holes would look complete. */
function askAll(
  desk: Desk,
  request: OfAll,
  done: Done,
  together: (replies: readonly GroupReply[]) => GroupReply,
): void {
  const settle = gather<Result<GroupReply>>(GROUP_PARTITIONS, (answers) => {
    const replies: GroupReply[] = [];
    for (const answer of answers) {
      if (!answer.ok) {
        refuse(done, answer.fault);
        return;
      }
      replies.push(answer.value);
    }
    done(together(replies), NO_HOLDS);
  });
  for (let key = 1; key <= GROUP_PARTITIONS; key++) ask(desk, key, request, 0, (answer) => settle(key - 1, answer));
}

function ask(
  desk: Desk,
  coordinator: number,
  request: GroupRequest,
  waitMs: number,
  then: (answer: Result<GroupReply>) => void,
): void {
  const number = desk.asker.ask<CoordinatorRequest, Answered>(
    coordinatorAddress(desk.node, coordinator),
    (asked) => ({
      type: 'ask',
      request: asked,
      client: desk.client(),
      host: desk.host,
      openedAt: desk.openedAt,
      ask: request,
    }),
    (answer) => {
      desk.longPolls.delete(number);
      then(answer.type === 'answered' ? { ok: true, value: answer.reply } : { ok: false, fault: answer.fault });
    },
    desk.monotonic() + waitMs + ANSWER_MS_MAX,
  );
  if (waitMs > 0) desk.longPolls.add(number);
}
