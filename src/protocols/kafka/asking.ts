/**
 * How the serving of a call asks the node: a generator that yields sets of requests in the common language, which may run
 * at once, and goes on with their replies in the same order.
 */
import type { Result } from '../../model/faults.ts';
import type { Reply, Request } from '../request.ts';

/** Asks, and ends with the answer; null: the client wants none. */
export type Serving<S> = Generator<readonly Request[], S, readonly Reply[]>;

/** A serving as the session runs it. */
export type Steps = Pick<Serving<unknown>, 'next'>;

type CallName = Request['call'];

/** What answers a request of that call when it is not refused. */
export type ReplyTo<C extends CallName> = Extract<Reply, { readonly call: C }>;

/** A reply, or why there is none. */
export function resultOf<C extends CallName>(_call: C, reply: Reply | undefined): Result<ReplyTo<C>> {
  if (reply?.call === 'refused') return { ok: false, fault: reply.fault };
  return { ok: true, value: reply as ReplyTo<C> };
}

/** One request by itself. */
export function* ask<C extends CallName>(request: Extract<Request, { readonly call: C }>): Serving<Result<ReplyTo<C>>> {
  const [reply] = yield [request];
  return resultOf<C>(request.call as C, reply);
}
