/** How a command ends: exit codes that mean something, and errors that say what happened and what to do. */
import { CallboardError } from '../client/errors.ts';

export const EXIT = {
  ok: 0,
  /** Something went wrong that none of the others names. */
  failed: 1,
  /** The command or a setting was not understood: nothing was done. */
  usage: 2,
  /** No node answered in time. */
  unreachable: 3,
  /** The node said no: its fault is printed. */
  refused: 4,
  /** `log verify` found damage. */
  damaged: 5,
  /** `log verify` found what may be damaged, or torn by a crash and never acknowledged. */
  unclear: 6,
  /** Ctrl-C or SIGTERM before the work was done. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_HELP = `Exit codes:
  0  done
  1  failed
  2  the command or a setting was not understood; nothing was done
  3  no node answered in time
  4  the node refused; its reason is printed
  5  damage found (log verify)
  6  torn or damaged, nobody can tell (log verify)
  130  interrupted`;

/** An expected failure of a command. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: ExitCode;
  /** What to do. */
  readonly hint: string | undefined;
  constructor(exitCode: ExitCode, message: string, hint?: string) {
    super(message);
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

export const usage = (message: string, hint?: string): CommandError => new CommandError(EXIT.usage, message, hint);

export interface Ending {
  readonly exitCode: ExitCode;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** How whatever was thrown ends the command; `server` is where the node was looked for. */
export function endingOf(thrown: unknown, server: string): Ending {
  if (thrown instanceof CommandError) {
    const ending = { exitCode: thrown.exitCode, code: 'COMMAND', message: thrown.message };
    return thrown.hint === undefined ? ending : { ...ending, hint: thrown.hint };
  }
  if (thrown instanceof CallboardError) return endingOfClient(thrown, server);
  if (thrown instanceof Error && 'problems' in thrown)
    return { exitCode: EXIT.usage, code: 'SETTINGS', message: thrown.message };
  return { exitCode: EXIT.failed, code: 'FAILED', message: thrown instanceof Error ? thrown.message : String(thrown) };
}

function endingOfClient(error: CallboardError, server: string): Ending {
  const { code, message, hint } = error;
  switch (code) {
    case 'DISCONNECTED':
      return {
        exitCode: EXIT.unreachable,
        code,
        // the client names the one address it tried last; there may be several
        message: `no node answers at ${server}: ${message.replace(`${server}: `, '')}`,
        hint: 'Start one with "callboard start", or name another with --server or CALLBOARD_SERVER.',
      };
    case 'TIMED_OUT':
      return { exitCode: EXIT.unreachable, code, message, hint };
    case 'ABORTED':
      return { exitCode: EXIT.interrupted, code, message: 'interrupted' };
    case 'INVALID_OPTION':
      return { exitCode: EXIT.usage, code, message, hint };
    case 'CLOSED':
    case 'UNSUPPORTED_HERE':
      return { exitCode: EXIT.failed, code, message, hint };
    default:
      return { exitCode: EXIT.refused, code, message, hint };
  }
}
