/** Transactions through the real kernel: who is told of their end and how often, restarts at every step, a disk that is full. */
import test from 'ava';
import { coordinatorOf } from '../../src/group/hash.ts';
import { type FaultCode, fault } from '../../src/model/faults.ts';
import type { End, Joined, Writer } from '../../src/transaction/decide.ts';
import { transactionsOf } from '../../src/transaction/hash.ts';
import { type Answer, StateWorld } from './state-world.ts';

const ID = 'pay';
const KEY = transactionsOf(ID);
const GROUP = 'billing';
/** A partition of a topic, as far as anybody here cares. */
const P = 1_000;
type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: { readonly code: FaultCode } };

class TransactionWorld extends StateWorld {
  /** Sends, and does not wait. */
  start(ask: Record<string, unknown>): number {
    const asked = { transaction: ID, openedAt: 1, ...ask };
    return this.asker.send(`transactions/${KEY}`, { type: 'transact', ask: asked });
  }

  result<T>(request: number): Result<T> | undefined {
    return (this.asker.answer(request) as (Answer & { readonly result: Result<T> }) | undefined)?.result;
  }

  /** The answer, or the fault's code, or that there is none yet. */
  said(request: number): string {
    const result = this.result<Partial<Writer & Joined>>(request);
    if (result === undefined) return 'nothing yet';
    if (!result.ok) return result.fault.code;
    const { producer, epoch, all } = result.value;
    return producer === undefined ? `all ${all}` : `epoch ${epoch}`;
  }

  ask(ask: Record<string, unknown>): string {
    const request = this.start(ask);
    this.settle();
    return this.said(request);
  }

  /** Opens the id; its producer. */
  open(): Writer {
    const request = this.start({ call: 'open', timeoutMs: 60_000, before: { producer: -1, epoch: -1 } });
    this.settle();
    const result = this.result<Writer>(request);
    if (result?.ok !== true) throw new Error(`not opened: ${this.said(request)}`);
    return { producer: result.value.producer, epoch: result.value.epoch };
  }

  join(who: Writer, groups: readonly string[] = []): string {
    return this.ask({ call: 'join', ...who, places: [[P, 7, 0]], groups, verify: false });
  }

  end(who: Writer, commit = true, protocol: End['protocol'] = 2): number {
    const request = this.start({ call: 'end', ...who, commit, protocol });
    this.settle();
    return request;
  }

  override restart(): TransactionWorld {
    return new TransactionWorld({}, this.logs);
  }
}

test('an end is answered when everybody was told', (t) => {
  const world = new TransactionWorld();
  const who = world.open();
  t.is(world.join(who, [GROUP]), 'all true');
  world.log(P).marking = 'silent';
  const end = world.end(who);
  t.is(world.said(end), 'nothing yet');
  t.deepEqual(world.log(P).marks, [{ producer: who.producer, epoch: 1, commit: true }]);
  world.log(P).marking = 'answers';
  world.advance(3_000);
  t.is(world.said(end), 'epoch 1', 'it was told again');
  t.is(world.log(P).marks.length, 2);
});

test('a partition that is gone needs not be told, one that refuses is told again', (t) => {
  const world = new TransactionWorld();
  const who = world.open();
  world.join(who);
  world.log(P).marking = 'DISK_FULL';
  const end = world.end(who);
  world.advance(1_000);
  t.is(world.said(end), 'nothing yet');
  world.log(P).marking = 'UNKNOWN_PARTITION';
  world.advance(1_000);
  t.is(world.said(end), 'epoch 1');
});

test('who waits too long hears that the transaction is still being ended', (t) => {
  const world = new TransactionWorld();
  const who = world.open();
  world.join(who);
  world.log(P).marking = 'silent';
  const end = world.end(who);
  world.advance(11_000);
  t.is(world.said(end), 'CONCURRENT_TRANSACTIONS');
  world.log(P).marking = 'answers';
  world.advance(3_000);
  t.is(world.said(world.end(who)), 'epoch 1');
});

test('what was decided is told after a restart, although nobody asks; what was not is aborted by its time-out', (t) => {
  const world = new TransactionWorld();
  const who = world.open();
  world.join(who);
  world.log(P).marking = 'silent';
  world.end(who);
  const after = world.restart();
  after.log(P).marking = 'answers';
  after.advance(3_000);
  t.deepEqual(after.log(P).marks.at(-1), { producer: who.producer, epoch: 1, commit: true });
  const next = { ...who, epoch: 1 };
  t.is(after.join(next), 'all true');
  const again = after.restart();
  again.advance(70_000);
  t.deepEqual(again.log(P).marks.at(-1), { producer: who.producer, epoch: 2, commit: false });
  t.is(again.join(next), 'PRODUCER_FENCED');
});

