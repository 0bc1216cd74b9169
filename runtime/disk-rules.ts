/**
 * What every disk refuses, real or simulated: paths out of the data folder, direct I/O that is not aligned. Checks the
 * text of a path alone and follows no links: a link inside the folder was put there by whoever runs the node.
 */
import { assert } from '../src/model/assert.ts';
import { BLOCK_BYTES } from '../src/model/limits.ts';

/** Backslash and colon would mean something else on Windows; NUL ends a name for the system and not for us. */
const FORBIDDEN = /[\0\\:]/;

/** Why `path` is refused, or null. `.` names the data folder itself. */
export function refusePath(path: string): string | null {
  if (path === '.') return null;
  if (FORBIDDEN.test(path)) return `path has a forbidden character: ${JSON.stringify(path)}`;
  for (const part of path.split('/')) {
    if (part === '') return `path is empty, absolute or has an empty part: ${JSON.stringify(path)}`;
    if (part === '.' || part === '..') return `path has a "${part}" part: ${JSON.stringify(path)}`;
  }
  return null;
}

/** As {@link refusePath}, for what happens to a thing inside the data folder and not to the folder itself. */
export function refuseEntry(path: string): string | null {
  return path === '.' ? 'the data folder itself is not to be opened, moved or removed' : refusePath(path);
}

/** The folder that holds `path`; `.` for what lies directly in the data folder. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : path.slice(0, slash);
}

/** @throws AssertionError for a place in a file that is none. */
export function assertPosition(position: number): void {
  assert(Number.isSafeInteger(position) && position >= 0, `position or length in a file is ${position}`);
}

/** @throws AssertionError when the device could not take the bytes past the page cache. */
export function assertAligned(views: readonly Uint8Array[], position: number): void {
  assert(position % BLOCK_BYTES === 0, `direct I/O at ${position}, which is inside a block`);
  for (const view of views) {
    assert(view.length % BLOCK_BYTES === 0, `direct I/O of ${view.length} bytes, which are no whole blocks`);
    assert(
      view.byteOffset % BLOCK_BYTES === 0,
      `direct I/O from memory at ${view.byteOffset}, which is inside a block`,
    );
  }
}
