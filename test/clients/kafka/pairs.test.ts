/** What one client writes every other reads, whatever its codec: Kafka's clients, the TypeScript client, the command line. */
import test from 'ava';
import { TestNode } from '../../node/harness.ts';
import { LIBRDKAFKA_MISSING, librdkafka } from './librdkafka.ts';
import { sampleMessages, stored } from './message.ts';
import { readers } from './readers.ts';
import { kafkaWriters, PLAIN, writers } from './writers.ts';

let node: TestNode;
test.before(async () => {
  node = await TestNode.start({ shards: 2, flags: ['--topics-partitions', '1', '--log-level', 'warn'] });
});
test.after.always(() => node.dispose());

test('which clients there are', (t) => {
  t.log(librdkafka === undefined ? LIBRDKAFKA_MISSING : `librdkafka ${librdkafka}`);
  t.pass();
});

for (const { name, codecs, framesSnappy, write } of writers)
  for (const codec of codecs)
    test.serial(`what ${name} writes with ${codec} is read by all`, async (t) => {
      const topic = `${name}-${codec}`.replaceAll(' ', '-');
      const messages = sampleMessages();
      await write(node, topic, messages, { ...PLAIN, codec });
      const expected = stored(messages);
      for (const reader of readers) {
        if (codec === 'snappy' && framesSnappy && reader.rawSnappyOnly) continue;
        t.deepEqual(await reader.read(node, topic, 0, expected.length), expected, reader.name);
        t.deepEqual(
          await reader.read(node, topic, 33, expected.length - 33),
          expected.slice(33),
          `${reader.name} from 33`,
        );
      }
    });

for (const { name, write } of kafkaWriters)
  for (const [acks, idempotent] of [
    [0, false],
    [1, false],
    [-1, false],
    [-1, true],
  ] as const)
    test.serial(`${name} writes with acks ${acks}${idempotent ? ', idempotent' : ''}`, async (t) => {
      const topic = `${name}-acks-${acks}-${idempotent}`.replaceAll(' ', '-');
      // The topic is there before anything is sent that nobody answers.
      await write(node, topic, sampleMessages().slice(0, 1));
      const messages = sampleMessages();
      await write(node, topic, messages, { codec: 'none', acks, idempotent });
      const [reader] = readers;
      const read = await reader?.read(node, topic, 1, messages.length);
      t.deepEqual(
        read,
        stored(messages).map((one) => ({ ...one, offset: one.offset + 1 })),
      );
    });
