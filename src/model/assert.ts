/** Assertions that stay on in production. One that fails is a broken invariant: the actor crashes and its supervisor decides. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** For the end of an exhaustive switch: a new member of the union becomes a type error here. */
export function unreachable(value: never): never {
  throw new AssertionError(`unexpected ${JSON.stringify(value)}`);
}
