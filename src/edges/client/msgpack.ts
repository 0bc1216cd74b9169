/** msgpack for the client: the only file of it that imports the package. Never throws on bytes from outside. */
import { Decoder, Encoder } from '@msgpack/msgpack';
import type { FieldsCodec } from '../../protocols/native/frame.ts';

const encoder = new Encoder({ ignoreUndefined: true });
const decoder = new Decoder();

export const msgpack: FieldsCodec = {
  encode: (value) => encoder.encodeSharedRef(value),
  decode: (bytes) => {
    try {
      return decoder.decode(bytes);
    } catch {
      // No msgpack: the caller answers for it.
      return undefined;
    }
  },
};
