/** Consumer groups: each call goes to the coordinator of its group; `groups` asks all of them. */
import { coordinatorOf } from '../../src/group/hash.ts';
import type { Result } from '../../src/model/faults.ts';
import { GROUP_PARTITIONS } from '../../src/model/ids.ts';
import type { GroupSummary } from '../../src/protocols/request.ts';
import {
  type CoordinatorAnswer,
  type CoordinatorRequest,
  coordinatorAddress,
  type GroupReply,
  type GroupRequest,
} from '../coordinator/contract.ts';
import { ANSWER_MS_MAX, type Desk, type Done, gather, NO_HOLDS, refuse } from './desk.ts';

type Answered = Extract<CoordinatorAnswer, { readonly type: 'answered' }>;

/** All but `groups`. */
export function groupCall(desk: Desk, request: Exclude<GroupRequest, { readonly call: 'groups' }>, done: Done): void {
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

/** One coordinator that does not answer fails the whole: a list with holes would look complete. */
export function groups(desk: Desk, done: Done): void {
  const settle = gather<Result<GroupReply>>(GROUP_PARTITIONS, (answers) => {
    const all: GroupSummary[] = [];
    for (const answer of answers) {
      if (!answer.ok) {
        refuse(done, answer.fault);
        return;
      }
      if (answer.value.call === 'groups') all.push(...answer.value.groups);
    }
    all.sort((a, b) => (a.group < b.group ? -1 : 1));
    done({ call: 'groups', groups: all }, NO_HOLDS);
  });
  for (let key = 1; key <= GROUP_PARTITIONS; key++)
    ask(desk, key, { call: 'groups' }, 0, (answer) => settle(key - 1, answer));
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
    (asked) => ({ type: 'ask', request: asked, client: desk.client(), host: desk.host, ask: request }),
    (answer) => {
      desk.longPolls.delete(number);
      then(answer.type === 'answered' ? { ok: true, value: answer.reply } : { ok: false, fault: answer.fault });
    },
    desk.monotonic() + waitMs + ANSWER_MS_MAX,
  );
  if (waitMs > 0) desk.longPolls.add(number);
}
