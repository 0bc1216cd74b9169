/**
 * Names of actors and where they live: `kind` or `kind/key`, placed by the tree alone, so that every shard finds the same
 * shard for a name without asking. It never knows whether an actor is alive.
 */
import type { Kind, Tree } from './actor.ts';

/** Names looked up lately; forgotten together when there are too many (connections come and go). */
const REMEMBERED_MAX = 16_384;

export interface Place {
  readonly kindName: string;
  readonly kind: Kind;
  /** Empty for a name without one. */
  readonly key: string;
  readonly shard: number;
}

/** The place a key of a kind without `place` names at its front: `<shard>.`. @returns -1 when it names none. */
function shardInKey(key: string): number {
  const dot = key.indexOf('.');
  return dot > 0 ? Number(key.slice(0, dot)) : -1;
}

export class Places {
  readonly kinds = new Map<string, Kind>();
  readonly #shards: number;
  readonly #remembered = new Map<string, Place | null>();

  constructor(tree: Tree, shards: number) {
    this.#shards = shards;
    this.#gather(tree);
  }

  /** @returns null for a kind that the tree does not have, or a key that is on no shard. */
  find(name: string): Place | null {
    const known = this.#remembered.get(name);
    if (known !== undefined) return known;
    const place = this.#locate(name);
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    this.#remembered.set(name, place);
    return place;
  }

  /** Names of kinds that begin at start, on one shard. */
  *atStart(shard: number): Generator<string> {
    for (const [kindName, kind] of this.kinds) {
      if (kind.begins !== 'start') continue;
      for (const key of kind.keys?.(this.#shards) ?? ['']) {
        const name = nameOf(kindName, key);
        if (this.find(name)?.shard === shard) yield name;
      }
    }
  }

  #locate(name: string): Place | null {
    const slash = name.indexOf('/');
    const kindName = slash < 0 ? name : name.slice(0, slash);
    const key = slash < 0 ? '' : name.slice(slash + 1);
    const kind = this.kinds.get(kindName);
    if (kind === undefined) return null;
    const shard = kind.place === undefined ? shardInKey(key) : kind.place(key, this.#shards);
    if (!Number.isInteger(shard) || shard < 0 || shard >= this.#shards) return null;
    return { kindName, kind, key, shard };
  }

  #gather(kinds: Tree): void {
    for (const [kindName, kind] of Object.entries(kinds)) {
      if (this.kinds.has(kindName)) throw new Error(`the tree names the kind ${kindName} twice`);
      this.kinds.set(kindName, kind);
      if (kind.children !== undefined) this.#gather(kind.children);
    }
  }
}

export function nameOf(kindName: string, key: string): string {
  return key === '' ? kindName : `${kindName}/${key}`;
}
