/**
 * The shard's copy of the catalog: a look-up of topics without leaving the shard. Kind `directory`, key = shard, at start.
 * Asked by actors of its own shard alone; tells those who looked something up when it changes. Never decides what exists.
 * Lives on: every shard. View: the cluster's topics, as far as the catalog has told.
 */

import type { Actor, Address, Context, Down } from '../runtime/actor.ts';
import { unreachable } from '../src/model/assert.ts';
import { type Fault, type FaultCode, fault } from '../src/model/faults.ts';
import type { PartitionId, TopicId } from '../src/model/ids.ts';
import type { Topic } from '../src/model/topic.ts';
import { type CatalogAnswer, type CatalogPush, catalogAddress } from './catalog/contract.ts';
import type { DirectoryAnswer, DirectoryRequest } from './directory/contract.ts';
import { DirectoryCopy } from './directory/copy.ts';
import { Followers } from './directory/followers.ts';
import type { PartitionConfiguration } from './partition/contract.ts';

export interface DirectoryInit {
  /** The setting topics.autoCreate: topics are created by the first look-up that asks for it. */
  readonly autoCreate: boolean;
}

/** To self. `follower`: its mailbox may have room again. `catalog`: try to reach it again. `settle`: partitions waited long enough. */
type Wake =
  | { readonly type: 'wake'; readonly what: 'follower'; readonly follower: string }
  | { readonly type: 'wake'; readonly what: 'catalog' }
  | { readonly type: 'wake'; readonly what: 'settle'; readonly partition: PartitionId };
type Inbox = DirectoryRequest | CatalogPush | CatalogAnswer | Down | Wake;

type Resolve = Extract<DirectoryRequest, { readonly type: 'resolve' }>;
interface Waiting<Request> {
  readonly message: Request;
  readonly from: Address;
}

/** Requests that wait for the first copy. */
const EARLY_MAX = 10_000;
/** Topics that are being created on demand at a time, and look-ups that wait for one of them. */
const CREATING_MAX = 1_000;
const CREATING_WAITERS_MAX = 10_000;
/** Between two attempts to reach the catalog. */
const CATALOG_RETRY_MS = 200;
/** A partition that the catalog has given out, but not told of yet, is believed in for so long. */
const UNHEARD_MS = 5_000;

export function makeDirectory(context: Context<Inbox>, _key: string, init: unknown): Actor<Inbox> {
  return new Directory(context, init as DirectoryInit);
}

class Directory implements Actor<Inbox> {
  readonly #context: Context<Inbox>;
  readonly #autoCreate: boolean;
  readonly #copy: DirectoryCopy;
  readonly #followers: Followers;
  #early: Waiting<Exclude<DirectoryRequest, { readonly type: 'whoAmI' }>>[] = [];
  /** Look-ups by the name that is being created; one request to the catalog for all of them. */
  readonly #creating = new Map<string, Waiting<Resolve>[]>();
  /** Names by the number of the request to the catalog. */
  readonly #createRequests = new Map<number, string>();
  #requests = 0;
  /** Partitions on this shard that want to know what they are. */
  readonly #partitions = new Map<PartitionId, Address<PartitionConfiguration>>();
  /** The catalog's incarnation that the copy is from; another one's pushes come before its own copy, or not at all. */
  #catalogIncarnation = 0;

  constructor(context: Context<Inbox>, init: DirectoryInit) {
    this.#context = context;
    this.#autoCreate = init.autoCreate;
    this.#copy = new DirectoryCopy(context.shard, context.shards);
    this.#followers = new Followers(context, (follower) => ({ type: 'wake', what: 'follower', follower }));
    this.#subscribe();
  }

