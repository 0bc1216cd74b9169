/**
 * The whole node as one literal: which actors there are, where they live, what happens when they crash, in which order
 * they stop. Nothing is started here; the kernel reads it.
 */
import type { Kind, Supervision, Tree } from '../runtime/actor.ts';
import { deadLetters } from '../runtime/dead-letters.ts';
import { FIRST_TRANSACTION_PARTITION, TRANSACTION_PARTITIONS } from '../src/model/ids.ts';
import { type CatalogInit, makeCatalog } from './catalog.ts';
import { makeCensus } from './census.ts';
import { makeConnection } from './connection.ts';
import { type CoordinatorInit, makeCoordinator } from './coordinator.ts';
import type { Dialect } from './counters.ts';
import { type DirectoryInit, makeDirectory } from './directory.ts';
import { makeJanitor } from './janitor.ts';
import type { StorageInit } from './journal/contract.ts';
import { makeJournal } from './journal.ts';
import { type ListenerInit, makeListener } from './listener.ts';
import { makePartition } from './partition.ts';
import { makeTransactions, type TransactionsInit } from './transactions.ts';

/** What every actor that begins at start or on demand is handed. */
export type NodeInit = CatalogInit & CoordinatorInit & DirectoryInit & ListenerInit & StorageInit & TransactionsInit;

/** Its state is in a log: a new incarnation has all of it. */
const fromLog: Supervision = { directive: 'restart', crashesMax: 20, windowMs: 60_000, backoffMs: [20, 2_000] };
/** All of its shard hang on it: when restarts do not help, the shard is thrown away. */
const vital: Supervision = { directive: 'restart', crashesMax: 5, windowMs: 60_000, backoffMs: [20, 2_000] };
/** Belongs to one client, who connects again. */
const oneClient: Supervision = { directive: 'stop', crashesMax: 0, windowMs: 1, backoffMs: [1, 1] };

const everyShard = (shards: number): string[] => Array.from({ length: shards }, (_, shard) => String(shard));
const onShardOfKey = (key: string): number => Number(key);
const byNumber = (key: string, shards: number): number => Number(key) % shards;

const transactionKeys = Array.from({ length: TRANSACTION_PARTITIONS }, (_, index) =>
  String(FIRST_TRANSACTION_PARTITION + index),
);

const connection: Kind = { make: makeConnection, supervision: oneClient, begins: 'spawn', mailboxMax: 1_024, stops: 1 };

/**
 * @param acceptingShards how many shards accept connections: all, where the platform lets them share a port.
 * @param dialects those that are spoken.
 */
export function nodeTree(acceptingShards: (shards: number) => number, dialects: readonly Dialect[]): Tree {
  const listenerKeys = (shards: number): string[] =>
    everyShard(acceptingShards(shards)).flatMap((shard) => dialects.map((dialect) => `${shard}.${dialect}`));
  return {
    'dead-letters': deadLetters,
    journal: {
      make: makeJournal,
      supervision: { ...vital, directive: 'escalate' },
      place: onShardOfKey,
      begins: 'start',
      gathers: true,
      keys: everyShard,
      mailboxMax: 65_536,
      stops: 9,
    },
    janitor: {
      make: makeJanitor,
      supervision: fromLog,
      place: onShardOfKey,
      begins: 'start',
      keys: everyShard,
      mailboxMax: 1_024,
      stops: 4,
    },
    partition: {
      make: makePartition,
      supervision: fromLog,
      place: byNumber,
      begins: 'demand',
      mailboxMax: 4_096,
      stops: 5,
    },
    catalog: {
      make: makeCatalog,
      supervision: fromLog,
      place: () => 0,
      begins: 'start',
      mailboxMax: 4_096,
      stops: 3,
    },
    directory: {
      make: makeDirectory,
      supervision: fromLog,
      place: onShardOfKey,
      begins: 'start',
      keys: everyShard,
      mailboxMax: 16_384,
    },
    coordinator: {
      make: makeCoordinator,
      supervision: fromLog,
      place: byNumber,
      begins: 'demand',
      mailboxMax: 16_384,
      stops: 3,
    },
    transactions: {
      make: makeTransactions,
      supervision: fromLog,
      place: byNumber,
      begins: 'start',
      keys: () => transactionKeys,
      mailboxMax: 16_384,
      stops: 3,
    },
    census: {
      make: makeCensus,
      supervision: fromLog,
      place: onShardOfKey,
      begins: 'start',
      keys: everyShard,
      mailboxMax: 1_024,
    },
    listener: {
      make: makeListener,
      supervision: vital,
      begins: 'start',
      keys: listenerKeys,
      mailboxMax: 4_096,
      stops: 0,
    },
    connection,
  };
}
