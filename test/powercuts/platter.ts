/**
 * What is on a disk after a power cut. Follows a trace: what a sync has covered is there for certain; of everything else,
 * each sector of 512 bytes and each change of a folder is there or is not, as chance decides. A sync covers what was done
 * before it was asked for, once it is done itself; a durable write covers itself.
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../runtime/ports.ts';
import { type Change, type Entry, type Event, type Place, placeOf } from './trace.ts';

const SECTOR_BYTES = 512;
/** Runs of zeros are left out of the files that are built: they are mostly journal that was not used yet. */
const HOLE_BYTES = 65_536;
const ZEROS = Buffer.alloc(HOLE_BYTES);

interface Pending {
  readonly change: Change;
  /** It is durable by itself once it is done. */
  readonly durable: boolean;
  done: boolean;
  /** Durable, though something before it is not. */
  certain: boolean;
}

/** The bytes of a file. */
class Content {
  #bytes: Buffer;
  #size: number;

  constructor(from?: Content) {
    this.#bytes = from === undefined ? Buffer.alloc(0) : Buffer.from(from.bytes);
    this.#size = this.#bytes.length;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  write(position: number, bytes: Uint8Array): void {
    this.resize(Math.max(this.#size, position + bytes.length));
    this.#bytes.set(bytes, position);
  }

  resize(size: number): void {
    if (size > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(size, 2 * this.#bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    this.#size = size;
  }
}

/** Files and folders as they are at one moment. */
class State {
  readonly files: Map<number, Content>;
  readonly folders: Map<string, Map<string, Entry>>;

  constructor(from?: State) {
    this.files = new Map(from === undefined ? [] : [...from.files].map(([number, content]) => [number, content]));
    this.folders = new Map([...(from?.folders ?? [])].map(([path, names]) => [path, new Map(names)]));
  }

  apply(change: Change): void {
    if (change.type === 'names') for (const [name, entry] of change.names) this.#name(change.folder, name, entry);
    else if (change.type === 'truncate') this.content(change.file).resize(change.length);
    else this.content(change.file).write(change.position, change.bytes);
  }

  /** Each sector of a write, and each other change, may be there. */
  applyByChance(change: Change, random: Random, chance: number): void {
    if (change.type !== 'write') {
      if (random.next() < chance) this.apply(change);
      return;
    }
    const { file, position, bytes } = change;
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + SECTOR_BYTES - ((position + at) % SECTOR_BYTES));
      if (random.next() < chance) this.content(file).write(position + at, bytes.subarray(at, end));
      at = end;
    }
  }

  /** A content of its own, since the others stay as they are. */
  detach(file: number): void {
    this.files.set(file, new Content(this.files.get(file)));
  }

  content(file: number): Content {
    const content = this.files.get(file) ?? new Content();
    this.files.set(file, content);
    return content;
  }

  #name(folder: string, name: string, entry: Entry): void {
    const names = this.folders.get(folder) ?? new Map<string, Entry>();
    if (entry === null) names.delete(name);
    else names.set(name, entry);
    this.folders.set(folder, names);
  }
}

export interface PlatterOptions {
  /** Syncs of these files, or folders, are answered and do nothing. */
  readonly forgets?: (kind: 'file' | 'folder', path: string) => boolean;
}

export class Platter {
  readonly #forgets: NonNullable<PlatterOptions['forgets']>;
  readonly #durable = new State();
  readonly #pending = new Map<Place, Pending[]>();
  /** By call, until it is done. */
  readonly #begun = new Map<number, readonly Pending[]>();
  readonly #syncing = new Map<number, { readonly place: Place; readonly covers: ReadonlySet<Pending> }>();

  constructor({ forgets = () => false }: PlatterOptions = {}) {
    this.#forgets = forgets;
  }

  follow(event: Event): void {
    if (event.type === 'begun') {
      const durable = event.durable !== null && !this.#forgets('file', event.durable);
      this.#begin(event.call, event.changes, durable);
    } else if (event.type === 'done') this.#done(event.call);
    else if (!this.#forgets(typeof event.place === 'number' ? 'file' : 'folder', event.path)) {
      const covers = new Set((this.#pending.get(event.place) ?? []).filter(({ done }) => done));
      this.#syncing.set(event.call, { place: event.place, covers });
    }
  }

  /** Writes what is left when the power goes now. @param folder is there and holds nothing of it. */
  build(folder: string, random: Random): void {
    const state = new State(this.#durable);
    // Often all or nothing of what is not synced, else something between.
    const chance = [0, 1, 0.5, random.next()][random.below(4)] as number;
    for (const [place, pending] of this.#pending) {
      if (typeof place === 'number' && pending.length > 0) state.detach(place);
      for (const { change, certain } of pending) state.applyByChance(change, random, certain ? 1 : chance);
    }
    write(state, '.', folder);
  }

  #begin(call: number, changes: readonly Change[], durable: boolean): void {
    const begun = changes.map((change) => ({ change, durable, done: false, certain: false }));
    this.#begun.set(call, begun);
    for (const one of begun) {
      const place = placeOf(one.change);
      const pending = this.#pending.get(place) ?? [];
      pending.push(one);
      this.#pending.set(place, pending);
    }
  }

  #done(call: number): void {
    for (const pending of this.#begun.get(call) ?? []) {
      pending.done = true;
      pending.certain = pending.durable;
      this.#settle(placeOf(pending.change));
    }
    this.#begun.delete(call);
    const sync = this.#syncing.get(call);
    if (sync === undefined) return;
    this.#syncing.delete(call);
    for (const pending of sync.covers) pending.certain = true;
    this.#settle(sync.place);
  }

  /** What is certain up to the first that is not. Behind that one, order is kept: both may be of the same sectors. */
  #settle(place: Place): void {
    const pending = this.#pending.get(place) ?? [];
    const open = pending.findIndex(({ certain }) => !certain);
    for (const { change } of pending.splice(0, open < 0 ? pending.length : open)) this.#durable.apply(change);
  }
}

function write(state: State, path: string, target: string): void {
  for (const [name, entry] of state.folders.get(path) ?? []) {
    const full = join(target, name);
    if (typeof entry === 'number') writeSparse(full, state.content(entry).bytes);
    else {
      mkdirSync(full);
      write(state, path === '.' ? name : `${path}/${name}`, full);
    }
  }
}

function writeSparse(path: string, bytes: Buffer): void {
  const descriptor = openSync(path, 'w');
  ftruncateSync(descriptor, bytes.length);
  for (let at = 0; at < bytes.length; at += HOLE_BYTES) {
    const piece = bytes.subarray(at, at + HOLE_BYTES);
    if (!piece.equals(ZEROS.subarray(0, piece.length))) writeSync(descriptor, piece, 0, piece.length, at);
  }
  closeSync(descriptor);
}
