/**
 * Producers: idempotent ones, which pipeline, send again what has no answer, and must never be stored twice; and plain ones,
 * which send once, twice, or without wanting an answer. They tell the judge what they sent and what they were told.
 */
import { type BatchProducer, SEQUENCE_MAX } from '../../src/model/batch.ts';
import type { Offset } from '../../src/model/ids.ts';
import type { ProduceReply, ProduceRequest } from '../../src/protocols/request.ts';
import type { PlaceHistory } from './checker.ts';
import type { Outcome } from './client.ts';
import { batchOf, bytesIn, CALL_MS_MAX, Party, refusalOf, type Surroundings } from './party.ts';

interface Batch {
  readonly records: readonly string[];
  readonly bytes: Uint8Array;
  asked: number;
  state: 'flying' | 'failed';
}

/** One partition, as an idempotent producer sees it. */
interface Lane {
  readonly place: PlaceHistory;
  producer: BatchProducer | null;
  asking: boolean;
  /** In the order of their sequences; all of them without answer. */
  batches: Batch[];
  flying: number;
  /** The batches at hand are sent again, once none is under way. */
  again: boolean;
}

const BATCHES_MAX = 3;

export interface ProducerOptions {
  readonly places: readonly PlaceHistory[];
  /** Pause between two batches, ms. */
  readonly pauseMs: readonly [least: number, most: number];
  /** Chance of a batch that goes past the journal. */
  readonly large: number;
}

abstract class AnyProducer extends Party {
  readonly options: ProducerOptions;
  #number = 0;

  constructor(name: string, surroundings: Surroundings, options: ProducerOptions) {
    super(name, surroundings);
    this.options = options;
  }

  begin(): void {
    this.later(...this.options.pauseMs, () => {
      if (this.ending) return;
      this.produce();
      this.begin();
    });
  }

  abstract produce(): void;

  /** Names of new records, each with its size. */
  newRecords(place: PlaceHistory): string[] {
    const large = this.random.chance(this.options.large);
    const count = large ? 1 : 1 + this.random.below(4);
    return Array.from({ length: count }, () => {
      this.#number += 1;
      const bytes = large ? 60_000 + this.random.below(30_000) : this.random.below(400);
      return `${place.name} ${this.name}#${this.#number} ~${bytes}`;
    });
  }

  request(place: PlaceHistory, batch: Uint8Array, acks: ProduceRequest['acks']): ProduceRequest {
    const { topic, partition } = place;
    return { call: 'produce', acks, timeoutMs: CALL_MS_MAX, parts: [{ topic: topic.id, partition, batch }] };
  }

  tellSent(place: PlaceHistory, records: readonly string[], idempotent: boolean): void {
    const where = { topic: place.topic.id, partition: place.partition };
    for (const record of records) this.checker.sent(where, record, bytesIn(record), idempotent);
  }

  /** The offset, or why there is none. */
  verdict(outcome: Outcome): Offset | string {
    const refusal = refusalOf(outcome, 'produce');
    if (refusal !== null) return refusal;
    const [part] = ((outcome as { reply: ProduceReply }).reply as ProduceReply).parts;
    if (part === undefined) return 'BAD_FRAME';
    if ('fault' in part) this.trace(`${this.name}: ${part.fault.message}`);
    return 'fault' in part ? part.fault.code : part.baseOffset;
  }
}

/** What may be answered while things go wrong; anything else is a defect, since all batches are well made. */
const PASSING = new Set([
  ...['lost', 'unsent', 'UNAVAILABLE', 'OVERLOADED', 'TIMED_OUT', 'SHUTTING_DOWN', 'DISK_FULL', 'STORAGE_FAILED'],
  'TOO_MANY_REQUESTS',
]);
const GONE = new Set(['UNKNOWN_TOPIC', 'UNKNOWN_PARTITION']);

export class IdempotentProducer extends AnyProducer {
  readonly #lanes: Lane[];

