/**
 * The log of the node, by pino: one line an event, as JSON or for people. The one file that imports pino. Lines are
 * written before the call returns, so that a thread that ends in the next moment has lost none; it is for events, never
 * for messages.
 */
import { createRequire } from 'node:module';
import type { Logger as Pino, LoggerOptions as PinoOptions } from 'pino';
import type { Logger } from './ports.ts';

type PinoModule = typeof import('pino');

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFormat = 'json' | 'pretty';
export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Stand on every line, such as the shard. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Default: standard error. */
  readonly write?: (line: string) => void;
}

const STANDARD_ERROR = 2;
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
/** By then a start is over; and what is loaded must not wait until there are no descriptors left to load it with. */
const LOAD_AFTER_MS = 1_000;

/** Loads pino with the first line that is written, or after a second: a thread that starts has others to load. */
export function createLogger(options: LoggerOptions): Logger {
  let pino: Pino | null = null;
  const loaded = (): Pino => {
    pino ??= openPino(options);
    return pino;
  };
  setTimeout(loaded, LOAD_AFTER_MS).unref();
  const least = LEVELS.indexOf(options.level);
  const writes =
    (level: LogLevel): Logger[LogLevel] =>
    (fields, message) => {
      if (LEVELS.indexOf(level) >= least) loaded()[level](fields, message);
    };
  return { debug: writes('debug'), info: writes('info'), warn: writes('warn'), error: writes('error') };
}

function openPino(options: LoggerOptions): Pino {
  const { destination, pino, stdSerializers, stdTimeFunctions } = createRequire(import.meta.url)('pino') as PinoModule;
  const standardError = (): ((line: string) => void) => {
    const target = destination({ fd: STANDARD_ERROR, sync: true });
    return (line) => {
      target.write(line);
    };
  };
  const settings: PinoOptions = {
    level: options.level,
    base: options.fields ?? {},
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
    serializers: { error: stdSerializers.err, err: stdSerializers.err },
  };
  const write = options.write ?? standardError();
  const stream = options.format === 'json' ? { write } : { write: (line: string) => write(pretty(line)) };
  return pino(settings, stream);
}

/** `12:34:56.789 WARN message key=value …`; a stack goes on lines of its own. */
function pretty(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const words = [clock, String(level).toUpperCase().padEnd(5), String(msg ?? '')];
  let stack = '';
  for (const [name, value] of Object.entries(fields)) {
    if (isError(value)) {
      words.push(`${name}=${value.message}`);
      stack += `\n${value.stack}`;
    } else words.push(`${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  }
  return `${words.join(' ')}${stack}\n`;
}

function isError(value: unknown): value is { readonly message: string; readonly stack: string } {
  return typeof value === 'object' && value !== null && 'stack' in value && 'message' in value;
}
