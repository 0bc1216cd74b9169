/**
 * The cluster's map as a log of committed records: topics and their settings, producer ids. Kind `catalog`, at start.
 * Tells every shard's directory what is committed, and nothing else; a request is answered when all of them have heard.
 * Lives on: shard 0, beside its log (partition 0). View: the cluster.
 */

import type { Actor, Address, Context, Down, Drain } from '../runtime/actor.ts';
import { Catalog } from '../src/catalog/catalog.ts';
import {
  decideChange,
  decideDefaults,
  decideProducers,
  decideQuota,
  PRODUCER_BLOCK,
  type TopicDefaults,
} from '../src/catalog/decide.ts';
import { type CatalogRecord, decodeCatalogRecord } from '../src/catalog/record.ts';
import { unreachable } from '../src/model/assert.ts';
import { type Fault, fault, type Result } from '../src/model/faults.ts';
import { CATALOG_PARTITION, id } from '../src/model/ids.ts';
import type { CatalogAnswer, CatalogRequest } from './catalog/contract.ts';
import { Publisher } from './catalog/publisher.ts';
import { StateLog, type StateLogMessage, type StateMachine } from './state/log.ts';
import type { StateCodec } from './state/record.ts';

type Asked = Exclude<CatalogRequest, { readonly type: 'subscribe' | 'applied' }>;
type Change = Extract<Asked, { readonly type: 'create' | 'alter' | 'remove' }>;
/** `push`: a directory's mailbox may have room again. */
type Inbox = CatalogRequest | StateLogMessage | Down | Drain | { readonly type: 'push'; readonly shard: number };

export interface CatalogInit {
  readonly codec: StateCodec;
  readonly defaults: TopicDefaults;
}

/** Requests that wait for the replay; a client has long timed out before this many have come. */
const EARLY_MAX = 10_000;

export function makeCatalog(context: Context<Inbox>, _key: string, init: unknown): Actor<Inbox> {
  return new CatalogActor(context, init as CatalogInit);
}

class CatalogActor implements Actor<Inbox>, StateMachine<CatalogRecord> {
  readonly #context: Context<Inbox>;
  readonly #defaults: TopicDefaults;
  readonly #log: StateLog<CatalogRecord>;
  readonly #publisher: Publisher;
  #catalog = new Catalog();
  #early: { readonly message: Asked; readonly from: Address }[] = [];
  #requests = 0;
  #draining = false;

  constructor(context: Context<Inbox>, init: CatalogInit) {
    this.#context = context;
    this.#defaults = init.defaults;
    this.#publisher = new Publisher(context, (shard) => ({ type: 'push', shard }));
    this.#log = new StateLog(context, CATALOG_PARTITION, this, init.codec, () => ++this.#requests);
    this.#log.start();
  }

