/**
 * The offsets of a broadcast reader in a small local file: written beside and renamed into place, so that a crash leaves
 * the old or the new one, never half of one. Never talks to a node.
 */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CallboardError } from './errors.ts';

export interface StoredOffsets {
  readonly topic: string;
  /** Ids are never used again: another one means that the topic was deleted and made anew. */
  readonly topicId: number;
  /** Offset of the next message, by partition. */
  readonly offsets: ReadonlyMap<number, number>;
}

const FORMAT = 1;

/** Null when there is no file. @throws CallboardError INVALID_OPTION for a file that is something else. */
export async function readOffsets(path: string): Promise<StoredOffsets | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  const stored = parse(text);
  if (stored !== null) return stored;
  throw new CallboardError('INVALID_OPTION', `${path} is no file of offsets; name another, or remove it to begin anew`);
}

export async function writeOffsets(path: string, { topic, topicId, offsets }: StoredOffsets): Promise<void> {
  const text = JSON.stringify({ format: FORMAT, topic, topicId, offsets: Object.fromEntries(offsets) });
  const beside = `${path}.${process.pid}.tmp`;
  await mkdir(dirname(path), { recursive: true });
  try {
    const file = await open(beside, 'w');
    try {
      await file.writeFile(`${text}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

function parse(text: string): StoredOffsets | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // No JSON: not one of ours.
    return null;
  }
  if (!isMap(value) || value.format !== FORMAT || !isMap(value.offsets)) return null;
  if (typeof value.topic !== 'string' || typeof value.topicId !== 'number') return null;
  const offsets = new Map<number, number>();
  for (const [partition, offset] of Object.entries(value.offsets)) {
    if (!/^\d+$/.test(partition) || typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0)
      return null;
    offsets.set(Number(partition), offset);
  }
  return { topic: value.topic, topicId: value.topicId, offsets };
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
