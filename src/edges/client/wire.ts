/**
 * The native protocol as this client speaks it: values in, bytes out and back. The only file of the client that knows
 * the codec; it keeps no state.
 */
import { failed, ok, type Result } from '../../model/faults.ts';
import { FRAME_BYTES_MAX } from '../../model/limits.ts';
import type { HelloAnswer } from '../../protocols/native/calls/hello.ts';
import { type Answer, decodeAnswer, encodeHello, encodeRequest } from '../../protocols/native/codec.ts';
import { FRAME_VERSION, measure, openFrame } from '../../protocols/native/frame.ts';
import type { Reply, Request } from '../../protocols/request.ts';
import { msgpack } from './msgpack.ts';

/** What a node says of itself when a connection begins. */
export type Greeting = HelloAnswer;

/** A fetch answer may pass what was asked for by one batch and its fields, so answers may be longer than requests. */
const ANSWER_BYTES_MAX = 4 * FRAME_BYTES_MAX;

export interface Answered {
  readonly correlation: number;
  readonly reply: Reply;
}

/** Length of the answer that starts with these bytes; 0: not known yet. */
export const measureAnswer = (head: Uint8Array): Result<number> => measure(head, ANSWER_BYTES_MAX);

export function writeHello(clientId: string): readonly Uint8Array[] {
  return encodeHello(msgpack, 0, { versions: [FRAME_VERSION], client: clientId, features: [] });
}

/** The answer to hello, or the fault that the node gave instead. */
export function readGreeting(frame: Uint8Array): Result<Greeting> {
  const read = readFrame(frame);
  if (!read.ok) return read;
  const { answer } = read.value;
  if (answer.type === 'hello') return ok(answer.hello);
  if (answer.reply.call === 'refused') return { ok: false, fault: answer.reply.fault };
  return failed('BAD_FRAME', `the node answered hello with ${answer.reply.call}`);
}

export function writeRequest(correlation: number, request: Request): readonly Uint8Array[] {
  return encodeRequest(msgpack, correlation, request);
}

/** Bytes of the answer are views on the frame. */
export function readAnswer(frame: Uint8Array): Result<Answered> {
  const read = readFrame(frame);
  if (!read.ok) return read;
  const { answer, correlation } = read.value;
  return answer.type === 'reply'
    ? ok({ correlation, reply: answer.reply })
    : failed('BAD_FRAME', 'the node said hello twice');
}

function readFrame(bytes: Uint8Array): Result<{ readonly correlation: number; readonly answer: Answer }> {
  const frame = openFrame(bytes);
  if (!frame.ok) return frame;
  const answer = decodeAnswer(msgpack, frame.value);
  return answer.ok ? ok({ correlation: frame.value.correlation, answer: answer.value }) : answer;
}
