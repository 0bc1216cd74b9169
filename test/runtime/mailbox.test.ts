/** Mailboxes and pipes against a plain list. */
import test from 'ava';
import fc from 'fast-check';
import type { Message } from '../../runtime/actor.ts';
import { Fifo, Mailbox } from '../../runtime/mailbox.ts';
import { Pipe } from '../../runtime/pipe.ts';
import { address } from './kernel-world.ts';

test('a queue gives back what was put in, in order, through growth and wrap', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -40, max: 60 }), { maxLength: 60, size: 'max' }), (steps) => {
      const queue = new Fifo<number>();
      const model: number[] = [];
      let next = 0;
      for (const step of steps) {
        for (let i = 0; i < step; i++) {
          queue.push(next);
          model.push(next++);
        }
        for (let i = 0; i > step; i--) t.is(queue.shift(), model.shift());
        t.is(queue.length, model.length);
        t.is(queue.first(), model[0]);
      }
    }),
  );
});

test('a mailbox bounds requests, never replies, and gives replies first', (t) => {
  const mailbox = new Mailbox(2);
  const from = address('x');
  const take = (): string | null => (mailbox.take() ? (mailbox.message as Message).type : null);
  mailbox.pushRequest({ type: 'a' }, from);
  t.true(mailbox.roomy);
  mailbox.pushRequest({ type: 'b' }, from);
  t.true(mailbox.full);
  t.throws(() => mailbox.pushRequest({ type: 'c' }, from));
  for (const type of ['r', 's', 't']) mailbox.pushReply({ type }, from);
  t.is(mailbox.length, 5);
  t.deepEqual([take(), take(), take(), take(), take(), take()], ['r', 's', 't', 'a', 'b', null]);
});

test('a pipe carries records in order and whole, and a writer that was refused hears of room', (t) => {
  const operations = fc.array(
    fc.oneof(fc.record({ write: fc.nat(60) }), fc.record({ read: fc.integer({ min: 1, max: 4 }) })),
  );
  fc.assert(
    fc.property(operations, (steps) => {
      const pipe = new Pipe(128);
      const model: Uint8Array[] = [];
      let stamp = 0;
      for (const step of steps) {
        if ('write' in step) {
          const at = pipe.claim(step.write);
          const fill = model.reduce((sum, record) => sum + record.length, 0);
          t.is(at >= 0, fill + step.write <= 128);
          t.is(pipe.waits, at < 0);
          if (at < 0) continue;
          pipe.bytes.fill(++stamp & 0xff, at, at + step.write);
          pipe.publish();
          model.push(new Uint8Array(step.write).fill(stamp & 0xff));
        } else {
          const waited = pipe.waits;
          pipe.drain(step.read, (bytes, at, length) =>
            t.deepEqual(bytes.slice(at, at + length), model.shift() as Uint8Array),
          );
          const fill = model.reduce((sum, record) => sum + record.length, 0);
          t.is(pipe.writerWaits(), waited && fill <= 64);
        }
        t.is(pipe.empty, model.length === 0);
      }
    }),
  );
});
