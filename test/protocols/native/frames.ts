/** Frames by hand, for what the codec would never write. */
import { HEADER_BYTES } from '../../../src/protocols/native/frame.ts';

/** A frame with any kind, fields and raw bytes. */
export function frame(kind: number, fields: Uint8Array, raw = new Uint8Array(0)): Uint8Array {
  const bytes = Buffer.alloc(HEADER_BYTES + fields.length + raw.length);
  bytes.writeUInt32BE(bytes.length - 4, 0);
  bytes[4] = 1;
  bytes[5] = kind;
  bytes.writeUInt32BE(77, 8);
  bytes.writeUInt32BE(fields.length, 12);
  bytes.set(fields, HEADER_BYTES);
  bytes.set(raw, HEADER_BYTES + fields.length);
  return new Uint8Array(bytes);
}
