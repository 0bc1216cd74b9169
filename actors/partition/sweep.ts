/**
 * Removes what a crash has left in a partition's folder: files of a compaction that did not come to its end, or of segments
 * that were replaced. Never what the log names, nor the newest segment.
 */
import type { Context } from '../../runtime/actor.ts';
import type { DiskError } from '../../runtime/ports.ts';
import type { PartitionLog } from '../../src/log/partition-log.ts';
import { parseSegmentName, partitionFolder } from '../../src/log/paths.ts';
import { type Step, step } from '../step.ts';

/** @param done gets the error where the folder could not be listed. */
export function sweep(context: Context<Step>, log: PartitionLog, done: (error: DiskError | null) => void): void {
  const folder = partitionFolder(log.partition);
  const last = log.active?.base ?? 0;
  const named = new Set(log.segments.map(({ base, generation }) => `${base} ${generation}`));
  const isLeft = (name: string): boolean => {
    const segment = parseSegmentName(name.replace(/\.new$/, ''));
    return segment !== null && segment.base < last && !named.has(`${segment.base} ${segment.generation}`);
  };
  context.disk.list(folder, (error, entries) =>
    step(() => {
      const left = (entries ?? []).map(({ name }) => name).filter(isLeft);
      // Sidecars come first, by which a lost manifest would find what is half gone.
      const paths = left.sort().map((name) => `${folder}/${name}`);
      removeAll(context, paths, () => done(error));
    }),
  );
}

function removeAll(context: Context<Step>, paths: readonly string[], done: () => void): void {
  const [path, ...others] = paths;
  if (path === undefined) done();
  else context.disk.remove(path, () => step(() => removeAll(context, others, done)));
}
