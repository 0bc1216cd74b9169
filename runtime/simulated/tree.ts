/**
 * Names of the simulated disk: folders as they are seen, and as a power cut would leave them. A creation, a move or a
 * removal survives once a folder it touched was synced, as POSIX has it; syncing the file alone does not save its name.
 */
import { diskError } from '../disk-error.ts';
import { folderOf } from '../disk-rules.ts';
import type { DiskError } from '../ports.ts';
import { Inode, MOODS, type Mood } from './inode.ts';
import type { SeededRandom } from './random.ts';

export class Folder {
  readonly kind = 'directory';
  readonly entries = new Map<string, Inode | Folder>();
  readonly durable = new Map<string, Inode | Folder>();
}
type Node = Inode | Folder;

/** A change of names that no power cut leaves half done. */
interface NameChange {
  readonly folders: readonly Folder[];
  apply(): void;
}

/** A node, or why there is none. */
export type Found<T> =
  | { readonly node: T; readonly error?: never }
  | { readonly error: DiskError; readonly node?: never };

export class Tree {
  readonly root: Folder;
  #pending: NameChange[] = [];
  /** Bytes of the files that have a name. */
  usedBytes = 0;

  constructor(root = new Folder()) {
    this.root = root;
  }

  find(path: string): Node | undefined {
    if (path === '.') return this.root;
    let node: Node | undefined = this.root;
    for (const name of path.split('/')) {
      if (!(node instanceof Folder)) return undefined;
      node = node.entries.get(name);
    }
    return node;
  }

  folder(path: string): Found<Folder> {
    const node = this.find(path);
    if (node === undefined) return { error: diskError('ENOENT', `no such folder: ${path}`) };
    if (node instanceof Folder) return { node };
    return { error: diskError('OTHER', `not a folder: ${path}`) };
  }

  file(path: string): Found<Inode> {
    const node = this.find(path);
    if (node === undefined) return { error: diskError('ENOENT', `no such file: ${path}`) };
    if (node instanceof Inode) return { node };
    return { error: diskError('OTHER', `is a folder: ${path}`) };
  }

  /** All that have a name, in order of their names. */
  files(): Inode[] {
    return filesBelow(this.root);
  }

  create(path: string): Found<Inode> {
    const { node: folder, error } = this.folder(folderOf(path));
    if (error !== undefined) return { error };
    const inode = new Inode();
    this.#name(folder, nameOf(path), inode);
    return { node: inode };
  }

  makeFolder(path: string): DiskError | null {
    if (path === '.') return null;
    let folder = this.root;
    for (const name of path.split('/')) {
      let next = folder.entries.get(name);
      if (next instanceof Inode) return diskError('EEXIST', `a file is in the way of folder ${path}`);
      if (next === undefined) {
        next = new Folder();
        this.#name(folder, name, next);
      }
      folder = next;
    }
    return null;
  }

  rename(from: string, to: string): DiskError | null {
    const source = this.folder(folderOf(from));
    if (source.error !== undefined) return source.error;
    const target = this.folder(folderOf(to));
    if (target.error !== undefined) return target.error;
    const node = source.node.entries.get(nameOf(from));
    if (node === undefined) return diskError('ENOENT', `no such file: ${from}`);
    if (to.startsWith(`${from}/`)) return diskError('EINVAL', `${from} cannot move into itself`);
    const replaced = target.node.entries.get(nameOf(to));
    if (replaced === node) return null;
    const refusal = replaced === undefined ? null : refuseReplacement(node, replaced, to);
    if (refusal !== null) return refusal;
    this.#change([source.node, target.node], (entries) => {
      if (entries(source.node).get(nameOf(from)) === node) entries(source.node).delete(nameOf(from));
      entries(target.node).set(nameOf(to), node);
    });
    if (replaced instanceof Inode) this.#unnamed(replaced);
    return null;
  }

  /** Name by name, the deepest first: a power cut may leave a part. */
  remove(path: string): DiskError | null {
    const { node: folder, error } = this.folder(folderOf(path));
    if (error !== undefined) return error.code === 'ENOENT' ? null : error;
    const node = folder.entries.get(nameOf(path));
    if (node === undefined) return null;
    if (node instanceof Folder) for (const name of [...node.entries.keys()]) this.remove(`${path}/${name}`);
    else this.#unnamed(node);
    this.#change([folder], (entries) => {
      if (entries(folder).get(nameOf(path)) === node) entries(folder).delete(nameOf(path));
    });
    return null;
  }

  /** What touched `folder` survives from now on, and what had to come before it. */
  syncFolder(folder: Folder): void {
    const touched = new Set([folder]);
    const taken: NameChange[] = [];
    const left: NameChange[] = [];
    for (const change of this.#pending.toReversed()) {
      if (change.folders.some((one) => touched.has(one))) {
        for (const one of change.folders) touched.add(one);
        taken.push(change);
      } else left.push(change);
    }
    for (const change of taken.toReversed()) change.apply();
    this.#pending = left.toReversed();
  }

  /** What is there after a power cut. This tree is of no use any more. */
  survivor(random: SeededRandom): Tree {
    const mood = MOODS[random.below(MOODS.length)] as Mood;
    for (const change of this.#pending) {
      if (mood === 'kept' || (mood === 'torn' && random.chance(0.5))) change.apply();
    }
    const tree = new Tree();
    tree.#copy(this.root, tree.root, new Map(), random);
    return tree;
  }

  /** A file has grown or shrunk. */
  resized(inode: Inode, byBytes: number): void {
    if (inode.named) this.usedBytes += byBytes;
  }

  #copy(from: Folder, to: Folder, copied: Map<Inode, Inode>, random: SeededRandom): void {
    for (const [name, node] of [...from.durable].sort(byName)) {
      if (node instanceof Folder) {
        const folder = new Folder();
        this.#settle(to, name, folder);
        this.#copy(node, folder, copied, random);
      } else {
        const known = copied.get(node);
        const inode = known ?? node.survivor(MOODS[random.below(MOODS.length)] as Mood, random);
        copied.set(node, inode);
        this.#settle(to, name, inode);
      }
    }
  }

  #settle(folder: Folder, name: string, node: Node): void {
    folder.entries.set(name, node);
    folder.durable.set(name, node);
    if (node instanceof Inode) this.#named(node);
  }

  #name(folder: Folder, name: string, node: Node): void {
    this.#change([folder], (entries) => entries(folder).set(name, node));
    if (node instanceof Inode) this.#named(node);
  }

  #named(inode: Inode): void {
    if (!inode.named) this.usedBytes += inode.live.length;
    inode.named = true;
  }

  #unnamed(inode: Inode): void {
    this.usedBytes -= inode.live.length;
    inode.named = false;
  }

  #change(folders: readonly Folder[], apply: (entries: (folder: Folder) => Map<string, Node>) => void): void {
    apply((folder) => folder.entries);
    this.#pending.push({ folders, apply: () => apply((folder) => folder.durable) });
  }
}

function filesBelow(folder: Folder): Inode[] {
  const nodes = [...folder.entries].sort(byName).map(([, node]) => node);
  return nodes.flatMap((node) => (node instanceof Folder ? filesBelow(node) : [node]));
}

function refuseReplacement(node: Node, replaced: Node, to: string): DiskError | null {
  if (node.kind !== replaced.kind) return diskError('OTHER', `${to} is a ${replaced.kind}`);
  if (replaced instanceof Folder && replaced.entries.size > 0) return diskError('EEXIST', `${to} is not empty`);
  return null;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function byName(a: readonly [string, Node], b: readonly [string, Node]): number {
  return a[0] < b[0] ? -1 : 1;
}
