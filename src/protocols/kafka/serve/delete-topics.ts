/** DeleteTopics: by name, or by id where the version has one. */
import type { Result } from '../../../model/faults.ts';
import type { Topic } from '../../../model/topic.ts';
import { resultOf, type Serving } from '../asking.ts';
import { type DeleteTopicsResponse, deleteTopics } from '../calls/delete-topics.ts';
import { errorOf, errors } from '../faults.ts';
import { NO_UUID } from '../reading.ts';
import { type Peer, service } from '../service.ts';

type Answer = DeleteTopicsResponse['responses'][number];
interface Asked {
  readonly name: string | null;
  readonly topicId: string;
}

export const serveDeleteTopics = service(deleteTopics, function* (request, peer) {
  const asked: readonly Asked[] = [
    ...request.topicNames.map((name) => ({ name, topicId: NO_UUID })),
    ...request.topics,
  ];
  const both = (one: Asked): boolean => one.name !== null && one.topicId !== NO_UUID;
  const names = yield* namesOf(
    asked.filter((one) => !both(one)),
    peer,
  );
  const known = names.filter((name): name is string => name !== undefined);
  const replies = known.length === 0 ? [] : yield known.map((name) => ({ call: 'deleteTopic', name }));
  let named = 0;
  let next = 0;
  const responses = asked.map((one) => {
    if (both(one)) return refused(one, errors.INVALID_REQUEST, 'a topic is named or numbered, not both');
    const name = names[named++];
    if (name === undefined) return refused(one, errors.UNKNOWN_TOPIC_ID, 'no topic has that id');
    return answer(one, name, resultOf<'deleteTopic'>('deleteTopic', replies[next++]), peer);
  });
  return { responses };
});

function answer(asked: Asked, name: string, deleted: Result<{ readonly topic: Topic }>, { topics }: Peer): Answer {
  if (!deleted.ok) return refused(asked, errorOf(deleted.fault.code), deleted.fault.message);
  topics.forget(name);
  return { name, topicId: topics.ids.digitsOf(deleted.value.topic.id), errorCode: errors.NONE };
}

function refused({ name, topicId }: Asked, errorCode: number, errorMessage: string): Answer {
  return { name, topicId, errorCode, errorMessage };
}

/** Names of what is to be deleted; `undefined`: no topic has that id. */
function* namesOf(asked: readonly Asked[], { topics }: Peer): Serving<readonly (string | undefined)[]> {
  const numbered = asked.filter(({ name }) => name === null);
  const found = yield* topics.byDigits(numbered.map(({ topicId }) => topicId));
  const names = new Map(found.map((topic, index) => [numbered[index], topic.ok ? topic.value.name : undefined]));
  return asked.map((one) => one.name ?? names.get(one));
}
