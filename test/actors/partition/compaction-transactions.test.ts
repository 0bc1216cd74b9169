/**
 * Compaction beside transactions: what readers of committed records find of each key is the same before and after, whatever
 * went, through crashes and with a damaged state of producers; and in the end nothing is left of transactions that are over.
 */
import { crc32c } from '@node-rs/crc32';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { producersPath } from '../../../src/log/paths.ts';
import {
  batchesIn,
  DELETE_HORIZON_FLAG,
  readAttributes,
  readBaseOffset,
  readNextOffset,
  readProducerId,
  TRANSACTIONAL_FLAG,
} from '../../../src/model/batch.ts';
import { BatchBuilder } from '../../../src/model/batch-builder.ts';
import { writeInt16, writeInt32 } from '../../../src/model/bytes.ts';
import { isControl, isTransactional, readMarker } from '../../../src/model/control.ts';
import { id, type Offset } from '../../../src/model/ids.ts';
import { KIB } from '../../../src/model/limits.ts';
import { openRecords } from '../../../src/model/record.ts';
import { sized } from '../../long.ts';
import { StorageWorld } from '../storage-world.ts';

const P = 64;
const TOMBSTONE_MS = 60_000;
/** More than the longest time between two looks. */
const LOOK_MS = 20_000;
const PLAIN = -1;

type Act =
  | { readonly kind: 'write'; readonly who: number; readonly key: number; readonly gone: boolean }
  | { readonly kind: 'end'; readonly who: number; readonly commit: boolean }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'restart'; readonly flip: boolean };

const who = fc.integer({ min: 0, max: 2 });
const acts: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      who: fc.integer({ min: PLAIN, max: 2 }),
      key: fc.integer({ min: 0, max: 4 }),
      gone: fc.integer({ min: 0, max: 5 }).map((dice) => dice === 0),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('end' as const), who, commit: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 100, max: 90_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), flip: fc.boolean() }) },
);

/** The newest value of each key among what is committed, tombstones left out; and who is in the middle of what. */
class Model {
  readonly #newest = new Map<string, { readonly offset: number; readonly value: string | null }>();
  readonly open = new Map<number, { readonly offset: number; readonly key: string; readonly value: string | null }[]>();

  wrote(producer: number, offset: number, key: string, value: string | null): void {
    const record = { offset, key, value };
    if (producer === PLAIN) this.#keep(record);
    else this.open.set(producer, [...(this.open.get(producer) ?? []), record]);
  }

  ended(producer: number, commit: boolean): void {
    if (commit) for (const record of this.open.get(producer) ?? []) this.#keep(record);
    this.open.delete(producer);
  }

