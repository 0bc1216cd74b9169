/** What every command has in common: the process around it, the options that all share, and how it reports. */
import { Command } from 'commander';
import type { Console, Doors } from './doors.ts';
import { DEFAULT_SERVER, parseServers } from './parse.ts';

/** Handed to every command. */
export interface Surroundings {
  readonly doors: Doors;
  readonly console: Console;
  /** Fires at the first Ctrl-C, or when the reader of the output has gone. */
  readonly signal: AbortSignal;
  /** Fires at the first Ctrl-C or SIGTERM only; the second ends the process at once. */
  readonly interrupted: AbortSignal;
  /** Sets the exit code of a command that ends well otherwise. */
  ends(code: number): void;
}

/** Options that stand on every command. */
export interface GlobalOptions {
  readonly server: string;
  readonly json: boolean;
}

export function globalsOf(command: Command, { console }: Surroundings): GlobalOptions & { readonly servers: string[] } {
  const given = command.optsWithGlobals<{ server?: string; json?: boolean }>();
  const server = given.server ?? (console.environment.CALLBOARD_SERVER || DEFAULT_SERVER);
  return { server, servers: parseServers(server), json: given.json === true };
}

/** Prints a value: as one line of JSON, or as a person reads it. */
export function print({ console }: Surroundings, json: boolean, value: unknown, text: () => string): void {
  const shown = json ? JSON.stringify(value) : text();
  if (shown !== '') console.output.write(`${shown}\n`);
}

/** Options that may come several times. */
export const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** A command with examples below its help. */
export function command(name: string, summary: string, examples: readonly string[]): Command {
  const text = examples.map((example) => `  $ ${example}`).join('\n');
  return new Command(name).description(summary).addHelpText('after', `\nExamples:\n${text}`);
}
