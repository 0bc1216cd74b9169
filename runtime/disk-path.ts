/**
 * Which paths the disk port takes: relative to the data folder, with `/`, never out of it. Checks the text alone and
 * follows no links: a link inside the folder was put there by whoever runs the node.
 */

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

/** The folder that holds `path`; `.` for what lies directly in the data folder. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '.' : path.slice(0, slash);
}
