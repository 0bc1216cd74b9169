/**
 * One connection's conversation with a Kafka client. Calls run one after the other and are answered in their order, as
 * Kafka does it; a produce makes room for the next call as soon as its batches were handed over, so that produces follow
 * each other without a wait. Sees neither the socket nor the clock; what a call asks and answers is its service's.
 */
import { assert } from '../../model/assert.ts';
import { type Fault, fault, type Result } from '../../model/faults.ts';
import { CLIENT_ID_CHARS_MAX } from '../../model/limits.ts';
import type { Conversation, Move } from '../conversation.ts';
import type { Reply, Request } from '../request.ts';
import type { Steps } from './asking.ts';
import { apiVersions } from './calls/api-versions.ts';
import { fetch } from './calls/fetch.ts';
import { Follower } from './follower.ts';
import { buildResponse, HEAD_BYTES, type Head, measure, openRequest, readHead } from './frame.ts';
import { serviceOf, tooNew } from './serve/index.ts';
import { type Broker, Ending, type Peer, type Service } from './service.ts';
import { TopicNames } from './topic-names.ts';
import { Writing } from './writing.ts';

/** A frame from its turn to its answer. */
interface Running {
  readonly frame: number;
  readonly head: Head;
  /** None: it was judged by its head. */
  readonly call: { readonly service: Service; readonly serving: Steps } | undefined;
  replies: (Reply | undefined)[];
  missing: number;
  /** The client is to hear in the answer for how long it has to be quiet. */
  readonly counted: boolean;
  /** The answer, while it waits for that. */
  value: unknown;
  /** Nothing more will be asked: the next call may begin. */
  handedOver: boolean;
  /** Once it is known; waits for those before it. */
  outcome: Outcome | undefined;
}
/** A frame before its turn. */
interface Waiting {
  readonly frame: number;
  readonly bytes: Uint8Array;
  readonly counted: boolean;
}
type Outcome =
  | { readonly type: 'answer'; readonly views: readonly Uint8Array[] }
  | { readonly type: 'end'; readonly fault: Fault };

const NOTHING: readonly Uint8Array[] = [];
/** Stands for the reply that a client without acks does not want. */
const NO_REPLY: Reply = { call: 'produce', parts: [] };
const THROTTLE: Request = { call: 'throttle' };
const CONTROL_CHARACTERS = /\p{Cc}/gu;

export class KafkaSession implements Conversation {
  readonly headBytes = HEAD_BYTES;
  readonly tellsThrottle = true;
  readonly #frameBytesMax: number;
  readonly #writing = new Writing();
  readonly #peer: ConnectedPeer;
  /** Frames whose calls have not begun. */
  readonly #waiting: Waiting[] = [];
  /** Calls that have begun and are not answered, in order. */
  readonly #running: Running[] = [];
  #begun = false;

  constructor(broker: Broker, frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
    this.#peer = new ConnectedPeer(broker);
  }

  get client(): string {
    return this.#peer.client;
  }

  get begun(): boolean {
    return this.#begun;
  }

  measure(head: Uint8Array): Result<number> {
    return measure(head, this.#frameBytesMax);
  }

  /** Kafka has no words for it: the connection just ends. */
  refuse(): readonly Uint8Array[] {
    return NOTHING;
  }

  rest(): void {
    this.#writing.rest();
  }

  take(bytes: Uint8Array, frame: number, counted = false): readonly Move[] {
    this.#waiting.push({ frame, bytes, counted });
    const moves: Move[] = [];
    this.#goOn(moves);
    return moves;
  }

  reply(frame: number, index: number, reply: Reply | null): readonly Move[] {
    const running = this.#running.find((one) => one.frame === frame);
    assert(running !== undefined && running.missing > 0, 'a reply comes to a call that waits for it');
    running.replies[index] = reply ?? NO_REPLY;
    if (--running.missing > 0) return [];
    const moves: Move[] = [];
    if (running.value === undefined) this.#step(running, moves);
    else this.#settled(running, reply);
    this.#goOn(moves);
    return moves;
  }

  /** Answers what is next in order, and begins calls while there is room. */
  #goOn(moves: Move[]): void {
    for (;;) {
      this.#answer(moves);
      if (this.#running.at(-1)?.handedOver === false) return;
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#begin(next, moves);
    }
  }

  #answer(moves: Move[]): void {
    for (let first = this.#running[0]; first?.outcome !== undefined; first = this.#running[0]) {
      this.#running.shift();
      const { frame, outcome } = first;
      if (outcome?.type === 'end') moves.push({ type: 'end', frame, fault: outcome.fault, views: NOTHING });
      else moves.push({ type: 'answer', frame, views: outcome?.views ?? NOTHING });
    }
  }

