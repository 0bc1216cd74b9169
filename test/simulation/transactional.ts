/**
 * A producer of transactions, as Kafka's clients have them since KIP-890: opens its transactional id, writes to some
 * partitions and maybe the group's offset, ends, and begins again when anything went wrong. An instance of it that should
 * be gone sometimes says one more thing. Tells the judge what it wrote and how it ended.
 */
import { crc32c } from '@node-rs/crc32';
import { BATCH_CHECKED_FROM, TRANSACTIONAL_FLAG } from '../../src/model/batch.ts';
import { writeInt16, writeInt32 } from '../../src/model/bytes.ts';
import type { Call } from '../../src/protocols/kafka/call.ts';
import { endTxn } from '../../src/protocols/kafka/calls/end-txn.ts';
import { initProducerId } from '../../src/protocols/kafka/calls/init-producer-id.ts';
import { produce } from '../../src/protocols/kafka/calls/produce.ts';
import { txnOffsetCommit } from '../../src/protocols/kafka/calls/txn-offset-commit.ts';
import { errors } from '../../src/protocols/kafka/faults.ts';
import { NO_UUID } from '../../src/protocols/kafka/reading.ts';
import type { Members, ReadOf, WriteOf } from '../../src/protocols/kafka/schema.ts';
import type { PlaceHistory } from './checker.ts';
import { KafkaClient } from './kafka-client.ts';
import type { Ledger, Transaction } from './ledger.ts';
import { batchOf, CALL_MS_MAX, Party, type Surroundings } from './party.ts';

const TIMEOUT_MS = 30_000;
const PAUSE_MS = [1_000, 12_000] as const;
const AGAIN_MS = [50, 1_500] as const;
/** That it writes under again and again: where its topic is compacted, the last one committed stays. */
const KEYS = 6;
const END_ATTEMPTS_MAX = 3;

/** One instance of the producer, in one epoch. */
interface Writer {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Next sequence of each partition. */
  readonly sequences: Map<PlaceHistory, number>;
}

export class TransactionalProducer extends Party {
  readonly #ledger: Ledger;
  readonly #kafka: KafkaClient;
  #writer: Writer | null = null;
  /** What an instance that was fenced still has. */
  #zombie: Writer | null = null;
  readonly #group: string;
  #number = 0;
  #records = 0;
  #idle = false;

  constructor(name: string, around: Surroundings, ledger: Ledger) {
    super(name, around);
    this.#ledger = ledger;
    this.#group = `group-${name}`;
    const { world, heard } = around;
    const network = world.internet.host(`${name}-kafka`);
    this.#kafka = new KafkaClient({ clock: world.clock, network: () => network, heard });
  }

  get idle(): boolean {
    return this.#idle;
  }

