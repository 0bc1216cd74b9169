/** `host:port` as people write it, and back: with brackets around an IPv6 address. Looks nothing up. */

export interface NetworkPlace {
  readonly host: string;
  /** Absent where only a host was given. */
  readonly port?: number;
}

/** Host names and addresses as they may stand in front of a port; anything with a colon needs its brackets. */
const PLACE = /^(?:\[([0-9a-fA-F:.%]+)\]|([a-zA-Z0-9._-]{1,253}))(?::(\d{1,5}))?$/;

/** `undefined` for what is no host or `host:port`. */
export function parsePlace(text: string): NetworkPlace | undefined {
  const match = PLACE.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) return undefined;
  const port = match?.[3];
  if (port === undefined) return { host };
  return Number(port) >= 1 && Number(port) <= 65_535 ? { host, port: Number(port) } : undefined;
}
