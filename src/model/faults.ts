/**
 * Everything that can go wrong for a client, as one closed table. A fault is a value, never thrown by a machine;
 * each dialect owns one table from these codes to its own wire codes.
 */
interface FaultKind {
  /** The same request may succeed later without a change by the caller. */
  readonly retryable: boolean;
  /** What to do, in one sentence. */
  readonly hint: string;
}

const kinds = {
  // the request
  BAD_FRAME: { retryable: false, hint: 'Send a frame as the protocol describes it.' },
  FRAME_TOO_LARGE: { retryable: false, hint: 'Send smaller batches, or raise limits.frameBytes on the node.' },
  UNSUPPORTED_VERSION: { retryable: false, hint: 'Use a version that the node lists in its hello.' },
  UNKNOWN_CALL: { retryable: false, hint: 'Use a call that the protocol describes.' },
  INVALID_REQUEST: { retryable: false, hint: 'Correct the named field.' },
  HELLO_REQUIRED: { retryable: false, hint: 'Say hello first on every connection.' },
  TOO_MANY_REQUESTS: { retryable: true, hint: 'Wait for answers before sending more on this connection.' },
  // names
  INVALID_NAME: {
    retryable: false,
    hint: 'Use 1 to 249 characters out of letters, digits, dot, underscore and hyphen; not "." or "..".',
  },
  UNKNOWN_TOPIC: { retryable: false, hint: 'Create the topic, or turn on topics.autoCreate.' },
  UNKNOWN_PARTITION: { retryable: false, hint: 'Look up the topic again; it has fewer partitions.' },
  TOPIC_EXISTS: { retryable: false, hint: 'Choose another name, or use the topic that is there.' },
  TOPIC_INTERNAL: { retryable: false, hint: 'Internal topics are written by the node alone.' },
  INVALID_SETTING: { retryable: false, hint: 'Give the named setting a value that is allowed.' },
  UNKNOWN_GROUP: { retryable: false, hint: 'List the groups to see which there are.' },
  GROUP_NOT_EMPTY: { retryable: true, hint: 'Stop the members of the group first.' },
  // records
  CORRUPT_BATCH: { retryable: false, hint: 'The batch does not match its checksum or counts; build it anew.' },
  UNSUPPORTED_BATCH: { retryable: false, hint: 'Send record batches of version 2 without control flag.' },
  INVALID_RECORD: { retryable: false, hint: 'Give every record of a compacted topic a key.' },
  INVALID_TIMESTAMP: {
    retryable: false,
    hint: "Set the clock of the producer, or widen the topic's timestampBeforeMsMax and timestampAfterMsMax.",
  },
  BATCH_TOO_LARGE: { retryable: false, hint: "Send smaller batches, or raise the topic's batchBytesMax." },
  OFFSET_OUT_OF_RANGE: { retryable: false, hint: 'Start again from the begin or the end of the partition.' },
  DATA_DAMAGED: {
    retryable: false,
    hint: 'Stored bytes do not match their checksum and there is no other copy: seek beyond the range; run "callboard log verify".',
  },
  // producers
  UNKNOWN_PRODUCER: { retryable: false, hint: 'Ask for a new producer id.' },
  PRODUCER_FENCED: { retryable: false, hint: 'A newer instance of this producer is at work; stop this one.' },
  OUT_OF_ORDER_SEQUENCE: { retryable: false, hint: 'A batch before this one is missing; ask for a new producer id.' },
  // transactions
  UNKNOWN_TRANSACTION: { retryable: false, hint: 'List the transactions to see which there are.' },
  PRODUCER_UNMAPPED: { retryable: false, hint: 'The transactional id has another producer id; ask for it anew.' },
  INVALID_TRANSACTION_STATE: { retryable: false, hint: 'Begin a transaction before its records and before its end.' },
  TRANSACTION_ABORTABLE: { retryable: false, hint: 'Abort the transaction and begin another one.' },
  CONCURRENT_TRANSACTIONS: { retryable: true, hint: 'The transaction before is being ended; try again in a moment.' },
  INVALID_TRANSACTION_TIMEOUT: {
    retryable: false,
    hint: 'Choose a transaction time-out within the bound of the node.',
  },
  UNSTABLE_OFFSET: { retryable: true, hint: 'A transaction is about to commit another offset; ask again in a moment.' },
  // groups
  UNKNOWN_MEMBER: { retryable: false, hint: 'Join the group again.' },
  FENCED_MEMBER: { retryable: false, hint: 'Give up the partitions and join the group again.' },
  STALE_MEMBER_EPOCH: { retryable: true, hint: 'Send a heartbeat to learn the present epoch, then try again.' },
  MEMBER_EXISTS: { retryable: false, hint: 'Another member holds this instance id; stop it or choose another id.' },
  UNKNOWN_ASSIGNOR: { retryable: false, hint: 'Use range, roundrobin or sticky.' },
  REBALANCE_IN_PROGRESS: { retryable: true, hint: 'Join the group again.' },
  ILLEGAL_GENERATION: { retryable: false, hint: 'The group has moved on; join it again.' },
  INCONSISTENT_PROTOCOL: {
    retryable: false,
    hint: 'Members that assign by themselves share a kind and a way of assigning; stop the others first, or use another group.',
  },
  MEMBER_ID_REQUIRED: { retryable: true, hint: 'Join again with the member id of this answer.' },
  FENCED_INSTANCE: { retryable: false, hint: 'Another member has taken over this instance id; stop this one.' },
  INVALID_SESSION: { retryable: false, hint: 'Choose a session time-out within the bounds of the node.' },
  INVALID_PATTERN: { retryable: false, hint: 'Use a shorter pattern, without look-around and back-references.' },
  TOPIC_SUBSCRIBED: { retryable: false, hint: 'Members of the group are subscribed to the topic; stop them first.' },
  METADATA_TOO_LARGE: { retryable: false, hint: 'Commit offsets with shorter metadata.' },
  GROUP_FULL: { retryable: false, hint: 'The group has as many members as limits allow.' },
  // the node
  UNAVAILABLE: {
    retryable: true,
    hint: 'The part of the node that was asked is starting again; try again in a moment.',
  },
  OVERLOADED: { retryable: true, hint: 'The node has no room for more in-flight bytes; try again in a moment.' },
  TIMED_OUT: {
    retryable: true,
    hint: 'It may have happened all the same; an idempotent producer tries again without harm.',
  },
  SHUTTING_DOWN: { retryable: true, hint: 'The node is stopping; connect again when it is back.' },
  DISK_FULL: {
    retryable: true,
    hint: 'Free space on the disk or shorten retention; reads go on, writes resume by themselves.',
  },
  STORAGE_FAILED: {
    retryable: true,
    hint: "The disk reported an error; see the node's log. Nothing of this request was acknowledged.",
  },
  INTERNAL: { retryable: true, hint: 'A defect of the node; its log has the details.' },
} as const satisfies Record<string, FaultKind>;

