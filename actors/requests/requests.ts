/**
 * Carries out the requests of one connection, whatever its dialect: `validate → append → replicate → commit → reply` for
 * produce, sessions for fetch, a question to whoever knows for the rest. Every request is answered once. Knows neither
 * frames nor sockets.
 */
import type { Address, Context, Down, Lease } from '../../runtime/actor.ts';
import type { Crc32c } from '../../src/model/crc.ts';
import { fault } from '../../src/model/faults.ts';
import type { FetchRequest, ProduceRequest, Reply, Request } from '../../src/protocols/request.ts';
import type { CatalogAnswer } from '../catalog/contract.ts';
import type { CoordinatorAnswer } from '../coordinator/contract.ts';
import { type DirectoryAnswer, directoryAddress } from '../directory/contract.ts';
import type { HeapRoom } from '../heap-room.ts';
import { type PartitionAnswer, REFUSALS_ONLY } from '../partition/contract.ts';
import type { TransactionsAnswer } from '../transactions/contract.ts';
import { freshUuid } from '../uuid.ts';
import { Asker, type AskerMessage } from './asker.ts';
import { changeTopic, deleteRecords, describeTopic, offsets, producer, resolve, topics } from './catalog.ts';
import { defaultsCall } from './defaults.ts';
import { type Desk, type Done, NO_HOLDS, type NodeFacts } from './desk.ts';
import { Fetches } from './fetches.ts';
import { groupCall } from './groups.ts';
import { type JobDone, Jobs } from './jobs.ts';
import { node } from './node.ts';
import { ProduceLine } from './produce.ts';
import { ClientQuotas, quotaCall } from './quotas.ts';
import { Topics } from './topics.ts';
import { transactionCall } from './transactions.ts';

/** What a request needs that is no actor; the same for every connection of a shard. */
export interface RequestServices {
  readonly crc32c: Crc32c;
  readonly facts: NodeFacts;
  /** What clients make the shard remember. */
  readonly heapRoom: HeapRoom;
}

type DirectoryNews = Extract<DirectoryAnswer, { readonly type: 'topicChanged' | 'topicGone' }>;
/** Answers that belong to a question. */
export type NumberedAnswer = Extract<
  PartitionAnswer | DirectoryAnswer | CatalogAnswer | CoordinatorAnswer | TransactionsAnswer,
  { readonly request: number }
>;
/** What the actor must hand back to {@link Requests.receive}. */
export type RequestsMessage = NumberedAnswer | DirectoryNews | AskerMessage | JobDone;

export class Requests {
  readonly #desk: Desk;
  readonly #produces: ProduceLine;
  readonly #fetches: Fetches;
  readonly #quotas: ClientQuotas;
  /** The connection waits for nothing any more. */
  #hurried = false;

