/**
 * Stands between clients and a node that advertises it: swallows the answer of every other produce and breaks the
 * connection, so that what was stored is sent again.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

const PRODUCE = 0;

export class LosingProxy {
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