export type FaultCode = keyof typeof kinds;

export interface Fault {
  readonly code: FaultCode;
  /** What happened, naming the thing that was wrong. */
  readonly message: string;
  readonly retryable: boolean;
  readonly hint: string;
  /** Where it was records of a batch that are wrong. */
  readonly records?: RecordFaults;
}

export interface RecordFaults {
  /** So many are wrong. */
  readonly count: number;
  /** The first of them, as many as are named. */
  readonly named: readonly RecordFault[];
}
/** `at`: place of the record in its batch, from 0. `unsound`: the message of the fault says why. */
export type RecordFault = { readonly at: number } & (
  | { readonly why: 'unsound' | 'no key' }
  /** Ms since 1970; its bounds may be infinite. */
  | { readonly why: 'time'; readonly timestamp: number; readonly least: number; readonly most: number }
);

export const faultCodes = Object.keys(kinds) as readonly FaultCode[];

/** Is `code` one of the closed set? For codes read from a wire. */
export function isFaultCode(code: unknown): code is FaultCode {
  return typeof code === 'string' && Object.hasOwn(kinds, code);
}

export function fault(code: FaultCode, message: string): Fault {
  const kind: FaultKind = kinds[code];
  return { code, message, retryable: kind.retryable, hint: kind.hint };
}

/** A value, or the fault that stood in its way. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault };

export const ok = <T>(value: T): Result<T> => ({ ok: true, value });
export const failed = (code: FaultCode, message: string): { readonly ok: false; readonly fault: Fault } => ({
  ok: false,
  fault: fault(code, message),
});
