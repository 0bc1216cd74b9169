/**
 * The command line: puts the commands together, runs one, and turns however it ends into an exit code and a text that
 * says what happened and what to do. Reaches nodes by the client alone; what starts a node is handed in.
 */
import { Command, CommanderError } from 'commander';
import type { Surroundings } from './command.ts';
import { configCommand } from './config.ts';
import type { Console, Doors } from './doors.ts';
import { EXIT, EXIT_HELP, endingOf } from './exit.ts';
import { groupCommand } from './group.ts';
import { logCommand } from './log.ts';
import { DEFAULT_SERVER } from './parse.ts';
import { processConsole } from './process.ts';
import { pubCommand } from './pub.ts';
import { startCommand } from './start.ts';
import { statusCommand } from './status.ts';
import { subCommand } from './sub.ts';
import { topicCommand } from './topic.ts';

export type { Console, Doors, RunningNode, SettingInForce, SettingText, StartFlags } from './doors.ts';

/** Runs the command in `argv` (without node and script) and answers its exit code. */
export async function cli(argv: readonly string[], doors: Doors, console: Console = processConsole): Promise<number> {
  const interrupt = new AbortController();
  const ending = new AbortController();
  const state = { exitCode: EXIT.ok as number, readerGone: false };
  const around: Surroundings = {
    doors,
    console,
    signal: AbortSignal.any([ending.signal, interrupt.signal]),
    interrupted: interrupt.signal,
    ends: (code) => {
      state.exitCode = code;
    },
  };
  // `sub | head` closes the pipe: that ends the command and is no failure
  const onError = (error: NodeJS.ErrnoException): void => {
    state.readerGone ||= error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED';
    ending.abort(error);
  };
  // they stay: what is written now may fail after the command has ended
  console.output.on('error', onError);
  console.errors.on('error', onError);
  const forget = console.onInterrupt(() => {
    if (interrupt.signal.aborted) console.exit(EXIT.interrupted);
    interrupt.abort();
  });
  try {
    await program(around).parseAsync(argv, { from: 'user' });
    return state.exitCode;
  } catch (error) {
    return state.readerGone ? EXIT.ok : report(error, argv, console);
  } finally {
    forget();
  }
}

function program(around: Surroundings): Command {
  const { console, doors } = around;
  const root = new Command('callboard')
    .description('A message broker made of actors: start a node, write to it, read from it, look after it.')
    .version(doors.version)
    .option(
      '--server <host:port>',
      `node to talk to, several with commas (default: CALLBOARD_SERVER, else ${DEFAULT_SERVER})`,
    )
    .option('--json', 'output for programs: JSON, one value a line')
    .helpCommand(false)
    .showHelpAfterError('(see --help)')
    .addHelpText('after', `\n${EXAMPLES}\n\n${EXIT_HELP}`);
  for (const command of commands(around)) root.addCommand(command);
  for (const command of everyCommand(root)) {
    command
      .configureHelp({ showGlobalOptions: true })
      .configureOutput({
        writeOut: (text) => void console.output.write(text),
        writeErr: (text) => void console.errors.write(text),
      })
      .exitOverride();
  }
  return root;
}

const EXAMPLES = `A minute with it:
  $ callboard start
  $ callboard pub orders "first message"
  $ seq 100000 | callboard pub orders
  $ callboard sub orders --from beginning --count 10
  $ callboard topic describe orders`;

const commands = (around: Surroundings): Command[] => [
  startCommand(around),
  pubCommand(around),
  subCommand(around),
  topicCommand(around),
  groupCommand(around),
  logCommand(around),
  statusCommand(around),
  configCommand(around),
];

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

/** Prints what went wrong and answers the exit code. */
function report(error: unknown, argv: readonly string[], console: Console): number {
  // commander has printed its text already; help and version end with 0
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const at = argv.indexOf('--server');
  const server = (at >= 0 ? argv[at + 1] : console.environment.CALLBOARD_SERVER) || DEFAULT_SERVER;
  const { exitCode, code, message, hint } = endingOf(error, server);
  if (argv.includes('--json')) console.errors.write(`${JSON.stringify({ error: { code, message, hint } })}\n`);
  else console.errors.write(`callboard: ${message}\n${hint === undefined ? '' : `${hint}\n`}`);
  return exitCode;
}
