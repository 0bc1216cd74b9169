/**
 * Finds out whether a folder's file system takes O_DIRECT: some refuse it at open, some at the first write, and some
 * platforms do not have it. Leaves nothing behind.
 */
import { close, constants, open, unlink, write } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { BLOCK_BYTES } from '../src/model/limits.ts';
import { createArena } from './arena-memory.ts';

/** Absent outside Linux. */
export const O_DIRECT: number = (constants as { readonly O_DIRECT?: number }).O_DIRECT ?? 0;

/** Answers null when direct writes work in `folder`, else why they do not. */
export function probeDirect(folder: string, done: (refusal: string | null) => void): void {
  if (O_DIRECT === 0) {
    setImmediate(done, `${process.platform} has no O_DIRECT`);
    return;
  }
  const path = join(folder, `.direct-probe-${process.pid}-${threadId}`);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC | O_DIRECT;
  open(path, flags, 0o600, (openError, descriptor) => {
    if (openError) return unlink(path, () => done(openError.message));
    const block = new Uint8Array(createArena(BLOCK_BYTES).pages);
    write(descriptor, block, 0, BLOCK_BYTES, 0, (writeError, written) => {
      const refusal = writeError?.message ?? (written === BLOCK_BYTES ? null : `wrote ${written} of ${BLOCK_BYTES}`);
      close(descriptor, () => unlink(path, () => done(refusal)));
    });
  });
}