  /** @param asked how many questions another one has asked before, in the same actor. */
  constructor(
    context: Context<AskerMessage | JobDone>,
    asked: number,
    services: RequestServices,
    connection: Pick<Desk, 'host' | 'openedAt' | 'client' | 'unsentBytes' | 'mute' | 'end'>,
  ) {
    const asker = new Asker(context, asked);
    const monotonic = (): number => context.monotonic();
    this.#desk = {
      ...services,
      ...connection,
      node: context.node,
      shard: context.shard,
      shards: context.shards,
      asker,
      topics: new Topics(asker, context.node, context.shard, monotonic),
      longPolls: new Set(),
      jobs: new Jobs(context),
      lease: (length) => context.lease(length),
      monotonic,
      now: () => context.now(),
      freshId: () => freshUuid(context.random),
    };
    this.#produces = new ProduceLine(this.#desk);
    this.#fetches = new Fetches(this.#desk);
    this.#quotas = new ClientQuotas(this.#desk);
  }

  /** When {@link Requests.tick} has something to do, ms on the monotonic clock. */
  get nextDeadline(): number {
    return this.#desk.asker.nextDeadline;
  }

  tick(now: number): void {
    this.#desk.asker.tick(now);
  }

  /** Carries out one request; `lease` holds the frame that its batches lie in, and is taken over. */
  start(request: Request, lease: Lease | undefined, done: Done): void {
    this.#quotas.lookUp();
    if (request.call === 'produce') {
      this.#produces.start(request, lease, this.#charged(request, done));
      return;
    }
    lease?.release();
    this.#forward(request, done);
  }

  /** The time that requests take is counted. */
  get counted(): boolean {
    return this.#quotas.limits.request !== null;
  }

  /** Something for the client's requests. */
  timed(run: () => void): void {
    this.#quotas.timed(run);
  }

  /** The client has its answer, which could not say for how long it is to be quiet. */
  settle(): void {
    if (this.counted) this.#quotas.settle(() => undefined);
  }

  /** Where the client has a quota, the answer waits for the count of what it sent, and says how long it is to be quiet. */
  #charged(request: ProduceRequest, done: Done): Done {
    if (this.#quotas.limits.produce === null) return done;
    const sent = sentBy(request);
    return (reply, holds) => {
      this.#quotas.charge('produce', sent, (throttleMs) => {
        done(reply?.call === 'produce' && throttleMs > 0 ? { ...reply, throttleMs } : reply, holds);
      });
    };
  }

  /** Who is ahead of its quota is given nothing, at once; what it wants to follow is taken in all the same. */
  #fetch(request: FetchRequest, done: Done): void {
    const { fetch, request: time } = this.#quotas.limits;
    if (fetch === null && time === null) {
      this.#fetches.start(request, done);
      return;
    }
    this.#quotas.admit((throttleMs) => {
      if (throttleMs > 0)
        this.#fetches.start({ ...request, bytesMax: 0, waitMs: 0 }, (reply, holds) =>
          done(reply?.call === 'fetch' ? { ...reply, throttleMs } : reply, holds),
        );
      else {
        const bytesMax = Math.min(request.bytesMax, this.#quotas.fetchBytesMax);
        const waitMs = this.#hurried ? 0 : request.waitMs;
        this.#fetches.start({ ...request, bytesMax, waitMs }, (reply, holds) => {
          this.#quotas.gave(givenBy(reply));
          done(reply, holds);
        });
      }
    });
  }

  receive(message: RequestsMessage): void {
    switch (message.type) {
      case 'topicChanged':
        this.#desk.topics.changed(message.topic);
        break;
      case 'topicGone':
        this.#desk.topics.gone(message.topic);
        break;
      case 'jobDone':
        this.#desk.jobs.receive(message);
        break;
      case 'down':
        this.#down(message);
        break;
      case 'writable':
        this.#desk.asker.receive(message);
        break;
      default:
        if (message.type === 'refused' && message.request === REFUSALS_ONLY) this.#desk.end(message.fault);
        else if (!this.#desk.asker.answered(message) && message.type === 'records') message.lease?.release();
    }
  }

  /** The client has taken answers: there may be room for more. */
  written(): void {
    this.#fetches.written();
  }

  /** Answers at once what waits for something to happen, and follows nothing any more. */
  giveUpWaiting(): void {
    this.#hurried = true;
    this.#fetches.closeAll();
    const why = fault('SHUTTING_DOWN', 'the connection is being closed');
    for (const request of [...this.#desk.longPolls]) this.#desk.asker.giveUp(request, why);
  }

  /** Nothing is asked, waited for or followed: what is kept could be found out again. */
  get idle(): boolean {
    const { asker, jobs } = this.#desk;
    return asker.idle && jobs.idle && this.#fetches.idle;
  }

  /**
   * Carries nothing out any more: what it held of the shard's room is given back.
   * @returns how many questions were asked.
   */
  end(): number {
    this.#fetches.forfeit();
    return this.#desk.asker.end();
  }

  #down(message: Down): void {
    if (message.address.name === this.#directory.name) this.#desk.topics.forgetAll();
    this.#desk.asker.receive(message);
  }

  get #directory(): Address<never> {
    return directoryAddress(this.#desk.node, this.#desk.shard) as Address<never>;
  }

  #forward(request: Exclude<Request, { readonly call: 'produce' }>, done: Done): void {
    const desk = this.#desk;
    switch (request.call) {
      case 'fetch':
        this.#fetch(request, done);
        break;
      case 'offsets':
        offsets(desk, request, done);
        break;
      case 'deleteRecords':
        deleteRecords(desk, request, done);
        break;
      case 'resolve':
        resolve(desk, request, done);
        break;
      case 'topics':
        topics(desk, done);
        break;
      case 'createTopic':
      case 'alterTopic':
      case 'deleteTopic':
        changeTopic(desk, request, done);
        break;
      case 'describeTopic':
        describeTopic(desk, request.name, done);
        break;
      case 'producer':
        producer(desk, done);
        break;
      case 'openProducer':
      case 'joinTransaction':
      case 'endTransaction':
      case 'inspectTransaction':
      case 'transactions':
      case 'markTransaction':
      case 'describeProducers':
        transactionCall(desk, request, done);
        break;
      case 'quotas':
      case 'alterQuota':
        quotaCall(desk, request, done);
        break;
      case 'defaults':
      case 'alterDefaults':
        defaultsCall(desk, request, done);
        break;
      case 'throttle':
        this.#quotas.settle((throttleMs) => done({ call: 'throttle', throttleMs }, NO_HOLDS));
        break;
      case 'freshId':
        done({ call: 'freshId', id: desk.freshId() }, NO_HOLDS);
        break;
      case 'node':
        node(desk, done);
        break;
      default:
        groupCall(desk, request, done);
    }
  }
}

function sentBy({ parts }: ProduceRequest): number {
  return parts.reduce((sum, { batch }) => sum + batch.length, 0);
}

function givenBy(reply: Reply | null): number {
  return reply?.call === 'fetch' ? reply.parts.reduce((sum, { bytes }) => sum + bytes.length, 0) : 0;
}
