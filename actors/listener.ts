/**
 * Accepts the connections of one dialect on one shard and spawns an actor for each. Kind `listener`, key
 * `<shard>.<dialect>`, at start. Bounds their number; never reads a byte.
 * Lives on: every shard. View: the port, as far as this shard accepts on it.
 */
import type { Actor, Context, Down, Drain } from '../runtime/actor.ts';
import type { Listening, ListenOptions, Socket } from '../runtime/ports.ts';
import type { TopicDefaults } from '../src/catalog/decide.ts';
import type { Migration } from '../src/group/groups.ts';
import { assert } from '../src/model/assert.ts';
import { fault } from '../src/model/faults.ts';
import type { GroupBounds } from '../src/model/group-settings.ts';
import type { NetworkPlace } from '../src/model/place.ts';
import type { Conversation } from '../src/protocols/conversation.ts';
import type { FieldsCodec } from '../src/protocols/native/frame.ts';
import { FrameRoom } from './connection/frame-room.ts';
import type { ConnectionInit } from './connection.ts';
import type { Dialect } from './counters.ts';
import { CONNECTION_BYTES } from './heap-room.ts';
import type { RequestServices } from './requests/requests.ts';

/** Begins a conversation with whoever has just connected. */
export type Greeter = (socket: Socket) => Conversation;
/** Gives what speaks a dialect, at once or when it is loaded. */
export type LoadDialect = (done: (greeterOf: GreeterOf) => void) => void;
type GreeterOf = (init: ListenerInit, node: number) => Greeter;

export interface ListenerInit {
  /** Of the dialects that are spoken. */
  readonly listeners: Readonly<Partial<Record<Dialect, ListenOptions>>>;
  readonly dialects: Readonly<Record<Dialect, LoadDialect>>;
  /** Where Kafka clients are told to find the node; an empty host: where they came to. */
  readonly advertised: NetworkPlace;
  /** Connections of one dialect on one shard. */
  readonly connectionsMax: number;
  /** Longest frame after hello, bytes. */
  readonly frameBytesMax: number;
  /** Memory that frames may hold on one shard while they are not whole, bytes. */
  readonly frameRoomBytes: number;
  readonly fields: FieldsCodec;
  /** What topics get where nothing was asked for. */
  readonly defaults: TopicDefaults;
  readonly autoCreate: boolean;
  /** How long committed offsets are kept that nobody needs, ms. */
  readonly offsetRetentionMs: number;
  readonly migration: Migration;
  readonly groupBounds: GroupBounds;
  readonly requests: RequestServices;
}

type Inbox =
  | { readonly type: 'listening'; readonly error: string | null; readonly listening: Listening | undefined }
  | { readonly type: 'accepted'; readonly socket: Socket }
  | { readonly type: 'load' }
  | { readonly type: 'loaded'; readonly greeterOf: GreeterOf }
  | { readonly type: 'closed' }
  | Down
  | Drain;

/** By then a start is over, and what is loaded must not wait until there are no descriptors left to load it with. */
const LOAD_AFTER_MS = 1_000;

class Listener implements Actor<Inbox> {
  readonly #context: Context<Inbox>;
  readonly #dialect: Dialect;
  readonly #init: ListenerInit;
  /** Null until the dialect is loaded: with the first connection, or a moment after the start. */
  #greet: Greeter | null = null;
  #loading = false;
  /** Came before. */
  #early: Socket[] = [];
  readonly #frameRoom: FrameRoom;
  #listening: Listening | null = null;
  #draining = false;
  #number = 0;
  #connections = 0;

  constructor(context: Context<Inbox>, key: string, init: ListenerInit) {
    const dialect = key.slice(key.indexOf('.') + 1);
    assert(Object.hasOwn(init.dialects, dialect), `no dialect is named ${dialect}`);
    this.#context = context;
    this.#dialect = dialect as Dialect;
    this.#init = init;
    this.#frameRoom = new FrameRoom(init.frameRoomBytes, () => context.monotonic());
    const options = init.listeners[this.#dialect];
    assert(options !== undefined, `${dialect} is not spoken`);
    context.network.listen(
      options,
      (socket) => ({ type: 'accepted', socket }),
      (error, listening) => ({ type: 'listening', error, listening }),
    );
    context.after(LOAD_AFTER_MS, { type: 'load' });
  }

  receive(message: Inbox): void {
    switch (message.type) {
      case 'listening':
        assert(message.listening !== undefined, `${this.#dialect}: can't listen: ${message.error}`);
        this.#listening = message.listening;
        this.#context.count('listeners', 1);
        if (this.#draining) this.#close(message.listening);
        break;
      case 'accepted':
        this.#accept(message.socket);
        break;
      case 'load':
        this.#load();
        break;
      case 'loaded':
        this.#greet = message.greeterOf(this.#init, this.#context.node);
        for (const socket of this.#early.splice(0)) this.#accept(socket);
        break;
      case 'down':
        this.#connections--;
        this.#gauge();
        break;
      case 'drain':
        this.#draining = true;
        if (this.#listening !== null) this.#close(this.#listening);
        break;
      case 'closed':
        this.#context.stop();
        break;
    }
  }

  stopped(): void {
    if (this.#listening !== null) this.#context.count('listeners', -1);
  }

  inspect(): unknown {
    const { host, port } = this.#listening ?? { host: '', port: 0 };
    return { host, port, connections: this.#connections };
  }

  #load(): void {
    if (this.#loading) return;
    this.#loading = true;
    this.#context.when(this.#init.dialects[this.#dialect], (greeterOf) => ({ type: 'loaded', greeterOf }));
  }

  /** Bounded as those that are open. */
  #wait(socket: Socket): void {
    if (this.#early.length < this.#init.connectionsMax) this.#early.push(socket);
    else socket.destroy();
    this.#load();
  }

  #accept(socket: Socket): void {
    if (this.#greet === null) {
      this.#wait(socket);
      return;
    }
    const conversation = this.#greet(socket);
    const full = this.#connections >= this.#init.connectionsMax;
    if (this.#draining || full || !this.#init.requests.heapRoom.take(CONNECTION_BYTES)) {
      this.#refuse(socket, conversation);
      return;
    }
    this.#connections++;
    this.#context.count(`connections_accepted.${this.#dialect}`, 1);
    this.#gauge();
    const frameRoom = this.#frameRoom;
    const init: ConnectionInit = { socket, conversation, services: this.#init.requests, frameRoom };
    // Connections outlive their listener: its next incarnation counts anew, and so does another dialect's.
    const key = `${this.#context.shard}.${this.#context.self.incarnation}.${++this.#number}`;
    this.#context.watch(this.#context.spawn('connection', key, init));
  }

  #refuse(socket: Socket, conversation: Conversation): void {
    this.#context.count(`connections_refused.${this.#dialect}`, 1);
    const why = this.#draining
      ? fault('SHUTTING_DOWN', 'the node is stopping')
      : fault('OVERLOADED', `${this.#connections} connections are open here already`);
    // Nobody waits for the end of the write: `end` sends what was written first.
    socket.write(conversation.refuse(new Uint8Array(0), why), () => undefined);
    socket.end();
  }

  #gauge(): void {
    this.#context.gauge(`connections.${this.#dialect}`, this.#connections);
  }

  #close(listening: Listening): void {
    this.#context.network.close(listening, () => ({ type: 'closed' }));
  }
}

export function makeListener(context: Context<Inbox>, key: string, init: unknown): Actor<Inbox> {
  return new Listener(context, key, init as ListenerInit);
}
