/** Topics by name, asked of the node a bounded number at a time: a request may name very many, and others wait meanwhile. */
import { failed, type Result } from '../../model/faults.ts';
import type { TopicId } from '../../model/ids.ts';
import { NAMES_PER_REQUEST_MAX } from '../../model/limits.ts';
import type { Topic } from '../../model/topic.ts';
import type { ResolveRequest } from '../request.ts';
import { ask, type Serving } from './asking.ts';

/** In the order of `names`. With `create` what is missing is made, where the node's setting says so. */
export function lookUp(names: readonly string[], create: boolean): Serving<readonly Result<Topic>[]> {
  return inPortions(names, (some) => ({ call: 'resolve', names: some, create }));
}

/** In the order of `ids`. */
export function lookUpIds(ids: readonly TopicId[]): Serving<readonly Result<Topic>[]> {
  return inPortions(ids, (some) => ({ call: 'resolve', names: [], ids: some, create: false }));
}

function* inPortions<T>(
  all: readonly T[],
  request: (some: readonly T[]) => ResolveRequest,
): Serving<readonly Result<Topic>[]> {
  const found: Result<Topic>[] = [];
  for (let from = 0; from < all.length; from += NAMES_PER_REQUEST_MAX) {
    const some = all.slice(from, from + NAMES_PER_REQUEST_MAX);
    const resolved = yield* ask<'resolve'>(request(some));
    for (let index = 0; index < some.length; index++) {
      const topic = resolved.ok ? resolved.value.topics[index] : resolved;
      if (topic === undefined) found.push(failed('INTERNAL', 'a topic was not answered'));
      else if ('fault' in topic) found.push({ ok: false, fault: topic.fault });
      else found.push({ ok: true, value: topic.topic });
    }
  }
  return found;
}
