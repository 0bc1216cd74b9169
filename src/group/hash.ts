/**
 * Which of the 16 coordinators holds a group. Part of the folder's format: with another function the groups of a folder
 * would not be found again.
 */
import { GROUP_PARTITIONS } from '../model/ids.ts';

/** 1..GROUP_PARTITIONS, by FNV-1a (32 bit) over the name's UTF-16 units, low byte first. Names are ASCII at the edge. */
export function coordinatorOf(group: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < group.length; index++) {
    const unit = group.charCodeAt(index);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    if (unit > 0xff) hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  return 1 + ((hash >>> 0) % GROUP_PARTITIONS);
}
