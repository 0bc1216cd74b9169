/** Defaults of topics that are altered: who counts first, who takes them, what is refused, and that replay is the live state. */
import test from 'ava';
import fc from 'fast-check';
import { Catalog } from '../../src/catalog/catalog.ts';
import { decideChange, decideDefaults } from '../../src/catalog/decide.ts';
import type { CatalogRecord } from '../../src/catalog/record.ts';
import { TOPIC_DEFAULTS, type TopicSettings } from '../../src/model/topic.ts';
import { type DefaultsChange, type DefaultsScope, defaultsInForce } from '../../src/model/topic-defaults.ts';
import { replayed } from './replayed.ts';

const SET = { partitions: 1, settings: { ...TOPIC_DEFAULTS, retentionMs: 9_000 } };

/** The fault, or what a topic gets that is made now. */
function altered(catalog: Catalog, change: DefaultsChange): string | TopicSettings {
  const decision = decideDefaults(catalog, change, SET);
  if (!decision.ok) return decision.fault.code;
  catalog.apply(decision.value);
  return made(catalog, {});
}

let topics = 0;
function made(catalog: Catalog, settings: Partial<TopicSettings>): TopicSettings {
  const change = { type: 'create', name: `topic-${++topics}`, settings, onDemand: true } as const;
  const decision = decideChange(catalog, change, SET, 1);
  if (!decision.ok) throw new Error(decision.fault.message);
  for (const record of decision.value.records) catalog.apply(record);
  return decision.value.topic.settings;
}

const alter = (scope: DefaultsScope, settings: DefaultsChange['settings']): DefaultsChange => ({ scope, settings });

test('the word for this node counts first, then that for all, then what its settings say; a topic its own', (t) => {
  const catalog = new Catalog();
  t.like(altered(catalog, alter('all', { retentionMs: 1_000, retentionBytes: 5 })), {
    retentionMs: 1_000,
    retentionBytes: 5,
  });
  t.like(altered(catalog, alter('node', { retentionMs: 2_000 })), { retentionMs: 2_000, retentionBytes: 5 });
  t.like(made(catalog, { retentionMs: 3_000 }), { retentionMs: 3_000, retentionBytes: 5 });
  t.like(altered(catalog, alter('node', { retentionMs: null })), { retentionMs: 1_000, retentionBytes: 5 });
  t.deepEqual(altered(catalog, alter('all', { retentionMs: null, retentionBytes: null })), SET.settings);
});

test('topics that are there keep what they have', (t) => {
  const catalog = new Catalog();
  made(catalog, {});
  const [before] = catalog.topics();
  altered(catalog, alter('all', { segmentMs: 60_000 }));
  const [after] = catalog.topics();
  t.deepEqual(after, before);
});

test('what no topic may have is no default, nor what contradicts itself; nothing is changed by it', (t) => {
  const catalog = new Catalog();
  altered(catalog, alter('all', { compactionLagMsMin: 50_000 }));
  const before = catalog.defaults;
  const wrong: Record<string, unknown>[] = [
    { retentionMs: -2 },
    { retentionMs: '5' },
    { engine: 'memory' },
    { constructor: 1 },
    { toString: 'x' },
    { segmentMs: 60_000, nothing: 1 },
    { compactionLagMsMax: 2_000 },
  ];
  for (const settings of wrong) t.is(altered(catalog, alter('node', settings)), 'INVALID_SETTING');
  t.is(catalog.defaults, before);
  t.like(altered(catalog, alter('node', { compactionLagMsMax: 60_000 })), { compactionLagMsMax: 60_000 });
  t.is(
    altered(catalog, alter('all', { compactionLagMsMin: 70_000 })),
    'INVALID_SETTING',
    'seen with those of the node',
  );
});

test('a default that contradicts another one once it is given back stays', (t) => {
  const catalog = new Catalog();
  altered(catalog, alter('all', { compactionLagMsMax: 10_000 }));
  altered(catalog, alter('node', { compactionLagMsMax: 60_000, compactionLagMsMin: 50_000 }));
  t.is(altered(catalog, alter('node', { compactionLagMsMax: null })), 'INVALID_SETTING');
  t.like(made(catalog, {}), { compactionLagMsMax: 60_000, compactionLagMsMin: 50_000 });
});

test('replaying the log, or a snapshot, gives the same defaults', (t) => {
  const scope = fc.constantFrom('all' as const, 'node' as const);
  const settings = fc.record(
    {
      retentionMs: fc.constantFrom(null, -1, -2, 5_000),
      cleanup: fc.constantFrom(null, 'compact' as const, 'delete' as const),
      compactionLagMsMin: fc.constantFrom(null, 0, 5_000),
      compactionLagMsMax: fc.constantFrom(null, 1_000, 6_000),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(fc.record({ scope, settings }), { maxLength: 30 }), (changes) => {
      const live = new Catalog();
      const log: CatalogRecord[] = [];
      for (const change of changes) {
        const decision = decideDefaults(live, change, SET);
        if (!decision.ok) continue;
        live.apply(decision.value);
        log.push(decision.value);
        const { compactionLagMsMin: least, compactionLagMsMax: most } = defaultsInForce(SET.settings, live.defaults);
        t.true(most < 0 || least <= most);
      }
      t.deepEqual(replayed(log).defaults, live.defaults);
      t.deepEqual(replayed(live.snapshot()).defaults, live.defaults);
    }),
  );
});
