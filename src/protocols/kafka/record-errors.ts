/** Records of a batch that were refused, in the words in which Kafka's brokers tell of them. */
import type { Fault, RecordFault, RecordFaults } from '../../model/faults.ts';
import { errors } from './faults.ts';

/** So many stand in the message of the batch. */
const SHOWN = 3;
/** A bound that is none. */
const [INT64_LEAST, INT64_MOST] = ['-9223372036854775808', '9223372036854775807'];

interface RecordError {
  readonly batchIndex: number;
  readonly batchIndexErrorMessage: string;
}

/** @param place topic and partition, as Kafka writes them. */
export function recordErrorsOf({ code, message }: Fault, { count, named }: RecordFaults, place: string) {
  const recordErrors = named.map((one) => ({
    batchIndex: one.at,
    batchIndexErrorMessage: wordsOf(one, message, place),
  }));
  if (code === 'INVALID_TIMESTAMP') {
    const errorMessage = 'One or more records have been rejected due to invalid timestamp';
    return { errorCode: errors.INVALID_TIMESTAMP, errorMessage, recordErrors };
  }
  // Whatever is wrong with a record: no other try would help, which CORRUPT_MESSAGE would make clients believe.
  const shown = recordErrors.slice(0, SHOWN).map(shownOf).join(', ');
  const errorMessage = `One or more records have been rejected due to ${count} record errors in total, and only showing the first three errors at most: [${shown}]`;
  return { errorCode: errors.INVALID_RECORD, errorMessage, recordErrors };
}

function wordsOf(one: RecordFault, message: string, place: string): string {
  switch (one.why) {
    case 'no key':
      return `Compacted topic cannot accept message without key in topic partition ${place}`;
    case 'time':
      return `Timestamp ${one.timestamp} of message with offset ${one.at} is out of range. The timestamp should be within [${boundOf(one.least)}, ${boundOf(one.most)}]`;
    case 'unsound':
      return message;
  }
}

const shownOf = ({ batchIndex, batchIndexErrorMessage }: RecordError): string =>
  `RecordError(batchIndex=${batchIndex}, message='${batchIndexErrorMessage}')`;

function boundOf(time: number): string {
  if (Number.isFinite(time)) return `${time}`;
  return time < 0 ? INT64_LEAST : INT64_MOST;
}
