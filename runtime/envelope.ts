/**
 * A message as bytes, for a ring record or a peer: fixed binary header, names, msgpack fields, then the message's own
 * bytes untouched. The only file of the node that knows msgpack. It judges nothing: a target that is gone is the
 * receiver's business.
 *
 *     | kind u8 | body u8 | target name length u16 | sender name length u16 | fields u16: 0 inline, 1 described |
 *     | target node u32 | target incarnation u32 | sender node u32 | sender incarnation u32 | fields length u32 | body length u32 |
 *     | arena u32 | arena incarnation u32 | slot u32 | offset u32 |      only when the body is described
 *     | arena u32 | arena incarnation u32 | slot u32 | offset u32 |      only when the fields are described
 *     | target name | sender name | fields (msgpack) | body |            fields and body only when they are inline
 *
 * Little-endian: it never leaves machines of one kind.
 */
import { Decoder, Encoder } from '@msgpack/msgpack';
import { assert } from '../src/model/assert.ts';
import { copyBytes } from '../src/model/copy.ts';
import { id, type NodeId } from '../src/model/ids.ts';
import { INLINE_BYTES_MAX, KIB } from '../src/model/limits.ts';
import type { Address, Lease, Message } from './actor.ts';
import type { ArenaLease } from './arena-lease.ts';
import type { ArenaMap } from './arena-map.ts';
import type { LeaseDescriptor } from './arena-memory.ts';

const NO_BODY = 0;
const INLINE = 1;
const DESCRIBED = 2;
type Body = typeof NO_BODY | typeof INLINE | typeof DESCRIBED;

const HEADER_BYTES = 32;
const DESCRIPTOR_BYTES = 16;
/** Longer fields (lists of many places, say) go through an arena: a record must fit half a ring, and few are so long. */
const INLINE_FIELDS_BYTES_MAX = 64 * KIB;

const encoder = new Encoder({ ignoreUndefined: true });
const decoder = new Decoder();

/** For state kept as msgpack: catalog, groups. Fields that are undefined are left out. */
export function encodeValue(value: unknown): Uint8Array {
  return encoder.encode(value);
}
export function decodeValue(bytes: Uint8Array): unknown {
  return decoder.decode(bytes);
}

/** Of its own: what it answers stays until it is used again, while envelopes come and go. */
const fieldsEncoder = new Encoder({ ignoreUndefined: true });
/** For the fields of frames from clients, whose bytes are nobody's fault but theirs. */
export const fieldsCodec = {
  /** Lies in memory that the next call uses again. */
  encode(value: unknown): Uint8Array {
    return fieldsEncoder.encodeSharedRef(value);
  },
  /** `undefined` for what is no msgpack value. Decodes a copy: the text decoder refuses shared memory. */
  decode(bytes: Uint8Array): unknown {
    try {
      return decoder.decode(bytes.slice());
    } catch {
      // Whoever asked answers for it.
      return undefined;
    }
  },
};

export interface Envelope {
  /** What the record is: the kernel's own numbers; 0 is a message over the request lane. */
  readonly kind: number;
  readonly target: Address;
  readonly sender: Address;
  /** Null when its bytes lay in an arena that has been laid anew since: it is lost, as if its sender had died a moment earlier. */
  readonly message: Message | null;
}

/** Prepares one message at a time: `prepare` tells how long it will be, `write` puts it where there is room. */
export class EnvelopeWriter {
  readonly #arenas: ArenaMap | null;
  readonly #to: number;
  #kind = 0;
  #target: Address | undefined;
  #sender: Address | undefined;
  #message: Message | undefined;
  #fields: Uint8Array = new Uint8Array(0);
  /** What long fields were copied into; let go of when the record was not written after all. */
  #fieldsLease: ArenaLease | null = null;
  #body: Body = NO_BODY;
  #inline: Uint8Array | undefined;

  /** @param arenas null where memory is not shared (another node): all bytes travel inline.
   * @param to the shard that reads what is written. */
  constructor(arenas: ArenaMap | null, to: number) {
    this.#arenas = arenas;
    this.#to = to;
  }