  constructor(name: string, surroundings: Surroundings, options: ProducerOptions) {
    super(name, surroundings, options);
    this.#lanes = options.places.map((place) => ({
      place,
      producer: null,
      asking: false,
      batches: [],
      flying: 0,
      again: false,
    }));
  }

  get idle(): boolean {
    return this.#lanes.every(({ batches, asking }) => batches.length === 0 && !asking);
  }

  produce(): void {
    const lane = this.#lanes[this.random.below(this.#lanes.length)] as Lane;
    if (lane.place.deleted) return;
    if (lane.producer === null) this.#askId(lane);
    else if (lane.batches.length < BATCHES_MAX && !lane.again) this.#add(lane, lane.producer);
  }

  #askId(lane: Lane): void {
    if (lane.asking) return;
    lane.asking = true;
    this.client.call({ call: 'producer' }, CALL_MS_MAX, (outcome) => {
      lane.asking = false;
      if (outcome.type !== 'reply' || outcome.reply.call !== 'producer') return;
      const { producerId, epoch } = outcome.reply;
      this.checker.producerId(producerId, this.name);
      lane.producer = { producerId, producerEpoch: epoch, baseSequence: 0 };
    });
  }

  #add(lane: Lane, producer: BatchProducer): void {
    const records = this.newRecords(lane.place);
    const bytes = batchOf(records, this.date(), producer);
    const next = (producer.baseSequence + records.length) % (SEQUENCE_MAX + 1);
    lane.producer = { ...producer, baseSequence: next };
    const batch: Batch = { records, bytes, asked: 0, state: 'failed' };
    lane.batches.push(batch);
    this.#send(lane, batch);
  }

  #send(lane: Lane, batch: Batch): void {
    const { producer } = lane;
    batch.state = 'flying';
    // An answer may be that of an earlier attempt: what is promised is promised since the first.
    if (batch.asked === 0) batch.asked = this.now();
    lane.flying += 1;
    this.tellSent(lane.place, batch.records, true);
    this.client.call(this.request(lane.place, batch.bytes, 'all'), CALL_MS_MAX, (outcome) => {
      lane.flying -= 1;
      const verdict = this.verdict(outcome);
      if (typeof verdict === 'number') {
        this.checker.acknowledged(lane.place, verdict, batch.records, batch.asked);
        lane.batches = lane.batches.filter((one) => one !== batch);
      } else if (lane.batches.includes(batch)) this.#failed(lane, batch, verdict);
      if (lane.again && lane.flying === 0) this.#sendAgain(lane, lane.producer === producer);
    });
  }

  #failed(lane: Lane, batch: Batch, why: string): void {
    this.trace(`${this.name}: ${why} to ${batch.records[0]}`);
    batch.state = 'failed';
    lane.again = true;
    if (GONE.has(why)) {
      if (!lane.place.deleted)
        this.checker.violate(`${lane.place.name}: ${why} to a producer of a topic that is there`);
      lane.batches = [];
    } else if (why === 'OUT_OF_ORDER_SEQUENCE' || why === 'UNKNOWN_PRODUCER') this.#outOfOrder(lane, batch);
    else if (!PASSING.has(why) && !(why === 'DATA_DAMAGED' && this.checker.excusesDamage(lane.place)))
      this.checker.violate(`${lane.place.name}: ${why} to ${batch.records[0]}`);
  }

  /** Behind a batch that failed that is what must be said; of the first one it means that the ones before are gone. */
  #outOfOrder(lane: Lane, batch: Batch): void {
    if (lane.batches[0] !== batch) return;
    if (!this.checker.excusesLoss(lane.place))
      this.checker.violate(`${lane.place.name}: the sequence of ${batch.records[0]} is not what the node expects`);
    lane.batches = [];
    lane.producer = null;
  }

  #sendAgain(lane: Lane, sameProducer: boolean): void {
    this.later(50, 1_500, () => {
      lane.again = false;
      if (sameProducer || lane.batches.length > 0) for (const batch of [...lane.batches]) this.#send(lane, batch);
    });
  }
}

export class PlainProducer extends AnyProducer {
  #flying = 0;

  get idle(): boolean {
    return this.#flying === 0;
  }

  produce(): void {
    const place = this.options.places[this.random.below(this.options.places.length)] as PlaceHistory;
    if (place.deleted) return;
    const records = this.newRecords(place);
    const bytes = batchOf(records, this.date());
    const acks = this.random.chance(0.1) ? 'none' : this.random.chance(0.5) ? 'leader' : 'all';
    if (acks === 'none') {
      if (this.client.tell(this.request(place, bytes, acks))) this.tellSent(place, records, false);
      return;
    }
    this.#send(place, records, bytes, acks);
    if (this.random.chance(0.05)) this.#send(place, records, bytes, acks);
  }

  #send(place: PlaceHistory, records: readonly string[], bytes: Uint8Array, acks: 'leader' | 'all'): void {
    this.tellSent(place, records, false);
    this.#flying += 1;
    const asked = this.now();
    this.client.call(this.request(place, bytes, acks), CALL_MS_MAX, (outcome) => {
      this.#flying -= 1;
      const verdict = this.verdict(outcome);
      if (typeof verdict === 'number') this.checker.acknowledged(place, verdict, records, asked);
      else if (
        !PASSING.has(verdict) &&
        !(GONE.has(verdict) && place.deleted) &&
        !(verdict === 'DATA_DAMAGED' && this.checker.excusesDamage(place))
      )
        this.checker.violate(`${place.name}: ${verdict} to ${records[0]}`);
    });
  }
}
