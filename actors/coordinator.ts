/**
 * Consumer groups: members, assignment, committed offsets, lag. Kind `coordinator`, key = 1..GROUP_PARTITIONS, on demand.
 * Each holds the groups whose names hash to it and lives beside its log, the internal partition of the same number.
 * Lives on: shard `key % shards`. View: its groups.
 */

import type { Actor, Address, Context, Down, Drain } from '../runtime/actor.ts';
import { decodeGroupRecord, type GroupRecord } from '../src/group/record.ts';
import { unreachable } from '../src/model/assert.ts';
import { type Fault, fault } from '../src/model/faults.ts';
import { id, type PartitionId } from '../src/model/ids.ts';
import type { CoordinatorAnswer, CoordinatorRequest } from './coordinator/contract.ts';
import { GroupCalls, type GroupRules } from './coordinator/group-calls.ts';
import { GroupTopics } from './coordinator/topics.ts';
import { type DirectoryAnswer, type DirectoryRequest, directoryAddress } from './directory/contract.ts';
import type { PartitionAnswer } from './partition/contract.ts';
import { StateLog, type StateLogMessage, type StateLogWake, type StateMachine } from './state/log.ts';
import type { StateCodec } from './state/record.ts';
import type { TransactionsAnswer } from './transactions/contract.ts';

/** To self. `tick`: time has passed. `expire`: much of it has. `follow`: try to reach the directory again. */
type Wake = { readonly type: 'wake'; readonly what: 'tick' | 'expire' | 'follow' };
type Inbox = TransactionsAnswer | CoordinatorRequest | DirectoryAnswer | StateLogMessage | Down | Drain | Wake;

export interface CoordinatorInit extends GroupRules {
  readonly codec: StateCodec;
}

/** How exact sessions and waits are. Runs only while there are members, or somebody waits. */
const TICK_MS = 250;
/** Between two attempts to reach the directory. */
const DIRECTORY_RETRY_MS = 200;
const EXPIRE_MS_MAX = 600_000;
/** Requests that wait for the replay. */
const EARLY_MAX = 10_000;

export function makeCoordinator(context: Context<Inbox>, key: string, init: unknown): Actor<Inbox> {
  return new Coordinator(context, id<PartitionId>(Number(key)), init as CoordinatorInit);
}

class Coordinator implements Actor<Inbox>, StateMachine<GroupRecord> {
  readonly #context: Context<Inbox>;
  readonly #log: StateLog<GroupRecord>;
  readonly #calls: GroupCalls;
  /** Told by the directory; until then groups would take topics for deleted that it has not heard of. */
  #topicsKnown = false;
  #early: { readonly message: CoordinatorRequest; readonly from: Address }[] = [];
  #requests = 0;
  #ticking = false;
  #draining = false;
  /** Between two looks for offsets that are too old. */
  readonly #expireMs: number;

  constructor(context: Context<Inbox>, partition: PartitionId, init: CoordinatorInit) {
    this.#context = context;
    const nextRequest = (): number => ++this.#requests;
    this.#log = new StateLog(context, partition, this, init.codec, nextRequest);
    this.#calls = new GroupCalls(context, this.#log, nextRequest, init);
    this.#expireMs = Math.min(EXPIRE_MS_MAX, Math.ceil(init.offsetRetentionMs / 10));
    this.#log.start();
    this.#follow();
    this.#wakeAfter(this.#expireMs, 'expire');
  }

