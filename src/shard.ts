/**
 * The door of one shard: gives the actors what they may not import (checksums, msgpack) and the settings in the words of
 * each. Imported by its URL in every thread that runs a shard.
 */
import { crc32c as plainCrc32c } from '@node-rs/crc32';
import type { Dialect } from '../actors/counters.ts';
import { HeapRoom } from '../actors/heap-room.ts';
import { journalSize } from '../actors/journal.ts';
import { greetNative } from '../actors/listener/native.ts';
import { type NodeInit, nodeTree } from '../actors/node.ts';
import { CompactionRoom } from '../actors/partition/compaction-room.ts';
import { readAheadRoom } from '../actors/partition/read-ahead.ts';
import { Rereads } from '../actors/partition/rereads.ts';
import { crcInArenas } from '../runtime/arena-crc.ts';
import { decodeValue, encodeValue, fieldsCodec } from '../runtime/envelope.ts';
import { PORTS_CAN_BE_SHARED } from '../runtime/listener.ts';
import type { Compose, Composition } from '../runtime/shard-host.ts';
import { UnlistedRoom } from './log/unlisted.ts';
import type { Timestamp } from './model/ids.ts';
import { type NetworkPlace, parsePlace } from './model/place.ts';
import { groupBoundsOf, type Settings, topicDefaults } from './settings.ts';

/** What main hands to every shard; can be posted to a thread. */
export interface ShardPlan {
  readonly settings: Settings;
  readonly version: string;
  readonly cluster: string;
  readonly startedAt: Timestamp;
  /** Absolute. */
  readonly folder: string;
  readonly direct: boolean;
  /** Found by main, which bound it once: several shards listen on the same one. */
  readonly nativePort: number;
  /** Likewise; null: no Kafka clients are served. */
  readonly kafkaPort: number | null;
  readonly arenaBytes: number;
  readonly heapRoomBytes: number;
  /** What a shard has the operating system keep of segments that are read again and again. */
  readonly rereadBytes: number;
}

/** A start waits for none that can be loaded behind it. */
const dialects: NodeInit['dialects'] = {
  native: (done) => done(greetNative),
  kafka: (done) => void import('../actors/listener/kafka.ts').then(({ greetKafka }) => done(greetKafka)),
};

/** Where Kafka clients are told to find the node; empty: where they came to. */
function advertisedBy(settings: Settings): NetworkPlace {
  return parsePlace(settings['kafka.advertised']) ?? { host: '' };
}

export const compose: Compose = (init, { shards, arenas, borrow }): Composition => {
  const plan = init as ShardPlan;
  const crc32c = crcInArenas(plainCrc32c, arenas, borrow);
  const { settings } = plan;
  const accepting = PORTS_CAN_BE_SHARED ? shards : 1;
  const facts = {
    version: plan.version,
    cluster: plan.cluster,
    startedAt: plan.startedAt,
    folder: plan.folder,
    direct: plan.direct,
  };
  const shared = accepting > 1;
  const listeners: NodeInit['listeners'] = {
    native: { host: settings['native.host'], port: plan.nativePort, shared },
    ...(plan.kafkaPort === null ? {} : { kafka: { host: settings['kafka.host'], port: plan.kafkaPort, shared } }),
  };
  const nodeInit: NodeInit = {
    codec: { encode: encodeValue, decode: decodeValue, crc32c },
    defaults: { partitions: settings['topics.partitions'], settings: topicDefaults(settings) },
    autoCreate: settings['topics.autoCreate'],
    initialRebalanceMs: settings['groups.initialRebalanceMs'],
    offsetRetentionMs: settings['groups.offsetRetentionMs'],
    migration: settings['groups.migration'],
    groupBounds: groupBoundsOf(settings),
    transactionMsMax: settings['transactions.timeoutMsMax'],
    transactionalIdMs: settings['transactions.idRetentionMs'],
    crc32c,
    ...journalSize(plan.arenaBytes),
    freeBytesMin: settings['disk.freeBytesMin'],
    freeRatioMin: settings['disk.freeRatioMin'],
    compactions: new CompactionRoom(),
    unlisted: new UnlistedRoom(plan.arenaBytes),
    readAhead: readAheadRoom(plan.arenaBytes),
    rereads: new Rereads(plan.rereadBytes),
    listeners,
    dialects,
    advertised: advertisedBy(settings),
    connectionsMax: Math.ceil(settings['limits.connections'] / accepting),
    frameBytesMax: settings['limits.frameBytes'],
    // The other half stays for the log, whatever clients claim.
    frameRoomBytes: plan.arenaBytes / 2,
    fields: fieldsCodec,
    requests: { crc32c, facts, heapRoom: new HeapRoom(plan.heapRoomBytes) },
  };
  return { tree: nodeTree(() => accepting, Object.keys(listeners) as Dialect[]), init: nodeInit };
};