  receive(message: Inbox, from: Address): void {
    switch (message.type) {
      case 'resolve':
      case 'list':
      case 'follow':
      case 'whoAmI':
        this.#admit(message, from);
        break;
      case 'copy':
      case 'change':
      case 'gone':
        this.#pushed(message, from);
        break;
      case 'changed':
        this.#created(message.request, message.topic, null);
        break;
      case 'refused':
        this.#created(message.request, null, message.fault);
        break;
      case 'down':
        this.#down(message.address);
        break;
      case 'wake':
        this.#woken(message);
        break;
      case 'producer':
      case 'limits':
      case 'charged':
      case 'quotas':
      case 'defaults':
        throw new Error('a directory never asks for producer ids, quotas and defaults');
      default:
        unreachable(message);
    }
  }

  inspect(): unknown {
    return { topics: this.#copy.size, followers: this.#followers.size, creating: this.#creating.size };
  }

  // ---- what others ask

  #admit(message: DirectoryRequest, from: Address): void {
    if (this.#copy.whole) this.#serve(message, from);
    else if (message.type === 'whoAmI') this.#partitions.set(message.partition, from);
    else if (this.#early.length < EARLY_MAX) this.#early.push({ message, from });
    else this.#refuse(message, from, 'OVERLOADED', 'too many look-ups wait for the catalog');
  }

  #serve(message: DirectoryRequest, from: Address): void {
    switch (message.type) {
      case 'resolve':
        this.#resolve(message, from);
        break;
      case 'follow':
        this.#followers.all(from);
        this.#list(message.request, from);
        break;
      case 'list':
        this.#list(message.request, from);
        break;
      case 'whoAmI':
        this.#introduce(message.partition, from);
        break;
      default:
        unreachable(message);
    }
  }

  #list(request: number, from: Address): void {
    this.#answer(from, { type: 'topics', request, topics: this.#copy.topics() });
  }

