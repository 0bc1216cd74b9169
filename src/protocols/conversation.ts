/**
 * One conversation in a dialect, as actors/connection.ts holds it: frames in, requests and frames out. What it wants done
 * it says as moves; it knows no time, no sockets and nobody who carries out its requests.
 */
import type { Fault, Result } from '../model/faults.ts';
import type { Reply, Request } from './request.ts';

/** What a conversation wants done, in this order. `frame` is the number that {@link Conversation.take} was given. */
export type Move =
  /**
   * Carry this out; the reply comes to {@link Conversation.reply} with `ask`. `last`: of the frame only this request's
   * batches are still read. A produce is always the last.
   */
  | {
      readonly type: 'ask';
      readonly frame: number;
      readonly ask: number;
      readonly request: Request;
      readonly last: boolean;
    }
  /** The frame's answer, with which its business ends. No views: the client wants none. */
  | { readonly type: 'answer'; readonly frame: number; readonly views: readonly Uint8Array[] }
  /** As an answer, and the last one: nothing behind the frame could be understood. */
  | { readonly type: 'end'; readonly frame: number; readonly fault: Fault; readonly views: readonly Uint8Array[] };

/** One frame may lead to several requests, one after the other; the dialect decides which answers keep their order. */
export interface Conversation {
  /** Bytes of a frame that {@link Conversation.measure} wants to see. */
  readonly headBytes: number;
  /** Client id, for people. */
  readonly client: string;
  /** Answers have room to say for how long the client is to be quiet. */
  readonly tellsThrottle: boolean;
  /** The client has shown that it speaks the dialect, and may be silent for longer from here on. */
  readonly begun: boolean;
  /** How long the frame is that starts with `head`; 0 while that is not known. A fault ends the conversation. */
  measure(head: Uint8Array): Result<number>;
  /**
   * A whole frame, whose bytes stay in place until its business is over or its last request was asked. `counted`: the time
   * that the client's requests take is, and a dialect that tells of it asks `throttle` before it answers.
   */
  take(frame: Uint8Array, number: number, counted: boolean): readonly Move[];
  /** What came of a request: null where it was said that nobody wants to know. Its views stay in place until the frame's answer is written. */
  reply(frame: number, ask: number, reply: Reply | null): readonly Move[];
  /** Nothing is under way and nothing has come for a while: what can be made anew is given back. */
  rest(): void;
  /** Last words about a frame that {@link Conversation.measure} refused. */
  refuse(head: Uint8Array, fault: Fault): readonly Uint8Array[];
}
