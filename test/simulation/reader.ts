/**
 * Readers: follow partitions in fetch sessions, sometimes jump, and look at every record. A reader judges what a single one
 * can see (no skip, no inversion, nothing beyond the end that it was told) and tells the judge the rest.
 */
import { crc32c } from '@node-rs/crc32';
import { batchesIn, crcHolds } from '../../src/model/batch.ts';
import { failed } from '../../src/model/faults.ts';
import { id, type Offset } from '../../src/model/ids.ts';
import { KIB, MIB } from '../../src/model/limits.ts';
import { openRecords } from '../../src/model/record.ts';
import type { FetchReply, FetchRequest, OffsetsReply } from '../../src/protocols/request.ts';
import type { PlaceHistory } from './checker.ts';
import { CALL_MS_MAX, Party, refusalOf, type Surroundings } from './party.ts';

type Part = FetchReply['parts'][number];

interface Cursor {
  readonly place: PlaceHistory;
  position: number;
  /** The session does not know where it stands. */
  astray: boolean;
  /** It has asked where the partition begins. */
  asking: boolean;
}

const RETRYABLE = new Set(['UNAVAILABLE', 'OVERLOADED', 'TIMED_OUT', 'SHUTTING_DOWN', 'STORAGE_FAILED', 'DISK_FULL']);
const decoder = new TextDecoder();

export interface ReaderOptions {
  readonly places: readonly PlaceHistory[];
  /** Longest wait that a fetch asks for, ms. */
  readonly waitMs: number;
  /** Chance to go on elsewhere, after each fetch. */
  readonly jump: number;
  /** Reads everything once more, for the judge's last word. */
  readonly last?: boolean;
}

export class Reader extends Party {
  readonly #options: ReaderOptions;
  readonly #cursors: Cursor[];
  #session = 0;
  /** Sessions end with the connection that they were begun on. */
  #connection = 0;
  #flying = false;

  constructor(name: string, surroundings: Surroundings, options: ReaderOptions) {
    super(name, surroundings);
    this.#options = options;
    this.#cursors = options.places.map((place) => ({ place, position: 0, astray: true, asking: false }));
  }

  get idle(): boolean {
    return !this.#flying;
  }

  /** It has seen all that the judge knows to be there. */
  get caughtUp(): boolean {
    return this.#cursors.every(({ place, position }) => place.deleted || position >= this.checker.endDue(place));
  }

  /** Partitions where it has not, for people. */
  get behind(): string[] {
    const late = this.#cursors.filter(({ place, position }) => !place.deleted && position < this.checker.endDue(place));
    return late.map(({ place, position }) => `${place.name} at ${position} of ${place.end}`);
  }

