/**
 * Writes one message after the other, in Kafka's primitive types. Fields go into blocks that are handed out piece by
 * piece and never used again, so that an answer may wait for its socket; records stay where they are, and are views
 * between the pieces. Never copies records.
 */
import { assert } from '../../model/assert.ts';
import { writeInt16, writeInt32, writeInt64 } from '../../model/bytes.ts';
import { utf8Bytes, writeUtf8 } from '../../model/text.ts';
import { STRING_BYTES_MAX } from './reading.ts';

/** A block serves some hundred small answers: one allocation for them all. Each is twice the last: most clients ask little. */
const BLOCK_BYTES_MAX = 16 * 1024;
const BLOCK_BYTES_FIRST = 512;
const NOTHING = new Uint8Array(0);
const scratch = new DataView(new ArrayBuffer(8));

export class Writing {
  #bytes: Uint8Array = NOTHING;
  #position = 0;
  /** Where the message begins, and then where the piece that is not yet in {@link #views} begins. */
  #start = 0;
  #pieceStart = 0;
  #views: Uint8Array[] = [];
  #viewBytes = 0;

  /** Starts a message with room for its length, four bytes. */
  begin(): void {
    this.#start = this.#position;
    this.#pieceStart = this.#position;
    this.#views = [];
    this.#viewBytes = 0;
    this.#need(4);
    this.#position += 4;
  }

  /** Ends the message: its length goes in front, and it is given as views to be sent one after the other. */
  finish(): readonly Uint8Array[] {
    const head = this.#views[0];
    const views = this.#views;
    if (this.#position > this.#pieceStart) views.push(this.#bytes.subarray(this.#pieceStart, this.#position));
    const length = this.#viewBytes + this.#position - this.#pieceStart - 4;
    writeInt32(head ?? this.#bytes, head === undefined ? this.#start : 0, length);
    this.#views = [];
    return views;
  }

  /** Between two messages: gives back the block, of which the next one would have used the rest. */
  rest(): void {
    this.#bytes = NOTHING;
    this.#position = 0;
  }

  int8(value: number): void {
    this.#need(1);
    this.#bytes[this.#position++] = value;
  }

  int16(value: number): void {
    this.#need(2);
    writeInt16(this.#bytes, this.#position, value);
    this.#position += 2;
  }

  int32(value: number): void {
    this.#need(4);
    writeInt32(this.#bytes, this.#position, value);
    this.#position += 4;
  }

  /** `value` is a safe integer. */
  int64(value: number): void {
    this.#need(8);
    writeInt64(this.#bytes, this.#position, value);
    this.#position += 8;
  }

  float64(value: number): void {
    scratch.setFloat64(0, value);
    this.int32(scratch.getInt32(0));
    this.int32(scratch.getInt32(4));
  }

  /** Unsigned, 32 bits. */
  varint(value: number): void {
    this.#need(5);
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) this.#bytes[this.#position++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#position++] = rest;
  }

  stringLength(compact: boolean, length: number): void {
    assert(length <= STRING_BYTES_MAX, 'a string is too long for the wire');
    if (compact) this.varint(length + 1);
    else this.int16(length);
  }

  /** Of bytes and arrays; -1 is null. */
  length(compact: boolean, length: number): void {
    if (compact) this.varint(length + 1);
    else this.int32(length);
  }

  string(compact: boolean, text: string): void {
    const length = utf8Bytes(text);
    this.stringLength(compact, length);
    this.#need(length);
    this.#position = writeUtf8(this.#bytes, this.#position, text, length);
  }

  /** 32 hexadecimal digits. */
  uuid(digits: string): void {
    assert(digits.length === 32, 'a UUID is 32 digits');
    for (let at = 0; at < 32; at += 8) this.int32(Number.parseInt(digits.slice(at, at + 8), 16));
  }

  /** Copied: of group members' metadata and the like. */
  bytes(value: Uint8Array): void {
    this.#need(value.length);
    this.#bytes.set(value, this.#position);
    this.#position += value.length;
  }

  /** Stays where it is: sent as a view between what stands before and behind it. */
  view(value: Uint8Array): void {
    if (value.length === 0) return;
    const piece = this.#bytes.subarray(this.#pieceStart, this.#position);
    if (piece.length > 0) this.#views.push(piece);
    this.#views.push(value);
    this.#viewBytes += piece.length + value.length;
    this.#pieceStart = this.#position;
  }

  /** Where a tagged field's data begins, in the piece being written; {@link endSized} puts its size in front. */
  beginSized(): number {
    return this.#position - this.#pieceStart;
  }

  /** No records may have come since {@link beginSized}: they would have ended the piece. */
  endSized(from: number): void {
    const length = this.#position - this.#pieceStart - from;
    assert(length >= 0, 'records in a tagged field');
    this.varint(length);
    const start = this.#pieceStart + from;
    const sizeBytes = this.#position - start - length;
    this.#bytes.copyWithin(start + sizeBytes, start, start + length);
    this.#position = start;
    this.varint(length);
    this.#position = start + sizeBytes + length;
  }

  /** Room for `length` bytes behind the position. The piece that is not yet a view moves along to a new block. */
  #need(length: number): void {
    if (this.#position + length <= this.#bytes.length) return;
    const piece = this.#bytes.subarray(this.#pieceStart, this.#position);
    const blockBytes = Math.min(BLOCK_BYTES_MAX, Math.max(BLOCK_BYTES_FIRST, 2 * this.#bytes.length));
    const block = new Uint8Array(Math.max(blockBytes, 2 * (piece.length + length)));
    block.set(piece);
    if (this.#views.length === 0) this.#start = 0;
    this.#pieceStart = 0;
    this.#position = piece.length;
    this.#bytes = block;
  }
}
