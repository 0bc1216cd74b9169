/** CRC-32C for the client's batches: the only file of it that imports the package. */
import { crc32c as native } from '@node-rs/crc32';
import type { Crc32c } from '../../model/crc.ts';

export const crc32c: Crc32c = (bytes, seed) => native(bytes, seed);
