/**
 * Which of the 16 coordinators holds a group. Part of the folder's format: with another function the groups of a folder
 * would not be found again.
 */
import { GROUP_PARTITIONS } from '../model/ids.ts';
import { fnv1a } from '../model/text.ts';

/** 1..GROUP_PARTITIONS, by FNV-1a over the name's UTF-16 units. Names are ASCII at the edge. */
export function coordinatorOf(group: string): number {
  return 1 + (fnv1a(group) % GROUP_PARTITIONS);
}
