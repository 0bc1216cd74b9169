/**
 * Names of groups as Kafka's clients give them: any text, where Callboard's own are narrower. What would move a terminal's
 * cursor, or is longer than any name, is refused.
 */
import { type Fault, fault } from '../../model/faults.ts';
import { CLIENT_ID_CHARS_MAX } from '../../model/limits.ts';

/** Control characters, and those that turn the direction of a line or break it. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

export function checkGroup(name: string): Fault | null {
  if (name !== '' && name.length <= CLIENT_ID_CHARS_MAX && !UNSEEN.test(name)) return null;
  return fault('INVALID_NAME', `a group's name has 1 to ${CLIENT_ID_CHARS_MAX} characters, all of them to be seen`);
}

/** An optional field, left out where Kafka has null. */
export const named = (instance: string | null): { readonly instance?: string } =>
  instance === null ? {} : { instance };
