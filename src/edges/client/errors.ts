/**
 * What a call of the client can fail with: one class, told apart by `code`. Faults of the node keep their codes; a few
 * codes exist only on this side of the wire. It never decides whether to try again: it only says whether that can help.
 */
import { type Fault, type FaultCode, fault } from '../../model/faults.ts';

/** What only a client can run into. */
export type ClientCode =
  | 'ABORTED'
  | 'CLOSED'
  | 'DISCONNECTED'
  | 'INVALID_OPTION'
  | 'UNSUPPORTED_HERE'
  | 'LOCAL_FAILURE';

const clientKinds: Record<ClientCode, { readonly retryable: boolean; readonly hint: string }> = {
  ABORTED: {
    retryable: false,
    hint: 'The signal of the caller ended the call; what was sent before may have happened.',
  },
  CLOSED: { retryable: false, hint: 'Open a new client, producer or consumer.' },
  DISCONNECTED: {
    retryable: true,
    hint: 'Check that the node runs and that the address is right; it is tried again by itself.',
  },
  INVALID_OPTION: { retryable: false, hint: 'Correct the named option.' },
  LOCAL_FAILURE: { retryable: false, hint: 'See the cause: a file, a callback or a handler of this program failed.' },
  UNSUPPORTED_HERE: { retryable: false, hint: 'Use a newer Node, or another option.' },
};

/** Every error that the client throws or rejects with. */
export class CallboardError extends Error {
  override readonly name = 'CallboardError';
  /** What happened, out of a closed set: switch on this, never on the message. */
  readonly code: FaultCode | ClientCode;
  /** The same call may succeed later without a change by the caller. */
  readonly retryable: boolean;
  /** What to do, in one sentence. */
  readonly hint: string;

  constructor(code: FaultCode | ClientCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined || options.cause === null ? undefined : { cause: options.cause });
    const kind = isClientCode(code) ? clientKinds[code] : fault(code, message);
    this.code = code;
    this.retryable = kind.retryable;
    this.hint = kind.hint;
  }

  /** The node's answer as an error. */
  static from(refusal: Fault): CallboardError {
    return new CallboardError(refusal.code, refusal.message);
  }
}

function isClientCode(code: FaultCode | ClientCode): code is ClientCode {
  return Object.hasOwn(clientKinds, code);
}

/** The error for a signal that has fired; its reason is the cause. */
export function aborted(signal: AbortSignal): CallboardError {
  return new CallboardError('ABORTED', 'the caller gave up', { cause: signal.reason });
}

/** Whatever was thrown, as an error of the client. For the edges where foreign code throws. */
export function toError(thrown: unknown): CallboardError {
  if (thrown instanceof CallboardError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new CallboardError('LOCAL_FAILURE', message, { cause: thrown });
}
