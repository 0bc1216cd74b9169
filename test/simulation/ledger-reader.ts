/**
 * Reads what transactions have committed, as Kafka's clients do: leaves out records of transactions that the answer names
 * as aborted, up to their marker. Tells the judge every record, and in the end the offset that the group has.
 */
import { batchesIn, readBaseOffset, readNextOffset, readProducerId } from '../../src/model/batch.ts';
import { isControl, isTransactional, readMarker } from '../../src/model/control.ts';
import { failed } from '../../src/model/faults.ts';
import { KIB } from '../../src/model/limits.ts';
import { openRecords } from '../../src/model/record.ts';
import { fetch } from '../../src/protocols/kafka/calls/fetch.ts';
import { errors } from '../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../src/protocols/kafka/reading.ts';
import type { CommittedReply } from '../../src/protocols/request.ts';
import type { PlaceHistory } from './checker.ts';
import { KafkaClient } from './kafka-client.ts';
import type { Ledger } from './ledger.ts';
import { CALL_MS_MAX, Party, refusalOf, type Surroundings } from './party.ts';

const COMMITTED_ONLY = 1;
const decoder = new TextDecoder();

interface Cursor {
  readonly place: PlaceHistory;
  position: number;
  /** The log as far as the last answer knew it. */
  end: number;
}

export class LedgerReader extends Party {
  readonly #ledger: Ledger;
  readonly #kafka: KafkaClient;
  readonly #cursors: Cursor[];
  readonly #pauseMs: readonly [least: number, most: number];
  #turn = 0;
  /** The last answer of every partition said that there is no more, and nothing open. */
  #told = false;

  constructor(name: string, around: Surroundings, ledger: Ledger, pauseMs: readonly [least: number, most: number]) {
    super(name, around);
    this.#pauseMs = pauseMs;
    this.#ledger = ledger;
    const { world, heard } = around;
    const network = world.internet.host(`${name}-kafka`);
    this.#kafka = new KafkaClient({ clock: world.clock, network: () => network, heard });
    this.#cursors = ledger.places.map((place) => ({ place, position: 0, end: Number.POSITIVE_INFINITY }));
  }

  get idle(): boolean {
    return true;
  }

  /** It has seen the end of every partition, and was told how far the group has come. */
  get done(): boolean {
    return this.#told || this.#ledger.excused;
  }

  get behind(): string {
    return this.#cursors.map(({ place, position, end }) => `${place.name} at ${position} of ${end}`).join(', ');
  }

  begin(): void {
    if (this.ending) return;
    this.#turn += 1;
    const cursor = this.#cursors[this.#turn % this.#cursors.length] as Cursor;
    const { place, position: fetchOffset } = cursor;
    const partition = { partition: place.partition, fetchOffset, partitionMaxBytes: 64 * KIB };
    const topics = [{ topic: place.topic.name, topicId: NO_UUID, partitions: [partition] }];
    const request = { maxWaitMs: 0, minBytes: 1, maxBytes: 64 * KIB, isolationLevel: COMMITTED_ONLY, topics };
    this.#kafka.ask(fetch, 12, { ...request, forgottenTopicsData: [] }, CALL_MS_MAX, (answer) => {
      const part = answer?.responses[0]?.partitions[0];
      if (part?.errorCode === errors.NONE) {
        const aborted = (part.abortedTransactions ?? []).map((one) => [one.producerId, one.firstOffset] as const);
        this.#records(cursor, part.records ?? new Uint8Array(0), part.lastStableOffset, aborted);
        cursor.end = part.highWatermark;
        this.checker.acked += 1;
      } else if (part?.errorCode === errors.OFFSET_OUT_OF_RANGE) {
        this.#ledger.nothingAt(place, fetchOffset);
        cursor.position = 0;
      }
      this.later(...this.#pauseMs, () => this.begin());
    });
  }

  #records(
    cursor: Cursor,
    bytes: Uint8Array,
    stable: number,
    aborted: readonly (readonly [producer: number, first: number])[],
  ): void {
    const waiting = aborted.toSorted(([, one], [, other]) => one - other);
    const skipped = new Set<number>();
    for (const batch of batchesIn(bytes)) {
      const producer = readProducerId(batch);
      while ((waiting[0]?.[1] ?? Number.POSITIVE_INFINITY) < readNextOffset(batch))
        skipped.add(waiting.shift()?.[0] ?? -1);
      if (isControl(batch)) {
        if (readMarker(batch) === 'abort') skipped.delete(producer);
      } else if (!isTransactional(batch) || !skipped.has(producer)) this.#deliver(cursor, batch);
      if (readBaseOffset(batch) >= stable)
        this.checker.violate(`${cursor.place.name}: ${readBaseOffset(batch)} was read, and ${stable} is open`);
      cursor.position = readNextOffset(batch);
    }
  }

  #deliver({ place, position }: Cursor, batch: Uint8Array): void {
    const opened = openRecords(batch, () => failed('UNSUPPORTED_BATCH', 'nobody compresses here'), 0);
    if (!opened.ok) {
      this.checker.violate(`${place.name} ${position}: ${opened.fault.message}`);
      return;
    }
    while (opened.value.next()) {
      const { offset, key, value } = opened.value;
      const name = decoder.decode(key ?? undefined);
      const isKey = name.startsWith('@');
      if (offset >= position) this.#ledger.read(place, offset, isKey ? decoder.decode(value ?? undefined) : name);
    }
  }

  /** Asks what the group has, once everything was read. */
  conclude(): void {
    if (this.done) return;
    const complete = this.#cursors.every(({ position, end }) => position >= end);
    if (!complete) {
      this.later(100, 200, () => this.conclude());
      return;
    }
    this.#askGroups([...this.#ledger.groups]);
  }

  #askGroups(groups: string[]): void {
    const group = groups[0];
    if (group === undefined) {
      this.#told = true;
      return;
    }
    this.client.call({ call: 'committed', group }, CALL_MS_MAX, (outcome) => {
      if (refusalOf(outcome, 'committed') === null) {
        const { parts } = (outcome as { readonly reply: CommittedReply }).reply;
        const [place] = this.#ledger.places;
        const found = parts.find((part) => part.topic === place?.topic.id && part.partition === place.partition);
        this.#ledger.committed(group, found?.offset ?? -1);
        groups.shift();
      }
      this.later(10, 200, () => this.#askGroups(groups));
    });
  }
}
