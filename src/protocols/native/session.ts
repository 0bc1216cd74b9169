/**
 * One connection's conversation: hello first, then requests in any number, each answered by its correlation id. Decides
 * what a frame leads to and which faults end the connection; sees neither the socket nor the clock.
 */
import { type Fault, fault, type Result } from '../../model/faults.ts';
import { FRAME_BYTES_BEFORE_HELLO_MAX } from '../../model/limits.ts';
import type { Conversation, Reply, Said } from '../request.ts';
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
  readonly #codec: FieldsCodec;
  readonly #about: About;
  #hello: Hello | undefined;

  constructor(codec: FieldsCodec, about: About) {
    this.#codec = codec;
    this.#about = about;
  }

  get client(): string {
    return this.#hello?.client ?? '';
  }

  measure(head: Uint8Array): Result<number> {
    const cap = this.#hello === undefined ? FRAME_BYTES_BEFORE_HELLO_MAX : this.#about.limits.frameBytes;
    return measure(head, cap);
  }

  take(bytes: Uint8Array): Said {
    const frame = openFrame(bytes);
    if (!frame.ok) return this.#end(correlationOf(bytes), frame.fault);
    const { correlation } = frame.value;
    const said = decodeRequest(this.#codec, frame.value);
    if (!said.ok) return this.#refused(frame.value, said.fault);
    if (said.value.type === 'hello') return this.#greet(correlation, said.value.hello);
    if (this.#hello === undefined)
      return this.#end(correlation, fault('HELLO_REQUIRED', 'the first frame is no hello'));
    return { type: 'request', correlation, request: said.value.request };
  }

  refuse(head: Uint8Array, why: Fault): readonly Uint8Array[] {
    return encodeFault(this.#codec, correlationOf(head), why);
  }

  reply(correlation: number, reply: Reply): readonly Uint8Array[] {
    return encodeReply(this.#codec, correlation, reply);
  }

  #greet(correlation: number, hello: Hello): Said {
    if (this.#hello !== undefined)
      return this.#answer(encodeFault(this.#codec, correlation, fault('INVALID_REQUEST', 'hello was said before')));
    if (!hello.versions.includes(FRAME_VERSION))
      return this.#end(
        correlation,
        fault('UNSUPPORTED_VERSION', `versions ${hello.versions.join(', ')}; this node speaks ${FRAME_VERSION}`),
      );
    this.#hello = hello;
    const features = this.#about.features.filter((feature) => hello.features.includes(feature));
    return this.#answer(
      encodeHelloAnswer(this.#codec, correlation, { ...this.#about, features, version: FRAME_VERSION }),
    );
  }

  /** Before hello every fault is the last word: who can't say hello speaks another protocol. */
  #refused({ correlation }: Frame, why: Fault): Said {
    if (why.code === 'BAD_FRAME' || this.#hello === undefined) return this.#end(correlation, why);
    return this.#answer(encodeFault(this.#codec, correlation, why));
  }

  #answer(views: readonly Uint8Array[]): Said {
    return { type: 'answer', begun: this.#hello !== undefined, views };
  }

  #end(correlation: number, why: Fault): Said {
    return { type: 'end', fault: why, views: encodeFault(this.#codec, correlation, why) };
  }
}
