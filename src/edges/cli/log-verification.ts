/** What the parts of `log verify` share while a folder is being verified. */
import type { Finding } from '../../log/inspect.ts';
import type { Crc32c } from '../../model/crc.ts';
import type { FolderReader, FoundFile } from './log-files.ts';

/** What the parts of a verification share. */
export interface Verification {
  readonly reader: FolderReader;
  readonly files: readonly FoundFile[];
  readonly crc32c: Crc32c;
  report(finding: Finding): void;
  count(what: 'partitions' | 'segments' | 'batches' | 'groups' | 'bytesUncovered', by: number): void;
}
