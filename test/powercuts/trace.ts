/**
 * What a disk was asked to change, in order: begun, done, and the syncs between. A file is known by a number that it
 * keeps when its name changes; a folder is a table of names. Judges nothing and touches no disk.
 */

/** What a name stands for: a file by its number, a folder, or nothing any more. */
export type Entry = number | 'folder' | null;

export type Change =
  | { readonly type: 'write'; readonly file: number; readonly position: number; readonly bytes: Uint8Array }
  | { readonly type: 'truncate'; readonly file: number; readonly length: number }
  /** All of them or none. */
  | { readonly type: 'names'; readonly folder: string; readonly names: readonly (readonly [name: string, Entry])[] };

/** What a sync is asked for: a file's number, or a folder's path. */
export type Place = number | string;
export const placeOf = (change: Change): Place => (change.type === 'names' ? change.folder : change.file);

export type Event =
  | {
      readonly type: 'begun';
      readonly call: number;
      readonly changes: readonly Change[];
      /** Path of a file that is durable by itself: the change is once it is done. */
      readonly durable: string | null;
    }
  | { readonly type: 'syncing'; readonly call: number; readonly place: Place; readonly path: string }
  | { readonly type: 'done'; readonly call: number };

export class Trace {
  readonly events: Event[] = [];
  #calls = 0;

  /** How much has happened: what is noted now happens after all events below. */
  get now(): number {
    return this.events.length;
  }

  begin(changes: readonly Change[], durable: string | null = null): number {
    const call = ++this.#calls;
    this.events.push({ type: 'begun', call, changes, durable });
    return call;
  }

  sync(place: Place, path: string): number {
    const call = ++this.#calls;
    this.events.push({ type: 'syncing', call, place, path });
    return call;
  }

  done(call: number): void {
    this.events.push({ type: 'done', call });
  }
}
