/** The log: what stands on a line, which levels are heard, and that a thread which exits has lost none. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { createLogger, type LogFormat, type LogLevel } from '../../runtime/logger.ts';

function capture(level: LogLevel, format: LogFormat): { lines: string[]; log: ReturnType<typeof createLogger> } {
  const lines: string[] = [];
  return { lines, log: createLogger({ level, format, fields: { shard: 2 }, write: (line) => lines.push(line) }) };
}

test('writes one JSON object a line, with level, time, shard, fields and message', (t) => {
  const { lines, log } = capture('info', 'json');
  log.warn({ partition: 7, text: 'two\nlines' }, 'torn tail cut');
  t.is(lines.length, 1);
  t.is(lines[0]?.indexOf('\n'), (lines[0]?.length ?? 0) - 1);
  const { time, ...rest } = JSON.parse(lines[0] as string);
  t.deepEqual(rest, { level: 'warn', shard: 2, partition: 7, text: 'two\nlines', msg: 'torn tail cut' });
  t.true(Math.abs(Date.parse(time) - Date.now()) < 60_000);
});

test('hears its level and those above', (t) => {
  for (const [level, heard] of [
    ['debug', 4],
    ['info', 3],
    ['warn', 2],
    ['error', 1],
  ] as const) {
    const { lines, log } = capture(level, 'json');
    for (const say of [log.debug, log.info, log.warn, log.error]) say({}, 'x');
    t.is(lines.length, heard);
  }
});

test('writes errors with their message and stack', (t) => {
  const json = capture('info', 'json');
  json.log.error({ error: new TypeError('odd') }, 'crashed');
  const { error } = JSON.parse(json.lines[0] as string);
  t.is(error.message, 'odd');
  t.is(error.type, 'TypeError');
  t.true(error.stack.includes('logger.test'));
  const pretty = capture('info', 'pretty');
  pretty.log.error({ error: new TypeError('odd'), actor: 'partition/7', n: 1 }, 'crashed');
  t.regex(
    pretty.lines[0] as string,
    /^\d\d:\d\d:\d\d\.\d{3} ERROR crashed shard=2 error=odd actor=partition\/7 n=1\nTypeError: odd\n/,
  );
});

test('a thread that exits after logging has lost no line', async (t) => {
  const child = spawn(process.execPath, [new URL('./logger-process.ts', import.meta.url).pathname], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let text = '';
  child.stderr.on('data', (piece) => {
    text += piece;
  });
  const [code] = await once(child, 'close');
  t.is(code, 7);
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.is(lines.length, 501);
  t.is(lines[500].error.message, 'last words');
});
