/** How commands reach a node: connect, do, close; everything gone when the command is interrupted or takes too long. */
import type { Command } from 'commander';
import { type Client, connect } from '../client/client.ts';
import { globalsOf, type Surroundings } from './command.ts';
import { parseDuration } from './parse.ts';

/** A node that greets nobody in this time is taken for absent. */
const CONNECT_MS_MAX = 5_000;
const TIMEOUT_DEFAULT = '30s';

/** Adds `--timeout` to a command that asks a node once. */
export function withTimeout(target: Command): Command {
  return target.option('--timeout <duration>', 'longest wait for the node', TIMEOUT_DEFAULT);
}

/** Runs `work` with a client and closes it, however the work ends. */
export async function withClient<T>(
  command: Command,
  around: Surroundings,
  connectTimeoutMs: number,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const { servers } = globalsOf(command, around);
  const client = await connect({ servers, clientId: 'callboard-cli', connectTimeoutMs, signal: around.signal });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** What a single call to a node may take, and what ends it. */
export interface Bounds {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** For commands with `--timeout`. */
export function ask<T>(
  command: Command,
  around: Surroundings,
  work: (client: Client, bounds: Bounds) => Promise<T>,
): Promise<T> {
  const timeoutMs = parseDuration(command.opts<{ timeout?: string }>().timeout ?? TIMEOUT_DEFAULT);
  const connectMs = Math.min(timeoutMs, CONNECT_MS_MAX);
  return withClient(command, around, connectMs, (client) => work(client, { signal: around.signal, timeoutMs }));
}
