/** A message as `sub` prints it, for people and as JSON. Bytes that are no text stay recognisable and come back whole. */
import type { Message } from '../client/message.ts';

/** What JSON shows of bytes: a string when they are valid UTF-8, else base64 in an object. */
export type Shown = string | null | { readonly base64: string };

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function show(bytes: Uint8Array | null | undefined): Shown {
  if (bytes === null || bytes === undefined) return null;
  try {
    return strict.decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64') };
  }
}

/** Control characters other than a tab: they would break the line, or steer the terminal. */
const CONTROL = /(?!\t)\p{Cc}/u;

/** Bytes on one line: text as it is, quoted when it would do harm, base64 when it is no text. Null is empty. */
export function plain(bytes: Uint8Array | null): string {
  const shown = show(bytes);
  if (shown === null) return '';
  return typeof shown === 'string' && !CONTROL.test(shown) ? shown : JSON.stringify(shown);
}

/** `partition offset timestamp key value`, with tabs between. */
export function messageLine({ partition, offset, timestamp, key, value }: Message): string {
  const quotedKey = plain(key);
  const shownKey = quotedKey.includes('\t') ? JSON.stringify(quotedKey) : quotedKey;
  return `${partition}\t${offset}\t${timestamp}\t${shownKey}\t${plain(value)}`;
}

export function messageJson({ topic, partition, offset, timestamp, key, value, headers }: Message): string {
  const shown = headers.map((header) => ({ key: header.key, value: show(header.value) }));
  return JSON.stringify({ topic, partition, offset, timestamp, key: show(key), value: show(value), headers: shown });
}
