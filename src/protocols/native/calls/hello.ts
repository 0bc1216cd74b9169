/** hello: the first frame of a connection. Agrees on the version, says who is there and what the limits are. */
import { CLIENT_ID_CHARS_MAX } from '../../../model/limits.ts';
import { integer, list, natural, prose, struct, text } from '../shape.ts';

export const HELLO_KIND = 0;

export interface Hello {
  /** Versions of the protocol that the client speaks. */
  readonly versions: readonly number[];
  /** Client id, for people: logs and group descriptions. May be empty. */
  readonly client: string;
  /** Features that the client would like to use; those in the answer are in force. */
  readonly features: readonly string[];
}
export interface HelloAnswer {
  /** The version in force on this connection. */
  readonly version: number;
  /** Version of the node's software. */
  readonly software: string;
  readonly node: number;
  readonly cluster: string;
  readonly features: readonly string[];
  readonly limits: {
    /** Longest frame that the node takes. */
    readonly frameBytes: number;
    /** Requests without answer, beyond which the node stops reading. */
    readonly requestsInFlight: number;
    readonly fetchSessions: number;
    readonly fetchBytes: number;
    readonly waitMs: number;
    /** A connection on which nothing comes for so long, and nothing is waited for, is closed. */
    readonly idleMs: number;
  };
}

export const hello = struct<Hello>({
  versions: list(integer(0, 255), 16),
  client: text(0, CLIENT_ID_CHARS_MAX),
  features: list(text(1, 64), 64),
});
export const helloAnswer = struct<HelloAnswer>({
  version: integer(0, 255),
  software: prose,
  node: natural(),
  cluster: prose,
  features: list(prose, 1_024),
  limits: struct<HelloAnswer['limits']>({
    frameBytes: natural(),
    requestsInFlight: natural(),
    fetchSessions: natural(),
    fetchBytes: natural(),
    waitMs: natural(),
    idleMs: natural(),
  }),
});
