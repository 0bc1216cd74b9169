/**
 * What the actors count, beside the kernel. A file of its own, because main shows the counters and knows none of the
 * actors. Counts nothing itself.
 */

/** What the node speaks, each on a port of its own. */
export const DIALECTS = ['native', 'kafka'] as const;
export type Dialect = (typeof DIALECTS)[number];

/** Connections and listeners. */
const connectionCounters = [
  { name: 'listeners', kind: 'gauge', help: 'Listeners that accept connections.' },
  ...perDialect('connections', 'gauge', 'Connections that are open.'),
  ...perDialect('connections_accepted', 'counter', 'Connections accepted.'),
  ...perDialect('connections_refused', 'counter', 'Connections refused because there were too many.'),
  { name: 'requests', kind: 'counter', help: 'Requests that were understood.' },
  { name: 'requests_refused', kind: 'counter', help: 'Requests that were answered by a fault alone.' },
] as const;

/** The log. */
const storageCounters = [
  { name: 'journal_writes', kind: 'counter', help: 'Groups written to the journal.' },
  { name: 'journal_bytes', kind: 'counter', help: 'Bytes written to the journal.' },
  { name: 'journal_syncs', kind: 'counter', help: 'Fsyncs of the journal.' },
  { name: 'segment_bytes', kind: 'counter', help: 'Bytes written to segments.' },
  {
    name: 'disk_free_bytes',
    kind: 'gauge',
    help: 'Bytes free on the disk of the data folder, as each shard saw it last.',
  },
] as const;

/** One metric, told apart by its dialect. */
function perDialect(metric: string, kind: 'gauge' | 'counter', help: string) {
  return DIALECTS.map((dialect) => ({ name: `${metric}.${dialect}`, metric, labels: { dialect }, kind, help }));
}

export const nodeCounters = [...connectionCounters, ...storageCounters];
