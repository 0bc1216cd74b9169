/** Jobs that the pool's tests run in its threads. */
import { threadId } from 'node:worker_threads';

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

export function fillShared(view: Uint8Array): number {
  view.fill(7);
  return threadId;
}

export function fail(reason: string): never {
  throw new Error(reason);
}

export function exit(): never {
  process.exit(3);
}
