/** What a request names more than once: where an answer has room for one of them only, all of them are wrong. */

/** Those that come up more than once. */
export function namedTwice<K>(keys: Iterable<K>): ReadonlySet<K> {
  const seen = new Set<K>();
  const twice = new Set<K>();
  for (const key of keys) (seen.has(key) ? twice : seen).add(key);
  return twice;
}

/** The first of each key, in their order. */
export function firsts<T>(all: readonly T[], keyOf: (one: T) => unknown): readonly T[] {
  const seen = new Set<unknown>();
  return all.filter((one) => {
    const key = keyOf(one);
    const isFirst = !seen.has(key);
    seen.add(key);
    return isFirst;
  });
}