test('a decision that the log does not have is told to nobody', (t) => {
  const world = new TransactionWorld();
  const who = world.open();
  world.join(who);
  world.log(KEY).hold = true;
  const end = world.end(who);
  world.advance(1_000);
  t.deepEqual([world.log(P).marks.length, world.said(end)], [0, 'nothing yet']);
  world.log(KEY).release();
  world.settle();
  t.deepEqual([world.log(P).marks.length, world.said(end)], [1, 'epoch 1']);
});

test('a log that refuses leaves the transaction as it was', (t) => {
  const world = new TransactionWorld();
  const who = world.open();
  world.join(who);
  world.log(KEY).refuse = fault('DISK_FULL', 'no room');
  const end = world.end(who);
  t.is(world.said(end), 'UNAVAILABLE', 'the state is read from the log again');
  t.is(world.log(P).marks.length, 0);
  world.log(KEY).refuse = null;
  world.advance(10_000);
  t.is(world.said(world.end(who)), 'epoch 1');
});

test('who was still to be told of an end that is over does not pass for those of the next one', (t) => {
  const world = new TransactionWorld();
  const who = world.open();
  world.join(who);
  const first = world.end(who);
  t.is(world.said(first), 'epoch 1');
  const again = { ...who, epoch: 1 };
  t.is(world.join(again), 'all true');
  world.log(P).marking = 'silent';
  world.end(again);
  // Everybody knows, and the log cannot take that; then it can, and the partition says nothing any more.
  world.log(KEY).refuse = fault('DISK_FULL', 'no room');
  world.log(P).marking = 'answers';
  world.advance(2_500);
  world.log(P).marking = 'silent';
  world.log(KEY).refuse = null;
  world.advance(6_000);
  const next = { ...who, epoch: 2 };
  world.log(P).marking = 'answers';
  t.is(world.join(next), 'all true');
  t.is(world.said(world.end(next)), 'epoch 3');
  t.deepEqual(world.log(P).marks.at(-1), { producer: who.producer, epoch: 3, commit: true });
});

test('a new instance waits until what the one before had open is aborted', (t) => {
  const world = new TransactionWorld();
  const before = world.open();
  world.join(before);
  world.log(P).marking = 'silent';
  const opening = world.start({ call: 'open', timeoutMs: 60_000, before: { producer: -1, epoch: -1 } });
  world.settle();
  t.is(world.said(opening), 'nothing yet');
  t.is(world.join(before), 'PRODUCER_FENCED');
  world.log(P).marking = 'answers';
  world.advance(3_000);
  t.is(world.said(opening), 'epoch 2');
  t.deepEqual(world.log(P).marks.at(-1), { producer: before.producer, epoch: 1, commit: false });
});

test('offsets of a group wait for the end of the transaction, through restarts of everybody', (t) => {
  const world = new TransactionWorld();
  const topic = world.asker.ask('catalog', {
    type: 'create',
    name: 'orders',
    partitions: 1,
    settings: {},
    onDemand: false,
  });
  const number = (topic as { readonly topic: { readonly id: number } } & Answer).topic.id;
  const who = world.open();
  const offsets = [{ topic: number, partition: 0, offset: 42, leaderEpoch: -1, metadata: '' }];
  const member = { generation: -1, member: '', offsets };
  const commit = { call: 'commitInTransaction', group: GROUP, transaction: ID, ...who, joins: true, ...member };
  const answer = world.asker.call(commit as never);
  t.is(answer?.type, 'answered');
  const committed = (by: StateWorld): unknown =>
    (by.asker.call({ call: 'committed', group: GROUP, places: [{ topic: number, partition: 0 }] } as never) as Answer)
      .reply;
  t.like(committed(world), { parts: [{ offset: -1, unstable: true }] });
  // Its own log takes nothing now, so that it can't say that it knows.
  world.log(coordinatorOf(GROUP)).hold = true;
  const end = world.end(who);
  t.is(world.said(end), 'nothing yet');
  const after = world.restart();
  after.log(coordinatorOf(GROUP)).release();
  after.advance(5_000);
  t.like(committed(after), { parts: [{ offset: 42 }] });
  t.is(after.said(after.end(who)), 'epoch 1');
});
