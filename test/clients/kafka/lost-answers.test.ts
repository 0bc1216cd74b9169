/**
 * Idempotent producers whose answers get lost: a proxy, which is what the node advertises, swallows the answer of every
 * other produce and breaks the connection. What they send again is stored once, in its order.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import test from 'ava';
import { listOffsets } from '../../../src/protocols/kafka/calls/list-offsets.ts';
import { TestNode } from '../../node/harness.ts';
import { sampleMessages, stored } from './message.ts';
import { readers } from './readers.ts';
import { Wire } from './wire.ts';
import { kafkaWriters } from './writers.ts';

const PRODUCE = 0;
const ROUNDS = 3;

class LosingProxy {
  readonly #server: Server = createServer((client) => this.#accept(client));
  #produces = 0;
  /** Answers that were swallowed. */
  lost = 0;
  to = 0;

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  close(): void {
    this.#server.close();
  }

  #accept(client: Socket): void {
    const node = connect({ port: this.to, host: '127.0.0.1' });
    let losing = false;
    let bytes: Buffer = Buffer.alloc(0);
    client.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= 6 && bytes.length >= 4 + bytes.readInt32BE(0)) {
        if (bytes.readInt16BE(4) === PRODUCE && ++this.#produces % 2 === 1) losing = true;
        bytes = bytes.subarray(4 + bytes.readInt32BE(0));
      }
      node.write(chunk);
    });
    node.on('data', (chunk: Buffer) => {
      if (!losing) client.write(chunk);
      else {
        this.lost++;
        client.destroy();
      }
    });
    for (const [one, other] of [
      [client, node],
      [node, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  }
}

for (const { name, write } of kafkaWriters)
  test.serial(`what ${name} sends again after its answer was lost is stored once`, async (t) => {
    const proxy = new LosingProxy();
    const advertised = `127.0.0.1:${await proxy.listen()}`;
    const flags = ['--topics-partitions', '1', '--log-level', 'warn', '--kafka-advertised', advertised];
    const node = await TestNode.start({ flags });
    t.teardown(async () => {
      proxy.close();
      await node.dispose();
    });
    proxy.to = node.kafkaPort;
    const messages = sampleMessages();
    for (let round = 0; round < ROUNDS; round++)
      await write(node, 'orders', messages, { codec: 'none', acks: -1, idempotent: true });
    t.true(proxy.lost >= ROUNDS, `${proxy.lost} answers were lost`);
    const once = stored(messages);
    const expected = Array.from({ length: ROUNDS }, (_, round) =>
      once.map((one) => ({ ...one, offset: one.offset + round * once.length })),
    ).flat();
    // By the native client, whose port is its own.
    const native = readers.find((reader) => reader.name === 'the TypeScript client');
    t.deepEqual(await native?.read(node, 'orders', 0, expected.length), expected);
    const wire = await Wire.connect(node.kafkaPort);
    const topics = [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp: -1 }] }];
    const end = await wire.ask(listOffsets, 9, { replicaId: -1, isolationLevel: 0, topics });
    wire.end();
    t.is(end?.topics[0]?.partitions[0]?.offset, expected.length, 'nothing is behind them');
  });
