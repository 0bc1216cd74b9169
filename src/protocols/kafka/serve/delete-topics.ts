/**
 * DeleteTopics: by name, or by id where the version has one. What a request names twice is refused, and answered once;
 * a topic that it means by name and by id is refused by id.
 */
import type { Result } from '../../../model/faults.ts';
import type { Topic } from '../../../model/topic.ts';
import { resultOf, type Serving } from '../asking.ts';
import { type DeleteTopicsResponse, deleteTopics } from '../calls/delete-topics.ts';
import { errorOf, errors } from '../faults.ts';
import { NO_UUID } from '../reading.ts';
import { type Peer, service } from '../service.ts';
import { firsts, namedTwice } from '../twice.ts';

type Answer = DeleteTopicsResponse['responses'][number];
interface Asked {
  readonly name: string | null;
  readonly topicId: string;
}

export const serveDeleteTopics = service(deleteTopics, function* (request, peer) {
  const all: readonly Asked[] = [...request.topicNames.map((name) => ({ name, topicId: NO_UUID })), ...request.topics];
  const names = yield* namesOf(all, peer);
  const meant = (one: Asked): string => names.get(one) ?? `#${one.topicId}`;
  const twice = namedTwice(all.map(meant));
  const plans = firsts(all, meant).map((one) => plan(one, names.get(one), twice));
  const known = plans.flatMap(({ name }) => (name === undefined ? [] : [name]));
  const replies = known.length === 0 ? [] : yield known.map((name) => ({ call: 'deleteTopic', name }));
  let next = 0;
  const responses = plans.map(({ asked, name, wrong }) =>
    name === undefined ? wrong : answer(asked, name, resultOf<'deleteTopic'>('deleteTopic', replies[next++]), peer),
  );
  return { responses };
});

/** The name of what is to go, or why nothing is. */
type Plan = { readonly asked: Asked } & (
  | { readonly name: string; readonly wrong?: never }
  | { readonly name?: never; readonly wrong: Answer }
);

function plan(asked: Asked, name: string | undefined, twice: ReadonlySet<string>): Plan {
  const wrong = (code: number, message: string): Plan => ({ asked, wrong: refused(asked, code, message) });
  if (asked.name !== null && asked.topicId !== NO_UUID)
    return wrong(errors.INVALID_REQUEST, 'a topic is named or numbered, not both');
  if (asked.name === null && asked.topicId === NO_UUID)
    return wrong(errors.INVALID_REQUEST, 'a topic is named or numbered');
  if (twice.has(name ?? `#${asked.topicId}`))
    return wrong(errors.INVALID_REQUEST, 'the request names this topic twice');
  return name === undefined ? wrong(errors.UNKNOWN_TOPIC_ID, 'no topic has that id') : { asked, name };
}

function answer(asked: Asked, name: string, deleted: Result<{ readonly topic: Topic }>, { topics }: Peer): Answer {
  if (!deleted.ok) return refused(asked, errorOf(deleted.fault.code), deleted.fault.message);
  topics.forget(name);
  return { name, topicId: topics.ids.digitsOf(deleted.value.topic.id), errorCode: errors.NONE };
}

function refused({ name, topicId }: Asked, errorCode: number, errorMessage: string): Answer {
  return { name, topicId, errorCode, errorMessage };
}

/** Names of what is to be deleted; `undefined`: no topic has that id. */
function* namesOf(asked: readonly Asked[], { topics }: Peer): Serving<ReadonlyMap<Asked, string | undefined>> {
  const numbered = asked.filter(({ name }) => name === null);
  const found = yield* topics.byDigits(numbered.map(({ topicId }) => topicId));
  const named = asked.map((one) => [one, one.name ?? undefined] as const);
  const names = found.map(
    (topic, index) => [numbered[index] as Asked, topic.ok ? topic.value.name : undefined] as const,
  );
  return new Map([...named, ...names]);
}
