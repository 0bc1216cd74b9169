/**
 * The log of the node, by pino: one line an event, as JSON or for people. The one file that imports pino. Lines are
 * written before the call returns, so that a thread that ends in the next moment has lost none; it is for events, never
 * for messages.
 */
import { destination, type LoggerOptions as PinoOptions, pino, stdSerializers, stdTimeFunctions } from 'pino';
import type { Logger } from './ports.ts';

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

export function createLogger(options: LoggerOptions): Logger {
  const settings: PinoOptions = {
    level: options.level,
    base: options.fields ?? {},
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
    serializers: { error: stdSerializers.err, err: stdSerializers.err },
  };
  const write = options.write ?? standardError();
  const stream = options.format === 'json' ? { write } : { write: (line: string) => write(pretty(line)) };
  const log = pino(settings, stream);
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
  };
}

function standardError(): (line: string) => void {
  const target = destination({ fd: STANDARD_ERROR, sync: true });
  return (line) => {
    target.write(line);
  };
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
