/** Judges what a log makes of what its journal has. */
import { crc32c } from '@node-rs/crc32';
import test from 'ava';
import { DIRECT_FLAG, type Entry } from '../../src/log/entry.ts';
import { PartitionLog, PREFIX_NEEDED } from '../../src/log/partition-log.ts';
import { Replay } from '../../src/log/replay.ts';
import { fromRecord } from '../../src/log/segment.ts';
import { id, type Offset } from '../../src/model/ids.ts';
import { TOPIC_DEFAULTS } from '../../src/model/topic.ts';
import { batchOf } from '../model/batches.ts';

const P = 64;
const lease = (length: number) => {
  const bytes = new Uint8Array(length);
  const hold = () => ({ bytes, retain: hold, release: () => {} });
  return hold();
};

test('behind a large batch that was stored twice, the block at its end is read before anything goes on in it', (t) => {
  const log = new PartitionLog(id(P), TOPIC_DEFAULTS, { crc32c, lease });
  const body = batchOf([{ timestamp: 1, key: null, value: 'small', headers: [] }]);
  const of = (base: number, position: number, length: number, flags: number): Entry => ({
    partition: id(P),
    base: id<Offset>(base),
    next: id<Offset>(base + 1),
    segment: id<Offset>(0),
    position,
    length,
    epoch: id(0),
    maxTimestamp: 1,
    crc: 0,
    durable: id<Offset>(0),
    flags,
  });
  const large = of(0, 0, 66_636, DIRECT_FLAG);
  const replay = new Replay(log);
  // The life before had written it and never said so; its producer sent it again in the next one.
  for (let life = 0; life < 2; life++) {
    t.true(replay.wants(large));
    replay.readDirect(large, true, id<Offset>(1), 1);
  }
  const small = of(1, 66_636, body.length, 0);
  t.true(replay.wants(small));
  t.is(replay.take({ entry: small, body, damaged: false }, 1), PREFIX_NEEDED);
  log.givePrefix(new Uint8Array(66_636 % 4_096).fill(7));
  t.is(replay.take({ entry: small, body, damaged: false }, 1), 'taken');
  t.is(log.chunks.at(-1)?.memory.bytes[0], 7);
});

test('a segment that is sealed on disk stays so when the first batch of the next one is given up', (t) => {
  const log = new PartitionLog(id(P), TOPIC_DEFAULTS, { crc32c, lease });
  const end = id<Offset>(1);
  log.segments = [
    fromRecord({
      base: id<Offset>(0),
      end,
      bytes: 186,
      entries: 1,
      maxTimestamp: 1,
      openedAt: 1,
      sealed: true,
      generation: 0,
      tombstonesUntil: -1,
    }),
  ];
  log.end = end;
  const body = batchOf([{ timestamp: 1, key: null, value: 'small', headers: [] }]);
  const replay = new Replay(log);
  t.is(replay.tornBatches, 0);
  for (let attempt = 0; attempt < 2; attempt++) {
    log.append(body, 1);
    t.is(Number(log.active?.base), 1, 'no start would look for it behind the end of the first');
    log.cutBack();
  }
});
