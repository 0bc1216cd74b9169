/**
 * The command line: puts the commands together, runs one, and turns however it ends into an exit code and a text that
 * says what happened and what to do. Reaches nodes by the client alone; what starts a node is handed in.
 */
import { Command, CommanderError } from 'commander';
import type { Surroundings } from './command.ts';
import type { Console, Doors } from './doors.ts';
import { EXIT, EXIT_HELP, endingOf } from './exit.ts';
import { DEFAULT_SERVER } from './parse.ts';
import { processConsole } from './process.ts';

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
    await (await program(around, argv)).parseAsync(argv, { from: 'user' });
    return state.exitCode;
  } catch (error) {
    return state.readerGone ? EXIT.ok : report(error, argv, console);
  } finally {
    forget();
  }
}

async function program(around: Surroundings, argv: readonly string[]): Promise<Command> {
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
  for (const load of wanted(argv)) root.addCommand((await load())(around));
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

type Load = () => Promise<(around: Surroundings) => Command>;
/** In the order of the help. Each is loaded when it is wanted: a node starts faster without the client. */
const commands: Readonly<Record<string, Load>> = {
  start: async () => (await import('./start.ts')).startCommand,
  pub: async () => (await import('./pub.ts')).pubCommand,
  sub: async () => (await import('./sub.ts')).subCommand,
  topic: async () => (await import('./topic.ts')).topicCommand,
  group: async () => (await import('./group.ts')).groupCommand,
  log: async () => (await import('./log.ts')).logCommand,
  status: async () => (await import('./status.ts')).statusCommand,
  config: async () => (await import('./config.ts')).configCommand,
};

/** The command that the first word names; all of them where something else comes first, such as `--help`. */
function wanted([first = '']: readonly string[]): readonly Load[] {
  const named = Object.hasOwn(commands, first) ? commands[first] : undefined;
  return named === undefined ? Object.values(commands) : [named];
}

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
