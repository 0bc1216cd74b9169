/** What ApiVersions lists is what is served: every call in every version is answered in its own fields, and nothing else is. */
import test from 'ava';
import { apiVersions } from '../../../src/protocols/kafka/calls/api-versions.ts';
import { Reading } from '../../../src/protocols/kafka/reading.ts';
import type { WriteOf } from '../../../src/protocols/kafka/schema.ts';
import { calls } from '../../protocols/kafka/calls.ts';
import { nodeByHand } from './own-node.ts';

const { wire } = nodeByHand();

/** All numbers are 0, all names and lists empty. */
class Nothing extends Reading {
  constructor() {
    super(new Uint8Array(0));
  }
  override int8(): number {
    return 0;
  }
  override int16(): number {
    return 0;
  }
  override int32(): number {
    return 0;
  }
  override int64(): number {
    return 0;
  }
  override float64(): number {
    return 0;
  }
  override stringLength(): number {
    return 0;
  }
  override length(): number {
    return 0;
  }
  override count(): number {
    return 0;
  }
  override view(): Uint8Array {
    return new Uint8Array(0);
  }
  override text(): string {
    return '';
  }
  override uuid(): string {
    return '0'.repeat(32);
  }
  override tagged(): void {}
}

test('every call that is listed is served in every version, with nothing in it', async (t) => {
  const client = await wire(t);
  const listed = (await client.ask(apiVersions, 0, {}))?.apiKeys ?? [];
  t.deepEqual(
    listed.map(({ apiKey }) => apiKey),
    calls.map(({ key }) => key).sort((one, other) => one - other),
  );
  for (const { apiKey, minVersion, maxVersion } of listed) {
    const call = calls.find(({ key }) => key === apiKey);
    if (call === undefined) continue;
    t.deepEqual([minVersion, maxVersion], [...call.versions], call.name);
    for (let version = minVersion; version <= maxVersion; version++) {
      const nothing = call.request.at(version).read(new Nothing()) as object;
      // Without acks there is no answer.
      const request = call.name === 'Produce' ? { ...nothing, acks: 1 } : nothing;
      // Of any call the codec has read what is written.
      const answer = await client.ask(call as typeof apiVersions, version, request as WriteOf<Record<string, never>>);
      t.not(answer, null, `${call.name} ${version}`);
    }
  }
});

test('what is not listed ends the connection, by its number or by its version', async (t) => {
  const opened = await wire(t);
  const listed = (await opened.ask(apiVersions, 0, {}))?.apiKeys ?? [];
  const highest = Math.max(...listed.map(({ apiKey }) => apiKey));
  const ends = async (key: number, version: number): Promise<boolean> => {
    const client = await wire(t);
    const call = { key, flexible: Number.POSITIVE_INFINITY, request: apiVersions.request };
    client.send(client.frame(call, version, {}));
    return (await client.answer()) === null;
  };
  for (let key = 0; key <= highest + 20; key++) {
    const one = listed.find(({ apiKey }) => apiKey === key);
    if (one === undefined) t.true(await ends(key, 0), `call ${key}`);
    // Who asks for versions in a version that there is not is told those that there are.
    else if (key !== apiVersions.key) t.true(await ends(key, one.maxVersion + 1), `call ${key}, the next version`);
  }
});
