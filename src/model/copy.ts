/**
 * Copying payload, between private and shared memory in any direction. Every copy of a batch goes through here, so that
 * the named functions that copy stay the only ones that do.
 */

/** Below, the call costs more than it saves. */
const NATIVE_FROM_BYTES = 512;

/**
 * Copies all of `bytes` to `at` in `into`. The two must not overlap.
 *
 * `set` copies shared memory with atomic loads and stores, byte by byte unless both sides happen to be aligned alike: 5
 * GB/s, where `fill` with bytes of exactly that length is one memcpy.
 */
export function copyBytes(into: Uint8Array, at: number, bytes: Uint8Array): void {
  if (bytes.length < NATIVE_FROM_BYTES) into.set(bytes, at);
  else Buffer.prototype.fill.call(into, bytes, at, at + bytes.length);
}

/** All of them, one behind the other, in memory of their own: entries and other small things, never batches. */
export function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
