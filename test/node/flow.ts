/**
 * Messages that flow into a topic while something happens to the node, and the judgement afterwards: everything that was
 * acknowledged lies at its place, and nothing stands twice. Knows nothing of what happens to the node.
 */
import type { ExecutionContext } from 'ava';
import type { Client } from '../../src/edges/client/index.ts';

export interface Flow {
  /** Values by partition:offset. */
  readonly acked: ReadonlyMap<string, string>;
  /** Why messages were given up, which ends the flow; none is, while the node comes back in time. */
  readonly failures: readonly Error[];
  stop(): Promise<void>;
}

/** Sends numbered messages to all partitions until told to stop. @param bytes of a message, by its number. */
export function flow(
  client: Client,
  topic: string,
  partitions: number,
  bytes: (number: number) => number = () => 0,
): Flow {
  const producer = client.producer({ lingerMs: 1, deliveryTimeoutMs: 240_000 });
  const acked = new Map<string, string>();
  const failures: Error[] = [];
  let stopping = false;
  const done = (async () => {
    for (let number = 0; !stopping && failures.length === 0; number++) {
      const sends = Array.from({ length: partitions }, async (_, partition) => {
        const value = `message ${number} to ${partition} `.padEnd(bytes(number), '.');
        const sent = await producer.send({ topic, partition, value });
        acked.set(`${sent.partition}:${sent.offset}`, value);
      });
      for (const result of await Promise.allSettled(sends))
        if (result.status === 'rejected') failures.push(result.reason as Error);
    }
    await producer.close();
  })();
  return {
    acked,
    failures,
    stop: async () => {
      stopping = true;
      await done;
    },
  };
}

/** Until so many more were acknowledged. @throws when the flow has ended instead. */
export async function untilGrown({ acked, failures }: Omit<Flow, 'stop'>, by: number): Promise<void> {
  const target = acked.size + by;
  while (acked.size < target) {
    if (failures[0] !== undefined) throw failures[0];
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Every acknowledged message lies at its place, and nothing stands twice. */
export async function checkAll(
  t: ExecutionContext,
  client: Client,
  topic: string,
  acked: ReadonlyMap<string, string>,
): Promise<void> {
  const reader = client.reader({ topic, from: 'begin' });
  const found = new Map<string, string>();
  const ends = await reader.ends();
  const total = [...ends.values()].reduce((sum, end) => sum + end, 0);
  let read = 0;
  while (read < total) {
    for (const { partition, offset, value } of await reader.poll({ max: 10_000, waitMs: 5_000 })) {
      found.set(`${partition}:${offset}`, Buffer.from(value ?? []).toString());
      read += 1;
    }
  }
  await reader.close();
  const wrong = [...acked].filter(([place, value]) => found.get(place) !== value).map(([place]) => place);
  t.deepEqual(wrong, [], 'what was acknowledged is at its place');
  t.is(new Set(found.values()).size, found.size, 'no message stands twice');
  t.true(acked.size > 100, `enough messages were acknowledged: ${acked.size}`);
}
