/** Loaded before a node, into all its threads: a file system that refuses direct I/O, as macOS and some of Linux do. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { open } = fs;
const refused = Object.assign(new Error('EINVAL: invalid argument, open'), { code: 'EINVAL', errno: -22 });

fs.open = ((path: string, flags: number | string, ...rest: unknown[]) => {
  const done = rest.at(-1) as (error: Error) => void;
  if (typeof flags === 'number' && (flags & fs.constants.O_DIRECT) !== 0) setImmediate(done, refused);
  else (open as (...given: unknown[]) => void)(path, flags, ...rest);
}) as typeof fs.open;
syncBuiltinESMExports();
