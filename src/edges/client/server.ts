/** `host:port` as people write it. */
import { CallboardError } from './errors.ts';
import type { ServerAddress } from './ports.ts';

const PORT_DEFAULT = 7625;

/** Reads `host`, `host:port`, `[v6]` or `[v6]:port`; the port defaults to 7625. */
export function parseServer(text: string): ServerAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? PORT_DEFAULT : Number(match[3]);
  if (host === undefined || port < 1 || port > 65_535)
    throw new CallboardError('INVALID_OPTION', `server ${JSON.stringify(text)} is not host:port`);
  return { host, port };
}