  /** It ends with nothing open: the last one opened its id, or has ended its transaction. */
  begin(): void {
    this.later(...PAUSE_MS, () => {
      if (this.#writer === null) this.#open();
      else if (this.ending) this.#idle = true;
      else this.#transact(this.#writer);
    });
  }

  #open(): void {
    const asked = { transactionalId: this.name, transactionTimeoutMs: TIMEOUT_MS, producerId: -1, producerEpoch: -1 };
    this.#ask(initProducerId, 5, asked, (answer) => {
      if (answer?.errorCode === errors.NONE) {
        this.checker.acked += 1;
        const { producerId, producerEpoch } = answer;
        this.#writer = { producerId, producerEpoch, sequences: new Map() };
      }
      this.later(...AGAIN_MS, () => this.begin());
    });
  }

  #transact(writer: Writer): void {
    const transaction = this.#ledger.begin(`${this.name}!${++this.#number}`, this.#group);
    this.#write(writer, transaction, 1 + this.random.below(4));
  }

  #write(writer: Writer, transaction: Transaction, batches: number): void {
    if (batches === 0) {
      this.#commitOffset(writer, transaction);
      return;
    }
    this.#send(writer, transaction, (stored) => {
      if (!stored) this.#giveUp(writer, transaction);
      else this.#haunt(() => this.later(0, 500, () => this.#write(writer, transaction, batches - 1)));
    });
  }

  #send(writer: Writer, transaction: Transaction, done: (stored: boolean) => void): void {
    const place = this.#ledger.places[this.random.below(this.#ledger.places.length)] as PlaceHistory;
    const records = Array.from({ length: 1 + this.random.below(3) }, () => {
      this.#records += 1;
      const key = this.random.chance(0.5) ? ` @${this.name}-${this.random.below(KEYS)}` : '';
      return `${place.name} ${transaction.name}#${this.#records}${key} ~${this.random.below(300)}`;
    });
    for (const record of records) this.#ledger.writes(transaction, place, record);
    const baseSequence = writer.sequences.get(place) ?? 0;
    writer.sequences.set(place, baseSequence + records.length);
    const { producerId, producerEpoch } = writer;
    const bytes = batchOf(records, this.date(), { producerId, producerEpoch, baseSequence } as never);
    writeInt16(bytes, BATCH_CHECKED_FROM, TRANSACTIONAL_FLAG);
    writeInt32(bytes, 17, crc32c(bytes.subarray(BATCH_CHECKED_FROM)));
    const partitionData = [{ index: place.partition, records: bytes }];
    const topicData = [{ name: place.topic.name, topicId: NO_UUID, partitionData }];
    const request = { transactionalId: this.name, acks: -1, timeoutMs: CALL_MS_MAX, topicData };
    this.#ask(produce, 12, request, (answer) => {
      const stored = answer?.responses[0]?.partitionResponses[0]?.errorCode === errors.NONE;
      if (stored) this.checker.acked += 1;
      done(stored);
    });
  }

  #commitOffset(writer: Writer, transaction: Transaction): void {
    const [place] = this.#ledger.places;
    if (place === undefined || !this.random.chance(0.5)) {
      this.#end(writer, transaction);
      return;
    }
    transaction.offset = this.#number;
    const { producerId, producerEpoch } = writer;
    const partition = { partitionIndex: place.partition, committedOffset: this.#number, committedMetadata: null };
    const topics = [{ name: place.topic.name, topicId: NO_UUID, partitions: [partition] }];
    const who = { transactionalId: this.name, groupId: this.#group, producerId, producerEpoch };
    this.#ask(txnOffsetCommit, 5, { ...who, topics }, (answer) => {
      if (answer?.topics[0]?.partitions[0]?.errorCode === errors.NONE) this.#end(writer, transaction);
      else this.#giveUp(writer, transaction);
    });
  }

  #end(writer: Writer, transaction: Transaction): void {
    const commits = this.random.chance(0.75);
    transaction.outcome = commits ? 'doubtful' : 'aborted';
    this.#askEnd(writer, commits, END_ATTEMPTS_MAX, (next) => {
      if (next === null) this.#giveUp(writer, transaction);
      else {
        if (commits) transaction.outcome = 'committed';
        this.checker.acked += 1;
        this.#writer = next;
        this.begin();
      }
    });
  }

  #askEnd(writer: Writer, committed: boolean, attempts: number, done: (next: Writer | null) => void): void {
    const { producerId, producerEpoch } = writer;
    const request = { transactionalId: this.name, producerId, producerEpoch, committed };
    this.#ask(endTxn, 5, request, (answer) => {
      if (answer?.errorCode === errors.NONE)
        done({ producerId: answer.producerId, producerEpoch: answer.producerEpoch, sequences: new Map() });
      else if (attempts > 1) this.later(...AGAIN_MS, () => this.#askEnd(writer, committed, attempts - 1, done));
      else done(null);
    });
  }

  /** Something had no answer, or another one than it should: the next instance aborts what is open. */
  #giveUp(writer: Writer, transaction: Transaction): void {
    if (transaction.outcome === 'open') transaction.outcome = 'aborted';
    this.#zombie = writer;
    this.#writer = null;
    this.begin();
  }

  /** The instance before is not gone yet: what it still writes, or ends, must change nothing. */
  #haunt(done: () => void): void {
    const zombie = this.#zombie;
    if (zombie === null || !this.random.chance(0.3)) {
      done();
      return;
    }
    if (this.random.chance(0.5)) {
      const late = this.#ledger.begin(`${this.name}!${this.#number}-late`, this.#group);
      late.outcome = 'aborted';
      this.#send(zombie, late, done);
    } else this.#askEnd(zombie, true, 1, done);
  }

  #ask<Q extends Members, S extends Members>(
    call: Call<Q, S>,
    version: number,
    request: WriteOf<Q>,
    done: (answer: ReadOf<S> | null) => void,
  ): void {
    this.#kafka.ask(call, version, request, 2 * CALL_MS_MAX, (answer) => {
      this.trace(`${this.name}: ${call.name} ${JSON.stringify(answer)}`);
      done(answer);
    });
  }
}
