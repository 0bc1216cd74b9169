/**
 * One connection's conversation: hello first, then requests in any number, each answered by its correlation id. Decides
 * what a frame leads to and which faults end the connection; sees neither the socket nor the clock.
 */
import { type Fault, fault, type Result } from '../../model/faults.ts';
import { FRAME_BYTES_BEFORE_HELLO_MAX } from '../../model/limits.ts';
import type { Conversation, Move } from '../conversation.ts';
import type { Reply } from '../request.ts';
import type { Hello, HelloAnswer } from './calls/hello.ts';
import { decodeRequest, encodeFault, encodeHelloAnswer, encodeReply } from './codec.ts';
import {
  correlationOf,
  type FieldsCodec,
  FRAME_VERSION,
  type Frame,
  HEADER_BYTES,
  measure,
  openFrame,
} from './frame.ts';

/** What the node says of itself to everybody. */
export type About = Omit<HelloAnswer, 'version'>;

export class NativeSession implements Conversation {
  readonly headBytes = HEADER_BYTES;
  readonly tellsThrottle = false;
  readonly #codec: FieldsCodec;
  readonly #about: About;
  /** As its hello says. */
  #client: string | undefined;

  constructor(codec: FieldsCodec, about: About) {
    this.#codec = codec;
    this.#about = about;
  }

  get client(): string {
    return this.#client ?? '';
  }

  get begun(): boolean {
    return this.#client !== undefined;
  }

  measure(head: Uint8Array): Result<number> {
    const cap = this.#client === undefined ? FRAME_BYTES_BEFORE_HELLO_MAX : this.#about.limits.frameBytes;
    return measure(head, cap);
  }

  take(bytes: Uint8Array, number: number): readonly Move[] {
    const frame = openFrame(bytes);
    if (!frame.ok) return this.#end(number, correlationOf(bytes), frame.fault);
    const { correlation } = frame.value;
    const said = decodeRequest(this.#codec, frame.value);
    if (!said.ok) return this.#refused(number, frame.value, said.fault);
    if (said.value.type === 'hello') return this.#greet(number, correlation, said.value.hello);
    if (this.#client === undefined)
      return this.#end(number, correlation, fault('HELLO_REQUIRED', 'the first frame is no hello'));
    return [{ type: 'ask', frame: number, ask: correlation, request: said.value.request, last: true }];
  }

  /** Each request is asked under its correlation id, and answered whenever its reply comes. */
  reply(number: number, correlation: number, reply: Reply | null): readonly Move[] {
    return answer(number, reply === null ? [] : encodeReply(this.#codec, correlation, reply));
  }

  /** It keeps nothing. */
  rest(): void {}

  refuse(head: Uint8Array, why: Fault): readonly Uint8Array[] {
    return encodeFault(this.#codec, correlationOf(head), why);
  }

  #greet(number: number, correlation: number, hello: Hello): readonly Move[] {
    if (this.#client !== undefined)
      return answer(number, encodeFault(this.#codec, correlation, fault('INVALID_REQUEST', 'hello was said before')));
    if (!hello.versions.includes(FRAME_VERSION))
      return this.#end(
        number,
        correlation,
        fault('UNSUPPORTED_VERSION', `versions ${hello.versions.join(', ')}; this node speaks ${FRAME_VERSION}`),
      );
    this.#client = hello.client;
    const features = this.#about.features.filter((feature) => hello.features.includes(feature));
    return answer(
      number,
      encodeHelloAnswer(this.#codec, correlation, { ...this.#about, features, version: FRAME_VERSION }),
    );
  }

  /** Before hello every fault is the last word: who can't say hello speaks another protocol. */
  #refused(number: number, { correlation }: Frame, why: Fault): readonly Move[] {
    if (why.code === 'BAD_FRAME' || this.#client === undefined) return this.#end(number, correlation, why);
    return answer(number, encodeFault(this.#codec, correlation, why));
  }

  #end(number: number, correlation: number, why: Fault): readonly Move[] {
    return [{ type: 'end', frame: number, fault: why, views: encodeFault(this.#codec, correlation, why) }];
  }
}

function answer(number: number, views: readonly Uint8Array[]): readonly Move[] {
  return [{ type: 'answer', frame: number, views }];
}
