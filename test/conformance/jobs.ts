/** Jobs that the pool's judge runs, in threads and in the simulated world. */
export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

export function echo<T>(value: T): T {
  return value;
}

export function fill(view: Uint8Array): number {
  view.fill(7);
  return view.length;
}

export function fail(reason: string): never {
  throw new Error(reason);
}
