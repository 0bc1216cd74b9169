/** An open file of the simulated disk. Its close waits for the calls that are under way, as a descriptor's must. */
import { assert } from '../../src/model/assert.ts';
import type { Disk, DiskFile, OpenOptions } from '../ports.ts';
import type { Inode } from './inode.ts';

export class SimulatedFile implements DiskFile {
  readonly path: string;
  readonly direct: boolean;
  readonly durable: boolean;
  readonly incarnation: number;
  readonly inode: Inode;
  readonly writable: boolean;
  readonly owner: Disk;
  #busy = 0;
  #closing: (() => void) | null = null;

  constructor(
    owner: Disk,
    path: string,
    inode: Inode,
    mode: OpenOptions['mode'],
    kind: Pick<DiskFile, 'direct' | 'durable'>,
    incarnation: number,
  ) {
    this.owner = owner;
    this.path = path;
    this.inode = inode;
    this.writable = mode !== 'read';
    this.direct = kind.direct;
    this.durable = kind.durable;
    this.incarnation = incarnation;
  }

  enter(): void {
    assert(this.#closing === null, `${this.path} is used after close`);
    this.#busy += 1;
  }

  leave(): void {
    this.#busy -= 1;
    if (this.#busy === 0) this.#closing?.();
  }

  /** Calls `then` once nothing is under way any more. */
  close(then: () => void): void {
    assert(this.#closing === null, `${this.path} is closed twice`);
    this.#closing = then;
    if (this.#busy === 0) then();
  }
}
