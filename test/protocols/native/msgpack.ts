/** The fields codec for tests: @msgpack/msgpack behind the interface that the protocol takes. Keeps nothing. */
import { Decoder, Encoder } from '@msgpack/msgpack';
import type { FieldsCodec } from '../../../src/protocols/native/frame.ts';

export function msgpackFields(): FieldsCodec {
  const encoder = new Encoder();
  const decoder = new Decoder();
  return {
    encode: (value) => encoder.encode(value),
    decode(bytes) {
      try {
        return decoder.decode(bytes);
      } catch {
        return undefined;
      }
    },
  };
}
