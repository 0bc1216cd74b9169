/**
 * The one loop of arena-crc.ts, written down in the binary format of WebAssembly: it has no source in another language and
 * needs no tool to build. Knows nothing of checksums; what it does stands at {@link foldingCode}.
 */

const [TYPE, IMPORT, FUNCTION, EXPORT, CODE] = [1, 2, 3, 7, 10];
const [I32, FUNCTION_TYPE, NO_VALUE] = [0x7f, 0x60, 0x40];
const [LOOP, END, BRANCH_IF, GET, SET, CONST, LESS, ADD] = [0x03, 0x0b, 0x0d, 0x20, 0x21, 0x41, 0x49, 0x6a];
const VECTOR = 0xfd;
const [LOAD, STORE, XOR] = [0x00, 0x0b, 0x51];
/** The two memories, in the order in which they are imported. */
const [SCRATCH, DATA] = [0, 1];
/** In an access: the number of the memory stands behind. */
const OTHER_MEMORY = 0x40;
const SHARED_WITH_MAXIMUM = 3;
const MEMORY_PAGES_MAX = 65_536;
/** Parameters of the function. */
const [AT, END_AT, FROM, TO] = [0, 1, 2, 3];

const VECTOR_BYTES = 16;
/** What one turn of the loop does. */
export const STEP_BYTES = 64;

/**
 * A module that imports `m.scratch` and the shared memory `m.data` and exports `fold(at, end, from, to)`. For each byte of
 * data from `at` up to `end` (whole steps of 64): scratch[to] = data[at] ^ scratch[from] ^ scratch[from + first] ^
 * scratch[from + second], and all four go on by one.
 */
export function foldingCode(first: number, second: number): Uint8Array {
  const step: number[] = [];
  for (let at = 0; at < STEP_BYTES; at += VECTOR_BYTES) {
    step.push(...get(TO), ...get(AT), ...load(DATA, at), ...get(FROM), ...load(SCRATCH, at), VECTOR, XOR);
    for (const distance of [first, second]) step.push(...get(FROM), ...load(SCRATCH, at + distance), VECTOR, XOR);
    step.push(VECTOR, STORE, 0, ...number(at));
  }
  const onwards = [AT, FROM, TO].flatMap((local) => [...get(local), CONST, ...signed(STEP_BYTES), ADD, SET, local]);
  const loop = [LOOP, NO_VALUE, ...step, ...onwards, ...get(AT), ...get(END_AT), LESS, BRANCH_IF, 0, END];
  const body = sized([0, ...loop, END]);
  const scratch = [...name('m'), ...name('scratch'), 2, 0, 1];
  const data = [...name('m'), ...name('data'), 2, SHARED_WITH_MAXIMUM, 1, ...number(MEMORY_PAGES_MAX)];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(TYPE, [[FUNCTION_TYPE, ...list([[I32], [I32], [I32], [I32]]), 0]]),
    ...section(IMPORT, [scratch, data]),
    ...section(FUNCTION, [[0]]),
    ...section(EXPORT, [[...name('fold'), 0, 0]]),
    ...section(CODE, [body]),
  ]);
}

const get = (local: number): number[] => [GET, local];

function load(memory: number, offset: number): number[] {
  return [VECTOR, LOAD, ...(memory === 0 ? [0] : [OTHER_MEMORY, memory]), ...number(offset)];
}

const section = (kind: number, items: number[][]): number[] => [kind, ...sized(list(items))];
const list = (items: number[][]): number[] => [...number(items.length), ...items.flat()];
const sized = (bytes: number[]): number[] => [...number(bytes.length), ...bytes];
const name = (text: string): number[] => sized([...Buffer.from(text)]);

/** LEB128. */
function number(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...number(value >>> 7)];
}

/** LEB128 of a number that is not negative, where one might be: the last byte leaves the bit of the sign free. */
function signed(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)];
}