  #resolve(message: Resolve, from: Address): void {
    const topic = this.#copy.find(message.topic);
    if (topic !== undefined) this.#found(message, from, topic);
    else if (typeof message.topic === 'number' || !message.create)
      this.#refuse(message, from, 'UNKNOWN_TOPIC', `topic ${shown(message.topic)} does not exist`);
    else if (!this.#autoCreate)
      this.#refuse(
        message,
        from,
        'UNKNOWN_TOPIC',
        `topic ${shown(message.topic)} does not exist and topics.autoCreate is off`,
      );
    else this.#create(message.topic, message, from);
  }

  #found(message: Resolve, from: Address, topic: Topic): void {
    this.#followers.add(from, topic.id);
    this.#answer(from, { type: 'resolved', request: message.request, topic });
  }

  #create(name: string, message: Resolve, from: Address): void {
    const waiting = this.#creating.get(name);
    if (waiting !== undefined && waiting.length < CREATING_WAITERS_MAX) {
      waiting.push({ message, from });
      return;
    }
    if (waiting !== undefined || this.#creating.size >= CREATING_MAX) {
      this.#refuse(message, from, 'OVERLOADED', 'too many topics are being created');
      return;
    }
    const request = ++this.#requests;
    const ask = { type: 'create', request, name, settings: {}, onDemand: true } as const;
    if (this.#context.send(catalogAddress(this.#context.node), ask) === 'full') {
      this.#refuse(message, from, 'OVERLOADED', 'the catalog has too many requests');
      return;
    }
    this.#creating.set(name, [{ message, from }]);
    this.#createRequests.set(request, name);
  }

  /** The catalog has answered a creation: every directory, this one too, has heard of the topic before. */
  #created(request: number, topic: Topic | null, reason: Fault | null): void {
    const name = this.#createRequests.get(request);
    if (name === undefined) return;
    this.#createRequests.delete(request);
    const waiting = this.#creating.get(name) ?? [];
    this.#creating.delete(name);
    for (const { message, from } of waiting) {
      if (topic !== null) this.#found(message, from, this.#copy.find(name) ?? topic);
      else if (reason !== null) this.#answer(from, { type: 'refused', request: message.request, fault: reason });
    }
  }

  // ---- partitions

  #introduce(partition: PartitionId, from: Address<PartitionConfiguration>): void {
    this.#partitions.set(partition, from);
    const configuration = this.#copy.configuration(partition);
    if (configuration !== undefined) this.#context.reply(from, configuration);
    // Created a moment ago: another shard has heard of it already and has sent it its first request.
    else if (this.#copy.unheard(partition))
      this.#context.after(UNHEARD_MS, { type: 'wake', what: 'settle', partition });
    else this.#dismiss(partition);
  }

  #dismiss(partition: PartitionId): void {
    const address = this.#partitions.get(partition);
    this.#partitions.delete(partition);
    if (address !== undefined) this.#context.reply(address, { type: 'gone' });
  }

  /** Over the reply lane: they asked for it, once, and nothing else tells a partition that its files are to go. */
  #configure(partitions: readonly PartitionId[]): void {
    for (const partition of partitions) {
      const address = this.#partitions.get(partition);
      if (address === undefined) continue;
      const configuration = this.#copy.configuration(partition);
      if (configuration !== undefined) this.#context.reply(address, configuration);
      else if (!this.#copy.unheard(partition)) this.#dismiss(partition);
    }
  }

  // ---- what the catalog tells

  #subscribe(): void {
    const catalog = catalogAddress(this.#context.node);
    this.#context.watch(catalog);
    if (this.#context.send(catalog, { type: 'subscribe', shard: this.#context.shard }) === 'full')
      this.#context.whenWritable(catalog, { type: 'wake', what: 'catalog' });
  }

  #pushed(message: CatalogPush, from: Address): void {
    if (message.type === 'copy' && message.first) this.#catalogIncarnation = from.incarnation;
    if (from.incarnation !== this.#catalogIncarnation) return;
    const before = this.#copy.whole;
    const changes = this.#copy.apply(message);
    if (message.type === 'copy' && !message.last) return;
    for (const { topic, gone } of changes) {
      if (before) this.#configure(topic.partitions);
      this.#followers.tell(
        topic.id,
        gone ? { type: 'topicGone', topic: topic.id, name: topic.name } : { type: 'topicChanged', topic },
      );
    }
    this.#context.reply(from, { type: 'applied', version: message.version });
    if (before) return;
    this.#context.log.debug({ topics: this.#copy.size }, 'directory has its first copy');
    for (const [partition, address] of [...this.#partitions]) this.#introduce(partition, address);
    for (const early of this.#early.splice(0)) this.#serve(early.message, early.from);
  }

  // ---- ends

  #down(address: Address): void {
    if (address.name !== catalogAddress(this.#context.node).name) {
      this.#followers.forget(address);
      return;
    }
    // Whoever waits for a creation asks again; whether it happened shows in the next copy.
    const reason = fault('UNAVAILABLE', 'the catalog is starting again');
    for (const request of [...this.#createRequests.keys()]) this.#created(request, null, reason);
    this.#context.after(CATALOG_RETRY_MS, { type: 'wake', what: 'catalog' });
  }

  #woken(message: Wake): void {
    switch (message.what) {
      case 'follower':
        this.#followers.resume(message.follower);
        break;
      case 'catalog':
        this.#subscribe();
        break;
      case 'settle':
        if (this.#copy.configuration(message.partition) === undefined) this.#dismiss(message.partition);
        break;
      default:
        unreachable(message);
    }
  }

  #refuse(message: { readonly request: number }, from: Address, code: FaultCode, text: string): void {
    this.#answer(from, { type: 'refused', request: message.request, fault: fault(code, text) });
  }

  #answer(to: Address, answer: DirectoryAnswer): void {
    this.#context.reply(to, answer);
  }
}

function shown(topic: string | TopicId): string {
  return typeof topic === 'number'
    ? String(topic)
    : JSON.stringify(topic.length > 40 ? `${topic.slice(0, 40)}…` : topic);
}
