/**
 * Requests and answers ↔ frames, for both sides: the node reads requests and writes answers, the client the other way
 * round. Keeps nothing between two calls; who may say what when is session.ts's.
 */
import { type Fault, failed, ok, type Result } from '../../model/faults.ts';
import type { NativeCallName, Reply, ReplyOf, Request, RequestOf } from '../request.ts';
import type { Call, Direction } from './call.ts';
import { HELLO_KIND, type Hello, type HelloAnswer, hello, helloAnswer } from './calls/hello.ts';
import { readUsualProduce } from './calls/produce-fields.ts';
import { callOfKind, calls } from './calls.ts';
import { ANSWER_BIT, buildFrame, type FieldsCodec, type Frame, REFUSED_KIND } from './frame.ts';
import { isPlainMap } from './scan.ts';
import { faultShape, Reading, type Shape } from './shape.ts';

/** What a client's frame says. */
export type Incoming =
  | { readonly type: 'hello'; readonly hello: Hello }
  | { readonly type: 'request'; readonly request: Request };
/** What a node's frame says. */
export type Answer =
  | { readonly type: 'hello'; readonly hello: HelloAnswer }
  | { readonly type: 'reply'; readonly reply: Reply };

// ---- the client's side: requests out, answers in

export function encodeHello(codec: FieldsCodec, correlation: number, value: Hello): readonly Uint8Array[] {
  return buildFrame(HELLO_KIND, correlation, codec.encode(value), []);
}

export function encodeRequest(codec: FieldsCodec, correlation: number, request: Request): readonly Uint8Array[] {
  const call: Call<NativeCallName> = calls[request.call as NativeCallName] as never;
  const { fields, raw } = call.request.write(request as RequestOf<NativeCallName>);
  return buildFrame(call.kind, correlation, codec.encode(fields), raw);
}

/** Raw bytes of the answer are views on the frame. A fault means that the node broke the protocol. */
export function decodeAnswer(codec: FieldsCodec, frame: Frame): Result<Answer> {
  const fields = codec.decode(frame.fields);
  if (frame.kind === (HELLO_KIND | ANSWER_BIT)) {
    const value = readWhole(helloAnswer, fields, false);
    return value.ok ? ok({ type: 'hello', hello: value.value }) : value;
  }
  if (frame.kind === REFUSED_KIND) {
    const value = readWhole(faultShape, fields, false);
    return value.ok ? ok({ type: 'reply', reply: { call: 'refused', fault: value.value } }) : value;
  }
  const name = (frame.kind & ANSWER_BIT) === 0 ? undefined : callOfKind(frame.kind & ~ANSWER_BIT);
  if (name === undefined) return failed('BAD_FRAME', `answer of unknown kind ${frame.kind}`);
  const reading = new Reading(false);
  const direction: Direction<Reply> = calls[name].reply as never;
  const reply = direction.read(fields, frame.raw, reading);
  return reply === undefined ? { ok: false, fault: reading.fault() } : ok({ type: 'reply', reply });
}

// ---- the node's side: requests in, answers out

/**
 * Reads what a client says. BAD_FRAME: the connection can't go on. Any other fault is the answer to this request alone.
 * Raw bytes of the request are views on the frame.
 */
export function decodeRequest(codec: FieldsCodec, frame: Frame): Result<Incoming> {
  const name = callOfKind(frame.kind);
  if (name === undefined && frame.kind !== HELLO_KIND) return failed('UNKNOWN_CALL', `no call has kind ${frame.kind}`);
  const usual = name === 'produce' ? readUsualProduce(frame.fields, frame.raw) : undefined;
  if (usual !== undefined) return ok({ type: 'request', request: usual });
  if (!isPlainMap(frame.fields)) return failed('BAD_FRAME', 'fields are not one plain msgpack map');
  const fields = codec.decode(frame.fields);
  if (fields === undefined) return failed('BAD_FRAME', 'fields are not msgpack');
  if (name === undefined) {
    if (frame.raw.length > 0) return failed('INVALID_REQUEST', 'hello has no raw bytes');
    const value = readWhole(hello, fields, true);
    return value.ok ? ok({ type: 'hello', hello: value.value }) : value;
  }
  const reading = new Reading(true);
  const direction: Direction<Request> = calls[name].request as never;
  const request = direction.read(fields, frame.raw, reading);
  return request === undefined ? { ok: false, fault: reading.fault() } : ok({ type: 'request', request });
}

export function encodeHelloAnswer(codec: FieldsCodec, correlation: number, value: HelloAnswer): readonly Uint8Array[] {
  return buildFrame(HELLO_KIND | ANSWER_BIT, correlation, codec.encode(value), []);
}

/** Views to write in order; those behind the first are the reply's own bytes, where they lie. */
export function encodeReply(codec: FieldsCodec, correlation: number, reply: Reply): readonly Uint8Array[] {
  if (reply.call === 'refused') return encodeFault(codec, correlation, reply.fault);
  const call: Call<NativeCallName> = calls[reply.call as NativeCallName] as never;
  const { fields, raw } = call.reply.write(reply as ReplyOf<NativeCallName>);
  return buildFrame(call.kind | ANSWER_BIT, correlation, codec.encode(fields), raw);
}

export function encodeFault(codec: FieldsCodec, correlation: number, fault: Fault): readonly Uint8Array[] {
  return buildFrame(REFUSED_KIND, correlation, codec.encode(fault), []);
}

function readWhole<T>(shape: Shape<T>, fields: unknown, strict: boolean): Result<T> {
  const reading = new Reading(strict);
  const value = shape.read(fields, reading);
  return value === undefined ? { ok: false, fault: reading.fault() } : ok(value);
}
