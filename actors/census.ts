/**
 * Says that its shard is alive, and how its storage is. Kind `census`, key = shard, at start. Decides nothing.
 * Lives on: every shard. View: the shard.
 */
import type { Actor, Address, Context } from '../runtime/actor.ts';
import type { DiskError, DiskSpace } from '../runtime/ports.ts';
import { type Fault, fault } from '../src/model/faults.ts';

export type CensusRequest =
  /** → `counted`, or `refused` when the disk does not say how full it is. */
  | { readonly type: 'count'; readonly request: number }
  /** From whoever decides on writes (watermarks, a full disk): are they refused on this shard now? */
  | { readonly type: 'writes'; readonly refused: boolean };

export interface Counted {
  readonly type: 'counted';
  readonly request: number;
  /** Rises with every start of the shard. */
  readonly incarnation: number;
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly refusingWrites: boolean;
}

export interface Uncounted {
  readonly type: 'refused';
  readonly request: number;
  readonly fault: Fault;
}

type Inbox =
  | CensusRequest
  | {
      readonly type: 'space';
      readonly request: number;
      readonly from: Address;
      readonly error: DiskError | null;
      readonly space: DiskSpace | undefined;
    };

export const censusAddress = (node: Address['node'], shard: number): Address<CensusRequest> => ({
  node,
  name: `census/${shard}`,
  incarnation: 0,
});

class Census implements Actor<Inbox> {
  readonly #context: Context<Inbox>;
  #refusingWrites = false;

  constructor(context: Context<Inbox>) {
    this.#context = context;
  }

  receive(message: Inbox, from: Address): void {
    switch (message.type) {
      case 'writes':
        this.#refusingWrites = message.refused;
        break;
      case 'count': {
        const { request } = message;
        this.#context.disk.space((error, space) => ({ type: 'space', request, from, error, space }));
        break;
      }
      case 'space':
        this.#answer(message);
        break;
    }
  }

  #answer({ request, from, error, space }: Extract<Inbox, { readonly type: 'space' }>): void {
    if (space === undefined) {
      const why = fault('STORAGE_FAILED', `free space of the data folder: ${error?.message ?? 'unknown'}`);
      const refused: Uncounted = { type: 'refused', request, fault: why };
      this.#context.reply(from, refused);
      return;
    }
    const counted: Counted = {
      type: 'counted',
      request,
      incarnation: this.#context.self.incarnation,
      freeBytes: space.freeBytes,
      totalBytes: space.totalBytes,
      refusingWrites: this.#refusingWrites,
    };
    this.#context.reply(from, counted);
  }
}

export function makeCensus(context: Context<Inbox>): Actor<Inbox> {
  return new Census(context);
}