  receive(message: Inbox, from: Address): void {
    if (!this.#log.receive(message, from)) this.#handle(message as Exclude<Inbox, StateLogMessage> | Down, from);
    this.#log.flush();
    if (this.#draining && this.#log.idle && this.#publisher.idle) this.#context.stop();
  }

  inspect(): unknown {
    return { topics: this.#catalog.topicCount, partitions: this.#catalog.partitionCount };
  }

  // ---- the machine, as its log sees it

  reset(): void {
    this.#catalog = new Catalog();
  }

  apply(record: CatalogRecord): void {
    this.#catalog.apply(record);
  }

  decode(value: unknown): CatalogRecord | null {
    return decodeCatalogRecord(value);
  }

  snapshot(): Iterable<CatalogRecord> {
    return this.#catalog.snapshot();
  }

  loaded(): void {
    if (this.#log.loaded) this.#publisher.begin(this.#catalog.topics(), this.#catalog.nextPartition);
    for (const { message, from } of this.#early.splice(0)) this.#decide(message, from);
  }

  // ---- requests

  #handle(message: Exclude<Inbox, StateLogMessage> | Down, from: Address): void {
    switch (message.type) {
      case 'subscribe':
        this.#publisher.subscribe(message.shard, from);
        break;
      case 'applied':
        this.#publisher.applied(from, message.version);
        break;
      case 'down':
        this.#publisher.down(message.address);
        break;
      case 'push':
        this.#publisher.push(message.shard);
        break;
      case 'drain':
        this.#draining = true;
        break;
      case 'create':
      case 'alter':
      case 'remove':
      case 'producer':
      case 'limits':
      case 'charge':
      case 'quotas':
      case 'alterQuota':
      case 'defaults':
      case 'alterDefaults':
        this.#admit(message, from);
        break;
      default:
        unreachable(message);
    }
  }

  /** The log's failure, too, is something to answer with. */
  get #servable(): boolean {
    return this.#log.loaded || this.#log.failure !== null;
  }

  #admit(message: Asked, from: Address): void {
    if (this.#draining) this.#refuse(message, from, fault('SHUTTING_DOWN', 'the node is stopping'));
    else if (this.#servable && !this.#log.overloaded) this.#decide(message, from);
    else if (!this.#servable && this.#early.length < EARLY_MAX) this.#early.push({ message, from });
    else this.#refuse(message, from, fault('OVERLOADED', 'many wait for the catalog, or for its log'));
  }

  #decide(message: Asked, from: Address): void {
    const failure = this.#log.failure;
    if (failure !== null) this.#refuse(message, from, failure);
    else this.#serve(message, from);
  }

  #serve(message: Asked, from: Address): void {
    const { quotas } = this.#catalog;
    const { request } = message;
    switch (message.type) {
      case 'producer':
        this.#allocate(message, from);
        break;
      case 'limits': {
        const { client } = message;
        const [produce, fetch] = [quotas.rateOf(client, 'produce'), quotas.rateOf(client, 'fetch')];
        const limits = { produce, fetch, request: quotas.rateOf(client, 'request') };
        this.#answer(from, { type: 'limits', request, limits });
        break;
      }
      case 'charge': {
        const throttleMs = quotas.charge(message.client, message.kind, message.amount, this.#context.monotonic());
        this.#answer(from, { type: 'charged', request, throttleMs });
        break;
      }
      case 'quotas':
        this.#answer(from, { type: 'quotas', request, quotas: [...quotas.all()] });
        break;
      case 'alterQuota':
        this.#alter(message, from, decideQuota(this.#catalog, message.change), () => ({
          type: 'quotas',
          request,
          quotas: [],
        }));
        break;
      case 'defaults':
        this.#answer(from, { type: 'defaults', request, altered: this.#catalog.defaults });
        break;
      case 'alterDefaults':
        this.#alter(message, from, decideDefaults(this.#catalog, message.change, this.#defaults), () => ({
          type: 'defaults',
          request,
          altered: this.#catalog.defaults,
        }));
        break;
      default:
        this.#change(message, from);
    }
  }

  /** Quotas and defaults: a record a change. */
  #alter(
    message: Extract<Asked, { readonly type: 'alterQuota' | 'alterDefaults' }>,
    from: Address,
    decision: Result<CatalogRecord>,
    answer: () => CatalogAnswer,
  ): void {
    if (!decision.ok) this.#refuse(message, from, decision.fault);
    else if (message.validateOnly) this.#answer(from, answer());
    else if (this.#propose([decision.value], message, from))
      this.#log.whenCommitted((refused) => {
        if (refused !== null) this.#refuse(message, from, refused);
        else this.#answer(from, answer());
      });
  }

  #change(message: Change, from: Address): void {
    const decision = decideChange(this.#catalog, message, this.#defaults, this.#context.now());
    if (!decision.ok) {
      this.#refuse(message, from, decision.fault);
      return;
    }
    const { records, topic } = decision.value;
    if (message.type !== 'remove' && message.validateOnly === true) {
      this.#answer(from, { type: 'changed', request: message.request, topic });
      return;
    }
    if (records.length > 0 && !this.#propose(records, message, from)) return;
    const nextPartition = this.#catalog.nextPartition;
    this.#log.whenCommitted((refused) => {
      if (refused !== null) {
        this.#refuse(message, from, refused);
        return;
      }
      if (records.length > 0)
        this.#publisher.publish(message.type === 'remove' ? 'gone' : 'change', topic, nextPartition);
      this.#publisher.whenApplied(() => {
        this.#answer(from, { type: 'changed', request: message.request, topic });
      });
    });
  }

  #allocate(message: Asked, from: Address): void {
    if (this.#catalog.freeProducers === 0) {
      if (!this.#propose([decideProducers(this.#catalog)], message, from)) return;
      this.#catalog.openProducers(PRODUCER_BLOCK);
    }
    const producerId = this.#catalog.takeProducer();
    this.#log.whenCommitted((refused) => {
      if (refused !== null) this.#refuse(message, from, refused);
      else this.#answer(from, { type: 'producer', request: message.request, producerId, epoch: id(0) });
    });
  }

  /** False when the log takes nothing now, and who asked has been told. */
  #propose(records: readonly CatalogRecord[], message: Asked, from: Address): boolean {
    const refusal = this.#log.refusal;
    if (refusal !== null) this.#refuse(message, from, refusal);
    else for (const record of records) this.#log.propose(record);
    return refusal === null;
  }

  #refuse(message: Asked, from: Address, reason: Fault): void {
    this.#answer(from, { type: 'refused', request: message.request, fault: reason });
  }

  #answer(to: Address, answer: CatalogAnswer): void {
    this.#context.reply(to, answer);
  }
}
