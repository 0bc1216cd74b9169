/**
 * Those who use compacted partitions: a producer with keys of its own, who sends one batch at a time until it is answered,
 * now and then a tombstone; and a reader who goes through all of a partition again and again. The judge is keyed.ts.
 */
import { crc32c } from '@node-rs/crc32';
import { type BatchProducer, batchesIn, readNextOffset } from '../../src/model/batch.ts';
import { BatchBuilder } from '../../src/model/batch-builder.ts';
import { failed } from '../../src/model/faults.ts';
import { id, type Offset } from '../../src/model/ids.ts';
import { KIB } from '../../src/model/limits.ts';
import { openRecords } from '../../src/model/record.ts';
import type { FetchReply, FetchRequest, OffsetsReply, ProduceReply } from '../../src/protocols/request.ts';
import type { KeyedHistory, Pass } from './keyed.ts';
import { CALL_MS_MAX, Party, refusalOf, type Surroundings } from './party.ts';

const KEYS = 8;
const PAUSE_MS = [1_500, 9_000] as const;
const AGAIN_MS = [50, 1_500] as const;
const FETCH = { bytesMin: 1, bytesMax: 256 * KIB, waitMs: 0 } as const;
const decoder = new TextDecoder();

interface Written {
  readonly key: string;
  readonly serial: number;
}
interface Batch {
  readonly history: KeyedHistory;
  readonly records: readonly Written[];
  readonly bytes: Uint8Array;
}

export class KeyedProducer extends Party {
  readonly #histories: readonly KeyedHistory[];
  /** Of each partition: what is sent next. */
  readonly #producers = new Map<KeyedHistory, BatchProducer>();
  #flying = false;

  constructor(name: string, around: Surroundings, histories: readonly KeyedHistory[]) {
    super(name, around);
    this.#histories = histories;
  }

  get idle(): boolean {
    return !this.#flying;
  }

  begin(): void {
    this.later(...PAUSE_MS, () => {
      if (this.ending) return;
      this.#flying = true;
      const history = this.#histories[this.random.below(this.#histories.length)] as KeyedHistory;
      const producer = this.#producers.get(history);
      if (producer === undefined) this.#askId(history);
      else this.#send(this.#newBatch(history, producer));
    });
  }

  #rest(): void {
    this.#flying = false;
    this.begin();
  }

  #askId(history: KeyedHistory): void {
    this.client.call({ call: 'producer' }, CALL_MS_MAX, (outcome) => {
      if (outcome.type === 'reply' && outcome.reply.call === 'producer') {
        const { producerId, epoch } = outcome.reply;
        this.checker.producerId(producerId, this.name);
        this.#producers.set(history, { producerId, producerEpoch: epoch, baseSequence: 0 });
      }
      this.#rest();
    });
  }

  #newBatch(history: KeyedHistory, producer: BatchProducer): Batch {
    const builder = new BatchBuilder(512);
    const records = Array.from({ length: 1 + this.random.below(4) }, () => {
      const key = `${this.name}k${this.random.below(KEYS)}`;
      const isTombstone = this.random.chance(0.2);
      const serial = history.writes(key, isTombstone);
      // A tombstone has no value to carry its serial.
      const headers = [{ key: 'serial', value: new TextEncoder().encode(`${serial}`) }];
      builder.add(this.date(), key, isTombstone ? null : 'x'.repeat(this.random.below(300)), headers);
      return { key, serial };
    });
    const bytes = builder.finish(crc32c, { producer });
    this.#producers.set(history, { ...producer, baseSequence: producer.baseSequence + records.length });
    return { history, records, bytes };
  }

  #send(batch: Batch): void {
    const { history, records, bytes } = batch;
    const { topic, partition } = history.place;
    const parts = [{ topic: topic.id, partition, batch: bytes }];
    this.client.call({ call: 'produce', acks: 'all', timeoutMs: CALL_MS_MAX, parts }, CALL_MS_MAX, (outcome) => {
      const part = refusalOf(outcome, 'produce') === null ? (outcome as { reply: ProduceReply }).reply.parts[0] : null;
      if (part !== null && part !== undefined && !('fault' in part)) {
        this.checker.acked += 1;
        records.forEach(({ key, serial }, index) => {
          history.acked(key, serial, part.baseOffset + index);
        });
        this.#rest();
      } else if (part?.fault?.code === 'OUT_OF_ORDER_SEQUENCE') this.#outOfOrder(history);
      else this.later(...AGAIN_MS, () => this.#send(batch));
    });
  }

  #outOfOrder(history: KeyedHistory): void {
    if (!this.checker.excusesLoss(history.place))
      this.checker.violate(`${history.place.name}: the sequence of ${this.name} is not what the node expects`);
    this.#producers.delete(history);
    this.#rest();
  }
}

