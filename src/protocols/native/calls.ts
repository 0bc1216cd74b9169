/** The table of calls: every call of the common language has a kind of its own in this dialect. */
import type { NativeCallName } from '../request.ts';
import type { Call } from './call.ts';
import { alterTopic } from './calls/alter-topic.ts';
import { commit } from './calls/commit.ts';
import { committed } from './calls/committed.ts';
import { createTopic } from './calls/create-topic.ts';
import { deleteGroup } from './calls/delete-group.ts';
import { deleteTopic } from './calls/delete-topic.ts';
import { describeGroup } from './calls/describe-group.ts';
import { describeTopic } from './calls/describe-topic.ts';
import { fetch } from './calls/fetch.ts';
import { groups } from './calls/groups.ts';
import { heartbeat } from './calls/heartbeat.ts';
import { node } from './calls/node.ts';
import { offsets } from './calls/offsets.ts';
import { produce } from './calls/produce.ts';
import { producer } from './calls/producer.ts';
import { resetGroup } from './calls/reset-group.ts';
import { resolve } from './calls/resolve.ts';
import { topics } from './calls/topics.ts';

export const calls: { readonly [C in NativeCallName]: Call<C> } = {
  produce,
  fetch,
  offsets,
  resolve,
  topics,
  createTopic,
  alterTopic,
  deleteTopic,
  describeTopic,
  producer,
  heartbeat,
  commit,
  committed,
  groups,
  describeGroup,
  resetGroup,
  deleteGroup,
  node,
};

const byKind: ReadonlyMap<number, NativeCallName> = new Map(
  (Object.keys(calls) as NativeCallName[]).map((name) => [calls[name].kind, name]),
);

/** The call of a request's kind; `undefined` when there is none. */
export function callOfKind(kind: number): NativeCallName | undefined {
  return byKind.get(kind);
}
