/** The catalog's machine: replay is the live state, ids are never used again, whatever is asked of it. */
import test from 'ava';
import fc from 'fast-check';
import { Catalog } from '../../src/catalog/catalog.ts';
import { type CatalogChange, decideChange, decideProducers, PRODUCER_BLOCK } from '../../src/catalog/decide.ts';
import { type CatalogRecord, decodeCatalogRecord } from '../../src/catalog/record.ts';
import { FIRST_USER_PARTITION } from '../../src/model/ids.ts';
import { TOPIC_DEFAULTS } from '../../src/model/topic.ts';
import { replayed } from './replayed.ts';

const DEFAULTS = { partitions: 4, settings: TOPIC_DEFAULTS };
const name = fc.constantFrom('a', 'b', 'constructor', 'toString', 'bad name', '..', '__x', '');
const partitions = fc.option(fc.integer({ min: -1, max: 12 }), { nil: undefined });
const settings = fc.constantFrom({}, { retentionMs: 5_000 }, { engine: 'memory' as const }, { batchBytesMax: 3 });
const change: fc.Arbitrary<CatalogChange> = fc.oneof(
  fc.record({ type: fc.constant('create' as const), name, partitions, settings, onDemand: fc.boolean() }).map(given),
  fc.record({ type: fc.constant('alter' as const), name, partitions, settings }).map(given),
  fc.record({ type: fc.constant('remove' as const), name }),
);

/** Without the count where there is none. */
function given<T extends { readonly partitions: number | undefined }>(
  value: T,
): Omit<T, 'partitions'> & { readonly partitions?: number } {
  const { partitions: count, ...rest } = value;
  return count === undefined ? rest : { ...rest, partitions: count };
}

test('replaying the log, or a snapshot, gives the live state; ids of topics and partitions are never used again', (t) => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60, size: 'max' }), (changes) => {
      const live = new Catalog();
      const log: CatalogRecord[] = [];
      const topics = new Set<number>();
      const used = new Map<number, number>();
      for (const each of changes) {
        const decision = decideChange(live, each, DEFAULTS, 1);
        if (!decision.ok) continue;
        for (const record of decision.value.records) {
          live.apply(record);
          log.push(record);
          if (record.type !== 'topic') continue;
          if (record.topic.version === 1) t.false(topics.has(record.topic.id));
          topics.add(record.topic.id);
          for (const partition of record.topic.partitions) {
            t.true(partition >= FIRST_USER_PARTITION);
            t.is(used.get(partition) ?? record.topic.id, record.topic.id);
            used.set(partition, record.topic.id);
          }
        }
        if (each.type !== 'remove') t.deepEqual(live.topic(each.name), decision.value.topic);
        else t.is(live.topic(each.name), undefined);
      }
      const state = [...live.snapshot()];
      t.deepEqual([...replayed(log).snapshot()], state);
      t.deepEqual([...replayed(state).snapshot()], state);
      t.is(
        replayed(log).partitionCount,
        [...live.topics()].reduce((sum, topic) => sum + topic.partitions.length, 0),
      );
    }),
    { numRuns: 100 },
  );
});

test('a change that changes nothing is no record', (t) => {
  const catalog = new Catalog();
  const created = decideChange(catalog, { type: 'create', name: 'a', settings: {}, onDemand: false }, DEFAULTS, 1);
  if (!created.ok) return t.fail();
  for (const record of created.value.records) catalog.apply(record);
  for (const each of [
    { type: 'create', name: 'a', settings: { retentionMs: 1 }, onDemand: true },
    { type: 'alter', name: 'a', partitions: 4, settings: { engine: 'local' } },
  ] as const) {
    const decision = decideChange(catalog, each, DEFAULTS, 1);
    t.deepEqual(decision, { ok: true, value: { records: [], topic: created.value.topic } });
  }
});

test('engine and number of partitions only change as far as that can be done', (t) => {
  const catalog = new Catalog();
  const created = decideChange(catalog, { type: 'create', name: 'a', settings: {}, onDemand: false }, DEFAULTS, 1);
  if (!created.ok) return t.fail();
  for (const record of created.value.records) catalog.apply(record);
  for (const each of [
    { type: 'alter', name: 'a', partitions: 3, settings: {} },
    { type: 'alter', name: 'a', settings: { engine: 'memory' } },
  ] as const) {
    const decision = decideChange(catalog, each, DEFAULTS, 1);
    t.is(decision.ok ? '' : decision.fault.code, 'INVALID_SETTING');
  }
});

test('producer ids of a block that a restart has cut off stay unused', (t) => {
  const catalog = new Catalog();
  const record = decideProducers(catalog);
  catalog.apply(record);
  catalog.openProducers(PRODUCER_BLOCK);
  const first = catalog.takeProducer();
  const after = replayed([record]);
  t.is(after.freeProducers, 0);
  after.apply(decideProducers(after));
  after.openProducers(PRODUCER_BLOCK);
  t.is(after.takeProducer(), (first + PRODUCER_BLOCK) as never);
});

test('a record of a newer version is not guessed at', (t) => {
  for (const value of [null, 7, 'topic', {}, { type: 'constructor' }, { type: 'lease', limit: 1 }])
    t.is(decodeCatalogRecord(value), null);
});