  receive(message: Inbox, from: Address): void {
    if (!this.#log.receive(message, from)) this.#handle(message as Exclude<Inbox, StateLogWake>, from);
    this.#log.flush();
    if (this.#calls.waits && !this.#ticking) {
      this.#ticking = true;
      this.#wakeAfter(TICK_MS, 'tick');
    }
    if (this.#draining && this.#log.idle) this.#context.stop();
  }

  inspect(): unknown {
    return this.#calls.counts();
  }

  // ---- the machine, as its log sees it

  reset(): void {
    this.#calls.reset();
  }

  apply(record: GroupRecord): void {
    this.#calls.groups.apply(record);
  }

  decode(value: unknown): GroupRecord | null {
    return decodeGroupRecord(value);
  }

  snapshot(): Iterable<GroupRecord> {
    return this.#calls.groups.snapshot();
  }

  loaded(): void {
    if (!this.#servable) return;
    this.#calls.restore();
    if (this.#log.refusal === null) this.#calls.settleAll();
    this.#calls.expire();
    for (const { message, from } of this.#early.splice(0)) this.#serve(message, from);
  }

  // ---- inbox

  #handle(message: Exclude<Inbox, StateLogWake>, from: Address): void {
    switch (message.type) {
      case 'ask':
        this.#admit(message, from);
        break;
      case 'topics':
        this.#calls.topics = new GroupTopics(message.topics);
        this.#topicsKnown = true;
        this.loaded();
        break;
      case 'topicChanged':
        this.#calls.topicChanged(message.topic);
        break;
      case 'transacted':
        this.#calls.transacted(message);
        break;
      case 'topicGone':
        this.#calls.topicGone(message.topic);
        break;
      case 'down':
        if (message.address.name === this.#directory.name) this.#wakeAfter(DIRECTORY_RETRY_MS, 'follow');
        break;
      case 'wake':
        this.#woken(message.what);
        break;
      case 'drain':
        this.#drain();
        break;
      case 'refused':
      case 'measured':
      case 'found':
      case 'described':
      case 'producers':
      case 'appended':
      case 'records':
      case 'ready':
      case 'trimmed':
      case 'scrubbed':
        this.#partitionAnswered(message, from);
        break;
      case 'resolved':
      case 'configure':
      case 'gone':
        throw new Error(`a coordinator never asks for ${message.type}`);
      default:
        unreachable(message);
    }
  }

  /** The log's failure, too, is something to answer with. */
  get #servable(): boolean {
    return this.#log.failure !== null || (this.#log.loaded && this.#topicsKnown);
  }

  #admit(message: CoordinatorRequest, from: Address): void {
    if (this.#draining) this.#refuse(message, from, fault('SHUTTING_DOWN', 'the node is stopping'));
    else if (this.#servable && !this.#log.overloaded) this.#serve(message, from);
    else if (!this.#servable && this.#early.length < EARLY_MAX) this.#early.push({ message, from });
    else this.#refuse(message, from, fault('OVERLOADED', 'many wait for the groups, or for their log'));
  }

  #serve(message: CoordinatorRequest, from: Address): void {
    const failure = this.#log.failure;
    if (failure !== null) this.#refuse(message, from, failure);
    else this.#calls.serve(message, from);
  }

  /** Late answers of surveys have no reader any more; memory that came with one is given back. */
  #partitionAnswered(message: PartitionAnswer, from: Address): void {
    if (!this.#calls.surveyed(message, from) && message.type === 'records') message.lease?.release();
  }

  // ---- the directory, time, the end

  get #directory(): Address<DirectoryRequest> {
    return directoryAddress(this.#context.node, this.#context.shard);
  }

  #follow(): void {
    this.#context.watch(this.#directory);
    const sent = this.#context.send(this.#directory, { type: 'follow', request: ++this.#requests });
    if (sent === 'full') this.#context.whenWritable(this.#directory, { type: 'wake', what: 'follow' });
  }

  #wakeAfter(ms: number, what: Wake['what']): void {
    this.#context.after(ms, { type: 'wake', what });
  }

  #woken(what: Wake['what']): void {
    if (what === 'follow') {
      this.#follow();
      return;
    }
    if (what === 'expire') {
      if (this.#servable) this.#calls.expire();
      this.#wakeAfter(this.#expireMs, 'expire');
      return;
    }
    this.#ticking = false;
    if (this.#servable && this.#log.failure === null) this.#calls.tick();
  }

  /** Who waits for news is answered now; what is on its way to the log is waited for. */
  #drain(): void {
    this.#draining = true;
    const reason = fault('SHUTTING_DOWN', 'the node is stopping');
    this.#calls.refuseHeld(reason);
    for (const { message, from } of this.#early.splice(0)) this.#refuse(message, from, reason);
  }

  #refuse(message: CoordinatorRequest, to: Address, reason: Fault): void {
    const answer: CoordinatorAnswer = { type: 'refused', request: message.request, fault: reason };
    this.#context.reply(to, answer);
  }
}
