/**
 * Writes a part of a file once more as it is, and fsyncs it. After a failed fsync bytes may stand in a cache alone, where
 * every read finds them, and the next fsync would not tell: what a start is to believe is written again. Used by the
 * journal's and the partitions' starts; an error is a throw, so that the supervisor tries again.
 */
import type { Context, Lease } from '../runtime/actor.ts';
import type { DiskError, DiskFile } from '../runtime/ports.ts';
import { ceilBlock, floorBlock } from '../src/log/chunk.ts';
import { MIB } from '../src/model/limits.ts';
import { type Step, step } from './step.ts';

const PIECE_BYTES = MIB;

export interface FilePart {
  readonly path: string;
  readonly direct: boolean;
  readonly from: number;
  /** To the end of the file where it is infinite. */
  readonly to: number;
  /** Corrects what was read from position `at` on, before it is written. */
  readonly amend?: (bytes: Uint8Array, at: number) => void;
}

export function rewrite(context: Context<Step>, part: FilePart, done: () => void): void {
  const { disk } = context;
  disk.open(part.path, { mode: 'write', direct: part.direct }, (error, file) =>
    step(() => {
      if (file === undefined) throw failure(part.path, error);
      const finish = (): void =>
        disk.sync(file, (problem) =>
          step(() => {
            if (problem !== null) throw failure(part.path, problem);
            disk.close(file, () => step(done));
          }),
        );
      if (part.from >= part.to) finish();
      else
        withLease(context, (lease) => pieces({ context, file, lease, part }, floorBlock(part.from), part.to, finish));
    }),
  );
}

function withLease(context: Context<Step>, run: (lease: Lease) => void): void {
  const lease = context.lease(PIECE_BYTES);
  if (lease !== null) run(lease);
  else context.whenLeasable(step(() => withLease(context, run)));
}

interface Rewriting {
  readonly context: Context<Step>;
  readonly file: DiskFile;
  readonly lease: Lease;
  readonly part: FilePart;
}

function pieces(rewriting: Rewriting, at: number, to: number, done: () => void): void {
  const { context, file, lease, part } = rewriting;
  const wanted = Math.min(PIECE_BYTES, ceilBlock(Math.min(to - at, PIECE_BYTES)));
  const end = (): void => {
    lease.release();
    done();
  };
  if (wanted <= 0) {
    end();
    return;
  }
  context.disk.read(file, lease.bytes.subarray(0, wanted), at, (error, count) =>
    step(() => {
      if (error !== null || count === undefined) throw failure(file.path, error);
      const length = file.direct ? floorBlock(count) : count;
      if (length === 0) {
        end();
        return;
      }
      const bytes = lease.bytes.subarray(0, length);
      part.amend?.(bytes, at);
      context.disk.write(file, [bytes], at, (problem) =>
        step(() => {
          if (problem !== null) throw failure(file.path, problem);
          pieces(rewriting, at + length, length < wanted ? at + length : to, done);
        }),
      );
    }),
  );
}

function failure(path: string, error: DiskError | null): Error {
  return new Error(`${path} could not be written once more: ${error?.message ?? 'no answer'}`);
}
