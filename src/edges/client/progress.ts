/**
 * How far one partition is processed: which messages are in somebody's hands, and the offset below which all is done.
 * That offset alone is ever committed, so that what was not processed comes again. Commits nothing itself.
 */
export class Progress {
  /** Messages that were handed out and are not processed, in the order of their offsets. */
  #inHand: number[] = [];
  #next: number;
  /** As far as the node knows; -1: nothing. */
  committed: number;

  /** @param next first offset to hand out. */
  constructor(next: number, committed: number) {
    this.#next = next;
    this.committed = committed;
  }

  /** Nothing is in anybody's hands. */
  get idle(): boolean {
    return this.#inHand.length === 0;
  }

  /** Everything below is processed. */
  get done(): number {
    return this.#inHand[0] ?? this.#next;
  }

  /** The node does not know yet how far it is. */
  get dirty(): boolean {
    return this.done !== this.committed;
  }

  handed(offset: number): void {
    this.#inHand.push(offset);
    this.#next = offset + 1;
  }

  /** False for a message that is no longer of interest: after a seek, or told twice. */
  processed(offset: number): boolean {
    const at = this.#inHand.indexOf(offset);
    if (at < 0) return false;
    this.#inHand.splice(at, 1);
    return true;
  }

  /** Goes on elsewhere: what is in hands counts no more. */
  moved(offset: number): void {
    this.#inHand = [];
    this.#next = offset;
  }
}