  /** @returns the length of the record in bytes; -1 when long fields find no memory now. Nothing has been given away yet. */
  prepare(kind: number, target: Address, sender: Address, message: Message): number {
    const { bytes, lease, ...fields } = message;
    assert(lease === undefined || bytes !== undefined, 'a lease without bytes');
    this.#kind = kind;
    this.#target = target;
    this.#sender = sender;
    this.#message = message;
    this.#inline = bytes;
    if (bytes === undefined) this.#body = NO_BODY;
    else if (this.#arenas !== null && lease !== undefined && bytes.length > INLINE_BYTES_MAX) this.#body = DESCRIBED;
    else this.#body = INLINE;
    if (!this.#placeFields(encoder.encodeSharedRef(fields))) return -1;
    const names = target.name.length + sender.name.length;
    const body = this.#body === INLINE ? (bytes as Uint8Array).length : this.#body === DESCRIBED ? DESCRIPTOR_BYTES : 0;
    return HEADER_BYTES + names + (this.#fieldsLease === null ? this.#fields.length : DESCRIPTOR_BYTES) + body;
  }

  #placeFields(fields: Uint8Array): boolean {
    this.#fieldsLease?.release();
    this.#fieldsLease = null;
    this.#fields = fields;
    if (this.#arenas === null || fields.length <= INLINE_FIELDS_BYTES_MAX) return true;
    this.#fieldsLease = this.#arenas.lease(fields.length);
    if (this.#fieldsLease === null) return false;
    copyBytes(this.#fieldsLease.bytes, 0, fields);
    return true;
  }

  /** Writes what was prepared and takes the lease from the sender: into the descriptor, or released once copied. */
  write(into: Uint8Array, at: number): void {
    const target = this.#target as Address;
    const sender = this.#sender as Address;
    const message = this.#message as Message;
    const described = (this.#body === DESCRIBED ? 1 : 0) + (this.#fieldsLease === null ? 0 : 1);
    const view = new DataView(into.buffer, into.byteOffset + at, HEADER_BYTES + described * DESCRIPTOR_BYTES);
    view.setUint8(0, this.#kind);
    view.setUint8(1, this.#body);
    view.setUint16(2, target.name.length, true);
    view.setUint16(4, sender.name.length, true);
    view.setUint16(6, this.#fieldsLease === null ? 0 : 1, true);
    view.setUint32(8, target.node, true);
    view.setUint32(12, target.incarnation, true);
    view.setUint32(16, sender.node, true);
    view.setUint32(20, sender.incarnation, true);
    view.setUint32(24, this.#fields.length, true);
    view.setUint32(28, this.#inline?.length ?? 0, true);
    let header = HEADER_BYTES;
    if (this.#body === DESCRIBED) {
      this.#describe(view, header, message.lease as Lease, this.#inline as Uint8Array);
      header += DESCRIPTOR_BYTES;
    }
    const long = this.#fieldsLease;
    if (long !== null) {
      this.#describe(view, header, long, long.bytes);
      header += DESCRIPTOR_BYTES;
      this.#fieldsLease = null;
    }
    let next = writeName(into, at + header, target.name);
    next = writeName(into, next, sender.name);
    if (long === null) {
      into.set(this.#fields, next);
      next += this.#fields.length;
    }
    if (this.#body === INLINE) into.set(this.#inline as Uint8Array, next);
    if (this.#body !== DESCRIBED) message.lease?.release();
    this.#message = undefined;
    this.#inline = undefined;
  }

  #describe(view: DataView, at: number, lease: Lease, bytes: Uint8Array): void {
    assert(this.#arenas !== null, 'described bytes lie in an arena');
    const place = this.#arenas.describe(lease, bytes, this.#to);
    view.setUint32(at, place.arena, true);
    view.setUint32(at + 4, place.incarnation, true);
    view.setUint32(at + 8, place.slot, true);
    view.setUint32(at + 12, place.offset, true);
  }
}

/** Reads a record; what it answers shares no memory with it. */
export function readEnvelope(from: Uint8Array, at: number, length: number, arenas: ArenaMap | null): Envelope {
  const view = new DataView(from.buffer, from.byteOffset + at, length);
  const kind = view.getUint8(0);
  const body = view.getUint8(1);
  const targetLength = view.getUint16(2, true);
  const senderLength = view.getUint16(4, true);
  const fieldsDescribed = view.getUint16(6, true) === 1;
  const fieldsLength = view.getUint32(24, true);
  const bodyLength = view.getUint32(28, true);
  const fieldsPlaceAt = HEADER_BYTES + (body === DESCRIBED ? DESCRIPTOR_BYTES : 0);
  const names = at + fieldsPlaceAt + (fieldsDescribed ? DESCRIPTOR_BYTES : 0);
  const fieldsAt = names + targetLength + senderLength;
  const target = address(view, 8, readName(from, names, targetLength));
  const sender = address(view, 16, readName(from, names + targetLength, senderLength));
  const lease = body === DESCRIBED ? adopt(arenas, descriptor(view, HEADER_BYTES, bodyLength)) : null;
  const long = fieldsDescribed ? adopt(arenas, descriptor(view, fieldsPlaceAt, fieldsLength)) : null;
  if ((fieldsDescribed && long === null) || (body === DESCRIBED && lease === null)) {
    long?.release();
    lease?.release();
    return { kind, target, sender, message: null };
  }
  // A copy: binary fields of msgpack would point into the ring, and its text decoder refuses shared memory.
  const fields = decoder.decode(long?.bytes.slice() ?? from.slice(fieldsAt, fieldsAt + fieldsLength)) as Message;
  long?.release();
  if (lease !== null) return { kind, target, sender, message: { ...fields, bytes: lease.bytes, lease } };
  if (body === NO_BODY) return { kind, target, sender, message: fields };
  const start = fieldsAt + (fieldsDescribed ? 0 : fieldsLength);
  return { kind, target, sender, message: { ...fields, bytes: from.slice(start, start + bodyLength) } };
}

function adopt(arenas: ArenaMap | null, place: LeaseDescriptor): ArenaLease | null {
  assert(arenas !== null, 'described bytes between nodes');
  return arenas.adopt(place);
}

function address(view: DataView, at: number, name: string): Address {
  return { node: id<NodeId>(view.getUint32(at, true)), name, incarnation: view.getUint32(at + 4, true) };
}

function descriptor(view: DataView, at: number, length: number): LeaseDescriptor {
  return {
    arena: view.getUint32(at, true),
    incarnation: view.getUint32(at + 4, true),
    slot: view.getUint32(at + 8, true),
    offset: view.getUint32(at + 12, true),
    length,
  };
}

/** Names of actors are ASCII: they are made by the node, never by clients. */
function writeName(into: Uint8Array, at: number, name: string): number {
  for (let i = 0; i < name.length; i++) into[at + i] = name.charCodeAt(i);
  return at + name.length;
}

function readName(from: Uint8Array, at: number, length: number): string {
  return String.fromCharCode.apply(null, from.subarray(at, at + length) as unknown as number[]);
}
