/** A console for tests: what goes in is given, what comes out is kept, interrupts are sent by the test. */
import { PassThrough, Readable } from 'node:stream';
import type { Console, Doors, RunningNode, SettingInForce } from '../../../src/edges/cli/index.ts';

export interface TestConsole extends Console {
  readonly out: () => string;
  readonly err: () => string;
  readonly exits: number[];
  /** Would somebody hear it? */
  readonly interruptible: () => boolean;
  interrupt(): void;
}

export function testConsole(input = '', environment: Record<string, string> = {}): TestConsole {
  const output = new PassThrough();
  const errors = new PassThrough();
  const interrupts = new Set<() => void>();
  const exits: number[] = [];
  return {
    input: Readable.from([Buffer.from(input)]),
    output,
    errors,
    environment,
    onInterrupt: (run) => {
      interrupts.add(run);
      return () => void interrupts.delete(run);
    },
    exit: (code) => void exits.push(code),
    exits,
    interruptible: () => interrupts.size > 0,
    interrupt: () => {
      for (const run of interrupts) run();
    },
    out: gather(output),
    err: gather(errors),
  };
}

function gather(stream: PassThrough): () => string {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk) => {
    text += chunk;
  });
  return () => text;
}

const inForce: readonly SettingInForce[] = [
  { key: 'native.port', value: 7625, text: '7625', from: 'default', where: 'default' },
  { key: 'memory', value: 268435456, text: '256MiB', from: 'file', where: 'callboard.yaml:2' },
];

export interface FakeNode extends RunningNode {
  readonly stops: () => number;
  /** Ends it by itself. */
  fail(error?: Error): void;
}

export function fakeNode(): FakeNode {
  let stops = 0;
  let end: (reason: Error | null) => void = () => undefined;
  const ended = new Promise<Error | null>((resolve) => {
    end = resolve;
  });
  return {
    native: { host: '127.0.0.1', port: 7700 },
    kafka: { host: '127.0.0.1', port: 9092 },
    admin: { host: '127.0.0.1', port: 7680 },
    shards: 2,
    folder: '/srv/callboard',
    storage: 'direct',
    engine: 'local',
    durability: 'fsync',
    flushIntervalMs: 1_000,
    stop: () => {
      stops += 1;
      end(null);
      return Promise.resolve();
    },
    ended,
    stops: () => stops,
    fail: (error) => end(error ?? null),
  };
}

export function testDoors(node: RunningNode = fakeNode(), started: unknown[] = []): Doors {
  return {
    version: '1.2.3',
    settings: [
      {
        key: 'native.port',
        flag: '--native-port',
        environment: 'CALLBOARD_NATIVE_PORT',
        description: 'Port.',
        allowed: 'a number',
        defaultText: '7625',
        isSwitch: false,
      },
      {
        key: 'insecure',
        flag: '--insecure',
        environment: 'CALLBOARD_INSECURE',
        description: 'Allow it.',
        allowed: 'true or false',
        defaultText: 'false',
        isSwitch: true,
      },
    ],
    settingsInForce: (flags) => {
      started.push(flags);
      return Promise.resolve(inForce);
    },
    holderOf: () => Promise.resolve(null),
    startNode: (flags) => {
      started.push(flags);
      return Promise.resolve(node);
    },
  };
}