export class KeyedReader extends Party {
  readonly #histories: readonly KeyedHistory[];
  #turn = 0;
  #pass: Pass;
  #position = 0;
  /** Where this pass may end; -1: not asked yet. */
  #end = -1;
  #session = 0;
  /** Sessions end with the connection that they were begun on. */
  #connection = 0;

  constructor(name: string, around: Surroundings, histories: readonly KeyedHistory[]) {
    super(name, around);
    this.#histories = histories;
    this.#pass = this.#history.begin();
  }

  get idle(): boolean {
    return true;
  }

  get #history(): KeyedHistory {
    return this.#histories[this.#turn % this.#histories.length] as KeyedHistory;
  }

  begin(): void {
    if (this.ending) return;
    if (this.#end < 0) this.#askBounds();
    else if (this.#position >= this.#end) {
      this.#history.finish(this.#pass);
      this.#start(1);
    } else this.#fetch();
  }

  /** Begins a pass, through the next partition or the same. */
  #start(turns: number): void {
    this.#turn += turns;
    this.#end = -1;
    const [least, most] = turns > 0 ? PAUSE_MS : AGAIN_MS;
    this.later(least, most, () => this.begin());
  }

  /** There is no way through it: on to the next. */
  #damaged(): void {
    this.checker.damage(this.#history.place, this.#position);
    this.#start(1);
  }

  #askBounds(): void {
    const { topic, partition } = this.#history.place;
    const parts = (['begin', 'end'] as const).map((at) => ({ topic: topic.id, partition, at }));
    this.#pass = this.#history.begin();
    this.client.call({ call: 'offsets', parts }, CALL_MS_MAX, (outcome) => {
      const found = refusalOf(outcome, 'offsets') === null ? (outcome as { reply: OffsetsReply }).reply.parts : [];
      const [begin, end] = found;
      if (begin === undefined || end === undefined || 'fault' in begin || 'fault' in end) this.#start(0);
      else {
        this.#position = begin.offset;
        this.#end = end.offset;
        this.later(0, 10, () => this.begin());
      }
    });
  }

  #fetch(): void {
    const { topic, partition } = this.#history.place;
    const add = [{ topic: topic.id, partition, offset: id<Offset>(this.#position), bytesMax: 256 * KIB }];
    if (this.#connection !== this.client.connection) this.#session = 0;
    const request = { call: 'fetch', session: this.#session, add, drop: this.#drop(), ...FETCH } as const;
    this.client.call(request, CALL_MS_MAX, (outcome) => {
      const reply = refusalOf(outcome, 'fetch') === null ? (outcome as { reply: FetchReply }).reply : null;
      const part = reply?.parts.find((one) => one.topic === topic.id && one.partition === partition);
      this.#session = reply?.session ?? 0;
      this.#connection = this.client.connection;
      const why = part?.fault?.code;
      if (why === 'DATA_DAMAGED') this.#damaged();
      // Retention takes what a pass stands at: it begins anew.
      else if (why === 'OFFSET_OUT_OF_RANGE') this.#start(0);
      else {
        if (part !== undefined && part.fault === undefined) this.#records(part.bytes);
        this.later(5, 300, () => this.begin());
      }
    });
  }

  /** A session that is not known any more is begun anew; the other partitions leave it. */
  #drop(): FetchRequest['drop'] {
    if (this.#session === 0) return [];
    const others = this.#histories.filter((history) => history !== this.#history);
    return others.map(({ place }) => ({ topic: place.topic.id, partition: place.partition }));
  }

  #records(bytes: Uint8Array): void {
    this.checker.acked += 1;
    for (const batch of batchesIn(bytes)) {
      const opened = openRecords(batch, () => failed('UNSUPPORTED_BATCH', 'nobody compresses here'), 0);
      if (!opened.ok) {
        this.checker.violate(`${this.#history.place.name} ${this.#position}: ${opened.fault.message}`);
        return;
      }
      const records = opened.value;
      while (records.next()) {
        if (records.offset < this.#position) continue;
        const serial = Number(decoder.decode(records.headers[0]?.value ?? undefined));
        const key = decoder.decode(records.key ?? undefined);
        this.#history.read(this.#pass, records.offset, key, serial, records.value === null);
      }
      this.#position = Math.max(this.#position, readNextOffset(batch));
    }
  }
}