  #begin(next: Waiting, moves: Move[]): void {
    const { frame } = next;
    const head = readHead(next.bytes);
    const service = serviceOf(head.key);
    if (service === undefined) this.#end(frame, head, fault('UNKNOWN_CALL', `call ${head.key} is not served`));
    else if (head.version < service.versions[0] || head.version > service.versions[1])
      this.#wrongVersion(frame, head, service);
    else this.#open(next, head, service, moves);
  }

  #open({ frame, bytes, counted }: Waiting, head: Head, service: Service, moves: Move[]): void {
    const opened = openRequest(service.call, head.version, bytes);
    if (!opened.ok) {
      this.#end(frame, head, opened.fault);
      return;
    }
    this.#begun = true;
    this.#introduce(opened.value.client);
    const serving = service.serve(opened.value.request, this.#peer, head.version);
    // A fetch is charged before it is served: who is ahead is given nothing.
    const tells = counted && service.call !== fetch;
    this.#step(this.#push({ frame, head, call: { service, serving }, outcome: undefined }, tells), moves);
  }

  /** Who asks for versions is too new, and learns which there are; others end. */
  #wrongVersion(frame: number, head: Head, { call }: Service): void {
    if (call.key !== apiVersions.key) {
      this.#end(frame, head, fault('UNSUPPORTED_VERSION', `${call.name} version ${head.version} is not served`));
      return;
    }
    const oldest = { version: 0, correlation: head.correlation };
    const views = buildResponse(this.#writing, apiVersions, oldest, tooNew());
    this.#push({ frame, head, call: undefined, outcome: { type: 'answer', views } });
  }

  #end(frame: number, head: Head, why: Fault): void {
    this.#push({ frame, head, call: undefined, outcome: { type: 'end', fault: why } });
  }

  #push(begun: Pick<Running, 'frame' | 'head' | 'call' | 'outcome'>, counted = false): Running {
    const running: Running = { ...begun, counted, value: undefined, replies: [], missing: 0, handedOver: true };
    this.#running.push(running);
    return running;
  }

  /** From one set of requests to the next, or to the answer. */
  #step(running: Running, moves: Move[]): void {
    const { call } = running;
    assert(call !== undefined, 'what has no call asks for nothing');
    let step = call.serving.next(running.replies as readonly Reply[]);
    while (step.done !== true && step.value.length === 0) step = call.serving.next([]);
    if (step.done === true) this.#served(running, step.value, moves);
    else this.#ask(running, step.value, call.service, moves);
  }

  #ask(running: Running, requests: readonly Request[], service: Service, moves: Move[]): void {
    running.replies = new Array<Reply | undefined>(requests.length);
    running.missing = requests.length;
    running.handedOver = requests.some(isProduce);
    const last = running.handedOver || !service.readsFrame;
    requests.forEach((request, index) => {
      moves.push({ type: 'ask', frame: running.frame, ask: index, request, last });
    });
  }

  #served(running: Running, value: unknown, moves: Move[]): void {
    running.handedOver = true;
    if (value instanceof Ending) running.outcome = { type: 'end', fault: value.fault };
    else if (!running.counted) this.#conclude(running, value);
    else {
      running.value = value;
      running.missing = 1;
      moves.push({ type: 'ask', frame: running.frame, ask: 0, request: THROTTLE, last: true });
    }
  }

  /** The longer time holds: of the bytes that it sent, or of the time that its requests took. */
  #settled(running: Running, reply: Reply | null): void {
    const value = running.value as { readonly throttleTimeMs?: number } | null;
    const throttleMs = reply?.call === 'throttle' ? reply.throttleMs : 0;
    const throttleTimeMs = Math.max(value?.throttleTimeMs ?? 0, throttleMs);
    this.#conclude(running, value === null ? null : { ...value, throttleTimeMs });
  }

  #conclude(running: Running, value: unknown): void {
    const { call, head } = running;
    assert(call !== undefined, 'what has no call has its answer already');
    const views = value === null ? NOTHING : buildResponse(this.#writing, call.service.call, head, value as never);
    running.outcome = { type: 'answer', views };
  }

  /** Shown to people: bounded, and without what moves a terminal's cursor. */
  #introduce(client: string): void {
    if (client !== this.#peer.client)
      this.#peer.client = client.slice(0, CLIENT_ID_CHARS_MAX).replaceAll(CONTROL_CHARACTERS, '?');
  }
}

/** What only those need who name topics, or fetch, is made for them. */
class ConnectedPeer implements Peer {
  readonly broker: Broker;
  client = '';
  #topics: TopicNames | null = null;
  #follower: Follower | null = null;

  constructor(broker: Broker) {
    this.broker = broker;
  }

  get topics(): TopicNames {
    this.#topics ??= new TopicNames(this.broker.cluster);
    return this.#topics;
  }

  get follower(): Follower {
    this.#follower ??= new Follower();
    return this.#follower;
  }
}

const isProduce = (request: Request): boolean => request.call === 'produce';
