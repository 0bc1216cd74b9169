/** What a failed operation of the machine is called: from errno, or from a check of our own. Never loses the original text. */
import type { DiskError } from './ports.ts';

type DiskErrorCode = DiskError['code'];

/** Codes of the system that mean the same to a broker as one of ours. */
const MEANINGS: Readonly<Record<string, DiskErrorCode>> = {
  EIO: 'EIO',
  ENOSPC: 'ENOSPC',
  EDQUOT: 'ENOSPC',
  EFBIG: 'ENOSPC',
  ENOENT: 'ENOENT',
  EEXIST: 'EEXIST',
  ENOTEMPTY: 'EEXIST',
  EMFILE: 'EMFILE',
  ENFILE: 'EMFILE',
  EACCES: 'EACCES',
  EPERM: 'EACCES',
  EROFS: 'EACCES',
  EINVAL: 'EINVAL',
};

export function diskError(code: DiskErrorCode, message: string): DiskError {
  return { code, message };
}

export function fromErrno(error: NodeJS.ErrnoException): DiskError {
  const code = error.code === undefined ? undefined : MEANINGS[error.code];
  return { code: code ?? 'OTHER', message: error.message };
}
