/** Faults as Kafka's clients see them: every code is one of Kafka's, and those that matter to them are what they expect. */
import test from 'ava';
import { faultCodes } from '../../../src/model/faults.ts';
import { coordinatorErrorOf, errorOf, errors } from '../../../src/protocols/kafka/faults.ts';

/** Errors that the fetches of the Java consumer expect; it stops with an exception of its own at any other. */
const FETCHABLE = new Set<number>([
  errors.NONE,
  errors.UNKNOWN_SERVER_ERROR,
  errors.OFFSET_OUT_OF_RANGE,
  errors.CORRUPT_MESSAGE,
  errors.UNKNOWN_TOPIC_OR_PARTITION,
  errors.NOT_LEADER_OR_FOLLOWER,
  errors.KAFKA_STORAGE_ERROR,
]);

test('every fault has a code of its own kind, and no fault is no error', (t) => {
  const codes = new Set<number>(Object.values(errors));
  for (const fault of faultCodes) {
    t.true(codes.has(errorOf(fault)) && errorOf(fault) !== errors.NONE, fault);
    t.true(codes.has(coordinatorErrorOf(fault)) && coordinatorErrorOf(fault) !== errors.NONE, fault);
  }
});

test('error codes are different from each other', (t) => {
  t.is(new Set(Object.values(errors)).size, Object.keys(errors).length);
});

test('what can go wrong with a partition is what consumers expect of a fetch', (t) => {
  for (const fault of [
    'UNKNOWN_TOPIC',
    'UNKNOWN_PARTITION',
    'OFFSET_OUT_OF_RANGE',
    'DATA_DAMAGED',
    'UNAVAILABLE',
    'OVERLOADED',
    'SHUTTING_DOWN',
    'STORAGE_FAILED',
    'INTERNAL',
  ] as const)
    t.true(FETCHABLE.has(errorOf(fault)), fault);
});

test('a coordinator that is away is looked for, a partition that is away is asked about', (t) => {
  for (const fault of ['UNAVAILABLE', 'SHUTTING_DOWN'] as const) {
    t.is(errorOf(fault), errors.NOT_LEADER_OR_FOLLOWER);
    t.is(coordinatorErrorOf(fault), errors.COORDINATOR_NOT_AVAILABLE);
  }
});
