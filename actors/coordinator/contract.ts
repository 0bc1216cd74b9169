/** What everybody may ask of a coordinator of groups, and what it answers. */
import type { Address } from '../../runtime/actor.ts';
import type { Fault } from '../../src/model/faults.ts';
import type { GroupReply, GroupRequest, SettleOffsetsRequest } from '../../src/protocols/request.ts';

export type { GroupReply, GroupRequest };

/** `groups` and `alteredGroups` are asked of every coordinator; all else of the one that `coordinatorOf` names. Names were checked at the edge. */
export type CoordinatorRequest = {
  readonly type: 'ask';
  readonly request: number;
  /** The client id of the connection and where it comes from, for people. */
  readonly client: string;
  readonly host: string;
  /** When it was opened, ms since 1970. */
  readonly openedAt: number;
  /** Answered by `answered` or `refused`. */
  readonly ask: GroupRequest | SettleOffsetsRequest;
};

export type CoordinatorAnswer =
  | { readonly type: 'answered'; readonly request: number; readonly reply: GroupReply }
  /** To the coordinator of a transaction: its end is known here. */
  | { readonly type: 'settled'; readonly request: number }
  | { readonly type: 'refused'; readonly request: number; readonly fault: Fault };

export const coordinatorAddress = (node: Address['node'], key: number): Address<CoordinatorRequest> => ({
  node,
  name: `coordinator/${key}`,
  incarnation: 0,
});
