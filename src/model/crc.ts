/** The checksum that guards every byte on disk and in a batch. Says what it is; whoever composes the node passes the code in. */

/**
 * CRC-32C (Castagnoli, reflected, as in RFC 3720) of `bytes`, as an unsigned 32-bit number. With `seed` it goes on from
 * the checksum of what came before: `crc(b, crc(a))` equals the checksum of a followed by b.
 */
export type Crc32c = (bytes: Uint8Array, seed?: number) => number;
