/** Static members of groups whose partitions the node assigns: who came back under another id, and who it was before. */
import test from 'ava';
import { type Beat, beat, LEAVE_FOR_A_WHILE } from '../../src/group/beat.ts';
import { Groups, Topics } from '../../src/group/groups.ts';

test('who was replaced by another with the same instance id is told so, a stranger is none of the group', (t) => {
  const groups = new Groups();
  const topics = new Topics();
  const code = (member: string, epoch: number, instance?: string): string => {
    const named = instance === undefined ? {} : { instance };
    const request: Beat = { group: 'g', member, epoch, ...named, ...(epoch === 0 ? { topics: ['t'] } : {}) };
    const steps = beat(groups, topics, request, { client: '', host: '' });
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done === true) return step.value?.code ?? 'done';
      groups.apply(step.value);
    }
  };
  t.is(code('before', 0, 'one'), 'done');
  const epoch = groups.get('g')?.members.get('before')?.epoch ?? 0;
  t.is(code('before', LEAVE_FOR_A_WHILE, 'one'), 'done');
  t.is(code('after', 0, 'one'), 'done');
  t.is(code('before', epoch, 'one'), 'FENCED_INSTANCE');
  t.is(code('before', LEAVE_FOR_A_WHILE, 'one'), 'FENCED_INSTANCE');
  t.is(code('before', epoch), 'UNKNOWN_MEMBER');
  t.is(code('stranger', epoch, 'two'), 'UNKNOWN_MEMBER');
  t.is(code('after', groups.get('g')?.members.get('after')?.epoch ?? 0, 'one'), 'done');
});
