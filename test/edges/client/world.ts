/** A client on a fake node, with time that goes on only when told. */

import { crc32c } from '../../../src/edges/client/checksum.ts';
import { type Client, connect } from '../../../src/edges/client/client.ts';
import { decompress } from '../../../src/edges/client/compression.ts';
import { batchesIn } from '../../../src/model/batch.ts';
import { BatchBuilder } from '../../../src/model/batch-builder.ts';
import { openRecords } from '../../../src/model/record.ts';
import { FakeNode, type FakePartition } from './fake-node.ts';
import { SeededRandom, SimulatedClock } from './simulated-clock.ts';

export interface TestWorld {
  readonly node: FakeNode;
  readonly clock: SimulatedClock;
  readonly client: Client;
}

export async function connected(): Promise<TestWorld> {
  const clock = new SimulatedClock();
  const node = new FakeNode(clock);
  const client = await clock.until(connect({ server: 'fake:1', transport: node, clock, random: new SeededRandom() }));
  return { node, clock, client };
}

/** Values of a partition, in order. */
export function valuesOf(partition: FakePartition): string[] {
  const values: string[] = [];
  for (const batch of batchesIn(Buffer.concat(partition.batches))) {
    const records = openRecords(batch, decompress, 1e9);
    if (!records.ok) throw new Error(records.fault.message);
    while (records.value.next()) values.push(Buffer.from(records.value.value ?? []).toString());
  }
  return values;
}

/** One batch with these values. */
export function batchOf(values: readonly string[]): Uint8Array {
  const builder = new BatchBuilder();
  for (const value of values) builder.add(1_700_000_000_000, null, value);
  return builder.finish(crc32c);
}