  #keep({
    key,
    offset,
    value,
  }: {
    readonly offset: number;
    readonly key: string;
    readonly value: string | null;
  }): void {
    if ((this.#newest.get(key)?.offset ?? -1) < offset) this.#newest.set(key, { offset, value });
  }

  get view(): [string, string][] {
    return [...this.#newest]
      .flatMap(([key, { value }]) => (value === null ? [] : [[key, value] as [string, string]]))
      .sort();
  }
}

class Story {
  readonly world = new StorageWorld({
    settings: {
      cleanup: 'compact',
      segmentBytes: 60 * KIB,
      segmentMs: 1_000,
      dirtyRatioMin: 0,
      tombstoneRetentionMs: TOMBSTONE_MS,
    },
  });
  readonly model = new Model();
  readonly #sequences = new Map<number, number>();
  readonly #epochs = new Map<number, number>();
  #serial = 0;

  write(producer: number, key: number, gone = false): void {
    const value = gone ? null : `${this.#serial++}`;
    const builder = new BatchBuilder();
    builder.add(this.world.world.clock.now(), `k${key}`, value);
    const baseSequence = this.#sequences.get(producer) ?? 0;
    const who = { producerId: producer, producerEpoch: this.#epochs.get(producer) ?? 0, baseSequence } as never;
    const bytes = builder.finish(crc32c, producer === PLAIN ? {} : { producer: who });
    if (producer !== PLAIN) {
      this.#sequences.set(producer, baseSequence + 1);
      writeInt16(bytes, 21, TRANSACTIONAL_FLAG);
      writeInt32(bytes, 17, crc32c(bytes.subarray(21)));
    }
    const offset = this.world.written(P, bytes);
    if (typeof offset === 'string') throw new Error(offset);
    this.model.wrote(producer, offset, `k${key}`, value);
  }

  /** As the second protocol does it: each end takes an epoch. */
  end(producer: number, commit: boolean): void {
    if (!this.model.open.has(producer)) return;
    const epoch = (this.#epochs.get(producer) ?? 0) + 1;
    this.#epochs.set(producer, epoch);
    this.#sequences.set(producer, 0);
    const marking = { type: 'mark', producer, epoch, commit, coordinatorEpoch: 0 } as const;
    if (this.world.ask(P, marking).type !== 'appended') throw new Error('no marker');
    this.model.ended(producer, commit);
  }

  do(act: Act): void {
    if (act.kind === 'write') this.write(act.who, act.key, act.gone);
    else if (act.kind === 'end') this.end(act.who, act.commit);
    else if (act.kind === 'wait') this.world.run(act.ms);
    else {
      this.world.stop();
      if (act.flip && this.#sequences.size > 0) this.#flip();
      this.world.start();
      this.world.run(100);
    }
  }

  /** In every state of producers that is there. */
  #flip(): void {
    const path = producersPath(id(P));
    const bytes = this.world.disk.peek(path);
    for (const slot of [0, bytes.length / 2]) if (bytes[slot] !== 0) this.world.disk.flip(path, slot + 40, 1);
  }

  /** All batches, and what readers are told beside them. */
  read(each: (batch: Uint8Array, isTakenBack: boolean) => void): { stable: number; end: number } {
    for (let offset = 0; ; ) {
      const answer = this.world.ask<'records'>(P, { type: 'read', offset: id<Offset>(offset), bytesMax: 2_000 });
      if (answer.type !== 'records') throw new Error(JSON.stringify(answer));
      if (answer.next === offset) return { stable: answer.stable, end: answer.end };
      giveAsClientsDo(answer.bytes, answer.aborted ?? [], each);
      offset = answer.next;
    }
  }

  get view(): [string, string][] {
    const newest = new Map<string, string | null>();
    this.read((batch, isTakenBack) => {
      if (isTakenBack || isControl(batch)) return;
      const opened = openRecords(batch, () => ({ ok: false, fault: null as never }), 0);
      if (!opened.ok) throw new Error('not readable');
      const text = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString();
      while (opened.value.next()) {
        const { key, value } = opened.value;
        newest.set(text(key), value === null ? null : text(value));
      }
    });
    return [...newest].flatMap(([key, value]) => (value === null ? [] : [[key, value] as [string, string]])).sort();
  }
}

/** As Kafka's consumers do it, one answer at a time: from its first offset on a producer is taken back, up to its marker. */
function giveAsClientsDo(
  bytes: Uint8Array,
  aborted: readonly (readonly [producer: number, first: number])[],
  each: (batch: Uint8Array, isTakenBack: boolean) => void,
): void {
  const queue = [...aborted].sort(([, one], [, other]) => one - other);
  const takenBack = new Set<number>();
  for (const batch of batchesIn(bytes)) {
    while ((queue[0]?.[1] ?? Number.POSITIVE_INFINITY) < readNextOffset(batch)) takenBack.add(queue.shift()?.[0] ?? 0);
    const producer = readProducerId(batch);
    if (isControl(batch) && readMarker(batch) === 'abort') takenBack.delete(producer);
    each(batch, isTransactional(batch) && takenBack.has(producer));
  }
}

function judge(t: ExecutionContext, story: Story): void {
  if (story.model.open.size === 0) {
    const { stable, end } = story.read(() => {});
    t.is(stable, end, 'nothing is open');
  }
  t.deepEqual(story.view, story.model.view);
}

test('what readers of committed records find of each key is the same before compaction and after', (t) => {
  fc.assert(
    fc.property(fc.array(acts, { minLength: 10, maxLength: 60 }), (script) => {
      const story = new Story();
      for (const act of script) story.do(act);
      for (const producer of [...story.model.open.keys()]) story.end(producer, producer % 2 === 0);
      judge(t, story);
      for (let round = 0; round < 5; round++) {
        story.world.run(LOOK_MS + (round % 2) * TOMBSTONE_MS);
        judge(t, story);
        story.write(PLAIN, 9);
        story.do({ kind: 'restart', flip: round === 3 });
        judge(t, story);
      }
    }),
    { numRuns: sized(40, 2_000) },
  );
});

test('of transactions that are over nothing is left but what their producers have sent last', (t) => {
  const story = new Story();
  for (let round = 0; round < 30; round++) {
    story.write(round % 2, round % 3);
    story.write(PLAIN, round % 3);
    story.end(round % 2, round % 4 < 2);
    story.world.run(1_500);
  }
  const markers = (): { offset: number; dated: boolean }[] => {
    const found: { offset: number; dated: boolean }[] = [];
    story.read((batch) => {
      const dated = (readAttributes(batch) & DELETE_HORIZON_FLAG) !== 0;
      if (isControl(batch)) found.push({ offset: readBaseOffset(batch), dated });
    });
    return found;
  };
  story.world.run(LOOK_MS);
  t.true(markers().length > 20 && markers().some(({ dated }) => dated), 'their time has begun');
  judge(t, story);
  for (let round = 0; round < 4; round++) {
    story.write(PLAIN, 9);
    story.world.run(LOOK_MS + TOMBSTONE_MS);
    judge(t, story);
  }
  t.true(markers().length <= 2, JSON.stringify(markers()));
  t.is(story.world.written(P, new Uint8Array(staleOf(story))), 'PRODUCER_FENCED');
});

/** A batch of an epoch that is over: its producer is known still. */
function staleOf(story: Story): Uint8Array {
  const builder = new BatchBuilder();
  builder.add(story.world.world.clock.now(), 'k', 'late');
  const bytes = builder.finish(crc32c, { producer: { producerId: 1, producerEpoch: 3, baseSequence: 0 } as never });
  writeInt16(bytes, 21, TRANSACTIONAL_FLAG);
  writeInt32(bytes, 17, crc32c(bytes.subarray(21)));
  return bytes;
}
