/** Who is told to come again: what may have come late, and nobody twice. */
import test from 'ava';
import type { Decision } from '../../src/transaction/decide.ts';
import type { TransactionRecord } from '../../src/transaction/record.ts';
import { Transaction } from '../../src/transaction/transaction.ts';
import { CommitVoices, Voices } from '../../src/transaction/voices.ts';

const record: TransactionRecord = { transaction: 'pay', at: 1, type: 'joined', places: [], groups: [] };
const changes: Decision<null> = { kind: 'done', records: [record], reply: null };
const changesNothing: Decision<null> = { kind: 'done', records: [], reply: null };
const one = new Transaction('pay');
const at = (openedAt: number, name = `connection/0.1.${openedAt}`) => ({ name, openedAt });

test('an older connection is told to come again, a newer one is heard', (t) => {
  const voices = new Voices();
  t.false(voices.doubts(one, at(5), changes), 'nobody was heard before');
  t.false(voices.doubts(one, at(7), changes));
  t.true(voices.doubts(one, at(5), changes));
  t.false(voices.doubts(one, at(7), changes));
  t.true(voices.doubts(one, at(6), changes));
  t.true(voices.doubts(one, at(5), changes), 'another one came in between: this is not its answer');
  t.false(voices.doubts(one, at(5), changes));
  t.false(voices.doubts(one, at(6), changes), 'several are in use');
});

test('what changes nothing is not doubted, nor what was opened in the same millisecond, nor another id', (t) => {
  const voices = new Voices();
  voices.hear(one, 7);
  t.false(voices.doubts(one, at(5), changesNothing));
  t.false(voices.doubts(one, at(7, 'connection/1.1.1'), changes));
  t.false(voices.doubts(new Transaction('other'), at(5), changes));
  t.false(voices.doubts(undefined, at(5), changes));
});

test('a new beginning is heard wherever it comes', (t) => {
  const voices = new Voices();
  voices.hear(one, 7);
  voices.hear(one, 5);
  t.false(voices.doubts(one, at(5), changes));
  t.false(voices.doubts(one, at(6), changes));
  t.true(voices.doubts(one, at(5), changes));
});

test('offsets are doubted by producer, until it begins anew', (t) => {
  const voices = new CommitVoices();
  const writer = (epoch: number, producer = 1) => ({ producer, epoch }) as Parameters<typeof voices.doubts>[0];
  t.false(voices.doubts(writer(3), at(5)), 'nobody was heard before');
  t.false(voices.doubts(writer(3), at(7)));
  t.true(voices.doubts(writer(3), at(5)));
  t.false(voices.doubts(writer(3, 2), at(5)), 'another producer');
  t.false(voices.doubts(writer(2), at(4)), 'an older epoch is fenced by others, and says nothing of connections');
  t.false(voices.doubts(writer(4), at(6)), 'it began anew');
  t.true(voices.doubts(writer(4), at(5)));
  t.false(voices.doubts(writer(4), at(5)), 'who comes again is alive');
});

test('producers beyond the bound are forgotten, the oldest first', (t) => {
  const voices = new CommitVoices();
  const writer = (producer: number) => ({ producer, epoch: 0 }) as Parameters<typeof voices.doubts>[0];
  for (let producer = 0; producer <= 10_000; producer++) voices.doubts(writer(producer), at(7));
  t.false(voices.doubts(writer(0), at(5)));
  t.true(voices.doubts(writer(2), at(5)));
});