  begin(): void {
    if (this.ending || this.#flying) return;
    const asked = this.now();
    if (this.#connection !== this.client.connection) this.#session = 0;
    this.#connection = this.client.connection;
    const astray = this.#session === 0 ? this.#cursors : this.#cursors.filter((cursor) => cursor.astray);
    const added = astray.filter(({ place, asking }) => !place.deleted && !asking);
    const waitMs = this.random.below(this.#options.waitMs + 1);
    const request: FetchRequest = {
      call: 'fetch',
      session: this.#session,
      add: added.map(({ place, position }) => ({
        topic: place.topic.id,
        partition: place.partition,
        offset: id<Offset>(position),
        bytesMax: MIB,
      })),
      drop: [],
      bytesMin: 1,
      bytesMax: 64 * KIB + this.random.below(MIB),
      waitMs,
    };
    this.#flying = true;
    this.client.call(request, waitMs + CALL_MS_MAX, (outcome) => {
      this.#flying = false;
      const refusal = refusalOf(outcome, 'fetch');
      if (refusal === null) {
        for (const cursor of added) cursor.astray = false;
        this.#answered((outcome as { readonly reply: FetchReply }).reply, asked);
      } else this.#refused(refusal);
      this.later(5, this.#options.last === true ? 50 : 7_000, () => this.begin());
    });
  }

  /** Nobody knows what the session knows: another one, on another connection. */
  #refused(why: string): void {
    if (why !== 'lost' && why !== 'unsent' && !RETRYABLE.has(why))
      this.checker.violate(`${this.name}: ${why} to a fetch`);
    this.#session = 0;
    this.client.leave(false);
  }

  #answered({ session, parts }: FetchReply, asked: number): void {
    this.#session = session;
    this.#connection = this.client.connection;
    for (const part of parts) this.#part(part, asked);
    if (parts.length > 0) this.checker.acked += 1;
    if (!this.random.chance(this.#options.jump)) return;
    const cursor = this.#cursors[this.random.below(this.#cursors.length)] as Cursor;
    cursor.position = this.random.below(cursor.place.end + 1);
    cursor.astray = true;
  }

  #part(part: Part, asked: number): void {
    const cursor = this.#cursors.find(
      ({ place }) => place.topic.id === part.topic && place.partition === part.partition,
    );
    if (cursor === undefined) this.checker.violate(`${this.name}: was given what it did not ask for`);
    else if (part.fault !== undefined) this.#fault(cursor, part.fault.code);
    else if (!cursor.astray) {
      this.checker.bounds(cursor.place, part.end, asked);
      this.#records(cursor, part, asked);
    }
  }

  #fault(cursor: Cursor, code: string): void {
    const { place } = cursor;
    this.trace(`${this.name}: ${code} at ${place.name} ${cursor.position}`);
    cursor.astray = true;
    if (code === 'DATA_DAMAGED') {
      this.checker.damage(place, cursor.position);
      cursor.position += 1;
    } else if (code === 'OFFSET_OUT_OF_RANGE' && place.retains) this.#askBegin(cursor);
    else if (code === 'OFFSET_OUT_OF_RANGE' && this.checker.excusesLoss(place)) {
      cursor.position = 0;
      place.shrunk();
    } else if (!RETRYABLE.has(code) && !place.deleted)
      this.checker.violate(`${this.name}: ${code} at ${place.name} ${cursor.position}`);
  }

  /** Retention has taken what it stood at, or it would stand where nothing is. */
  #askBegin(cursor: Cursor): void {
    const { place } = cursor;
    cursor.asking = true;
    const part = { topic: place.topic.id, partition: place.partition, at: 'begin' } as const;
    this.client.call({ call: 'offsets', parts: [part] }, CALL_MS_MAX, (outcome) => {
      cursor.asking = false;
      if (refusalOf(outcome, 'offsets') !== null) return;
      const [found] = (outcome as { readonly reply: OffsetsReply }).reply.parts;
      if (found === undefined || 'fault' in found) return;
      if (found.offset > cursor.position) {
        this.checker.begins(place, found.offset);
        cursor.position = found.offset;
      } else if (this.checker.excusesLoss(place)) {
        cursor.position = found.offset;
        place.shrunk();
      } else this.checker.violate(`${this.name}: ${place.name} has nothing at ${cursor.position}, where it was read`);
    });
  }

  #records(cursor: Cursor, { bytes, end }: Part, asked: number): void {
    const { place } = cursor;
    for (const batch of batchesIn(bytes)) {
      if (!crcHolds(batch, 0, (part, seed) => crc32c(part, seed))) {
        this.checker.violate(`${place.name} ${cursor.position}: a batch was served that does not match its checksum`);
        return;
      }
      const opened = openRecords(batch, () => failed('UNSUPPORTED_BATCH', 'nobody compresses here'), 0);
      if (!opened.ok) {
        this.checker.violate(`${place.name} ${cursor.position}: ${opened.fault.message}`);
        return;
      }
      const records = opened.value;
      while (records.next()) {
        const { offset } = records;
        if (offset < cursor.position) continue;
        if (offset > cursor.position) this.checker.violate(`${place.name}: ${offset} came at ${cursor.position}`);
        if (offset >= end) this.checker.violate(`${place.name}: ${offset} was read, and the end is ${end}`);
        this.checker.read(place, offset, decoder.decode(records.key ?? undefined), records.value?.length ?? -1, asked);
        if (this.#options.last === true) place.last.add(offset);
        cursor.position = offset + 1;
      }
    }
  }
}
