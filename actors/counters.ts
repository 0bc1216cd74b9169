/**
 * What the actors count, beside the kernel. A file of its own, because main shows the counters and knows none of the
 * actors. Counts nothing itself.
 */

/** Connections and listeners. */
const connectionCounters = [
  { name: 'listeners', kind: 'gauge', help: 'Listeners that accept connections.' },
  { name: 'connections', kind: 'gauge', help: 'Connections that are open.' },
  { name: 'connections_accepted', kind: 'counter', help: 'Connections accepted.' },
  { name: 'connections_refused', kind: 'counter', help: 'Connections refused because there were too many.' },
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

export const nodeCounters = [...connectionCounters, ...storageCounters];
