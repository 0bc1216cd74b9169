/**
 * The data folder of a node: created on first use, locked, and told by `node.json` whose it is and in which format. Refuses
 * what is not this node's to open, by name, and touches nothing of it. What else lies inside is not its affair.
 */
import * as fs from 'node:fs';
import { join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { checkedText, readChecked } from '../src/model/checked-text.ts';
import { type FolderLock, isLockName, type LockHolder, takeLock } from './lock.ts';
import type { Clock, Random } from './ports.ts';

/** Rises when an older node could not read the folder any more. */
export const FOLDER_FORMAT = 1;

/** What node.json holds. */
export interface FolderIdentity {
  readonly format: number;
  readonly clusterId: string;
  readonly nodeId: number;
  /** ISO 8601. */
  readonly created: string;
}
export interface DataFolder {
  /** Absolute. */
  readonly path: string;
  readonly identity: FolderIdentity;
  /** Created by this call. */
  readonly fresh: boolean;
  release(): Promise<void>;
}
/** Whose folder is expected. Without `clusterId` any cluster's is right, and a new folder gets a new one. */
export interface FolderOwner {
  readonly nodeId: number;
  readonly clusterId?: string;
}

export type FolderRefusal =
  | 'LOCKED'
  | 'NEWER_FORMAT'
  | 'OTHER_NODE'
  | 'OTHER_CLUSTER'
  | 'NOT_OURS'
  | 'UNREADABLE'
  | 'UNLOCKABLE';
/** Why a folder cannot be opened; the message says it whole, with what to do. */
export class FolderError extends Error {
  override readonly name = 'FolderError';
  readonly code: FolderRefusal;
  constructor(code: FolderRefusal, message: string) {
    super(message);
    this.code = code;
  }
}

const IDENTITY_FILE = 'node.json';
const FOLDER_MODE = 0o750;
const FILE_MODE = 0o640;

/** @throws FolderError when the folder is in use or not this node's, the system's error when it cannot be used at all. */
export async function openFolder(
  path: string,
  owner: FolderOwner,
  world: { readonly clock: Clock; readonly random: Random },
): Promise<DataFolder> {
  const full = resolve(path);
  fs.mkdirSync(full, { recursive: true, mode: FOLDER_MODE });
  // Before anything is put there: the folder may be somebody's home.
  refuseStrange(full);
  const lock = await lockFolder(full, world);
  try {
    const found = readIdentity(full);
    if (found !== null) checkIdentity(full, found, owner);
    const identity = found ?? createIdentity(full, owner, world);
    return { path: full, identity, fresh: found === null, release: () => lock.release() };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function refuseStrange(folder: string): void {
  const names = fs.readdirSync(folder);
  if (names.includes(IDENTITY_FILE)) return;
  const strange = names.find((name) => !isLockName(name) && name !== `${IDENTITY_FILE}.new` && name !== 'lost+found');
  if (strange === undefined) return;
  throw new FolderError(
    'NOT_OURS',
    `${folder} holds ${JSON.stringify(strange)} but no ${IDENTITY_FILE}: it is no data folder. Name an empty or new folder.`,
  );
}

async function lockFolder(
  folder: string,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<FolderLock> {
  const self: LockHolder = { pid: process.pid, startedAt: new Date(clock.now()).toISOString() };
  const answer = await takeLock(folder, self, Buffer.from(random.bytes(8)).toString('hex')).catch((error: Error) => {
    throw new FolderError(
      'UNLOCKABLE',
      `${folder} cannot be locked (${error.message}). It needs a file system with local sockets and hard links.`,
    );
  });
  if ('lock' in answer) return answer.lock;
  const { heldBy } = answer;
  const who =
    heldBy === null ? 'a process that does not say who it is' : `process ${heldBy.pid}, started ${heldBy.startedAt}`;
  throw new FolderError('LOCKED', `${folder} is in use by ${who}. Stop that node, or name another data folder.`);
}

function readIdentity(folder: string): FolderIdentity | null {
  const path = join(folder, IDENTITY_FILE);
  if (!fs.existsSync(path)) return null;
  const text = fs.readFileSync(path, 'utf8');
  const { value, wrong } = readChecked(text, crc32);
  const { format, clusterId, nodeId, created } = value as Partial<Record<keyof FolderIdentity, unknown>>;
  if (typeof format === 'number' && format > FOLDER_FORMAT) throw newerFormat(folder, format);
  if (wrong !== null) throw new FolderError('UNREADABLE', `${path}: ${wrong}. Restore it from a backup.`);
  const sound =
    format === FOLDER_FORMAT &&
    typeof clusterId === 'string' &&
    clusterId !== '' &&
    Number.isSafeInteger(nodeId) &&
    typeof created === 'string';
  if (!sound)
    throw new FolderError('UNREADABLE', `${path} lacks a field or has a wrong one. Restore it from a backup.`);
  return { format, clusterId, nodeId: nodeId as number, created };
}

function newerFormat(folder: string, format: number): FolderError {
  return new FolderError(
    'NEWER_FORMAT',
    `${folder} is in format ${format}; this version reads formats up to ${FOLDER_FORMAT}. Start a newer version.`,
  );
}

function checkIdentity(folder: string, found: FolderIdentity, owner: FolderOwner): void {
  if (found.nodeId !== owner.nodeId)
    throw new FolderError(
      'OTHER_NODE',
      `${folder} belongs to node ${found.nodeId}, this is node ${owner.nodeId}. Name this node's own folder.`,
    );
  if (owner.clusterId !== undefined && found.clusterId !== owner.clusterId)
    throw new FolderError(
      'OTHER_CLUSTER',
      `${folder} belongs to cluster ${found.clusterId}, this node to ${owner.clusterId}. Name this node's own folder.`,
    );
}

/** Durable before it is answered: everything else in the folder is written under this identity. */
function createIdentity(
  folder: string,
  owner: FolderOwner,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): FolderIdentity {
  const identity: FolderIdentity = {
    format: FOLDER_FORMAT,
    clusterId: owner.clusterId ?? Buffer.from(random.bytes(16)).toString('base64url'),
    nodeId: owner.nodeId,
    created: new Date(clock.now()).toISOString(),
  };
  const path = join(folder, IDENTITY_FILE);
  fs.writeFileSync(`${path}.new`, checkedText({ ...identity }, crc32), { mode: FILE_MODE, flush: true });
  fs.renameSync(`${path}.new`, path);
  syncFolder(folder);
  return identity;
}

function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const descriptor = fs.openSync(folder, fs.constants.O_RDONLY);
  fs.fsyncSync(descriptor);
  fs.closeSync(descriptor);
}
