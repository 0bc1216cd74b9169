/** Lets one partition of a shard compact at a time: each needs memory for its keys, and disk time that others want too. */
export class CompactionRoom {
  #holder: object | null = null;

  /** @returns false while another is at it. */
  enter(who: object): boolean {
    if (this.#holder !== null) return false;
    this.#holder = who;
    return true;
  }

  /** Nothing happens where `who` is not in. */
  leave(who: object): void {
    if (this.#holder === who) this.#holder = null;
  }
}
