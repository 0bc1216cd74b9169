/** Quotas: whose counts, how long who is ahead has to be quiet, and what the catalog keeps of them. */
import test from 'ava';
import { Catalog } from '../../src/catalog/catalog.ts';
import { decideQuota } from '../../src/catalog/decide.ts';
import { Quotas } from '../../src/catalog/quotas.ts';
import { QUOTAS_MAX, type QuotaChange, THROTTLE_MS_MAX } from '../../src/model/quota.ts';

test("a client's own quota counts, else that of all others, each kind by itself", (t) => {
  const quotas = new Quotas();
  quotas.put({ client: null, produceRate: 10, fetchRate: 20 });
  quotas.put({ client: '__proto__', produceRate: 5 });
  t.is(quotas.rateOf('__proto__', 'produce'), 5);
  t.is(quotas.rateOf('__proto__', 'fetch'), 20);
  t.is(quotas.rateOf('constructor', 'produce'), 10);
  quotas.put({ client: null });
  t.is(quotas.rateOf('constructor', 'produce'), null);
  t.is(quotas.charge('constructor', 'produce', 1e9, 0), 0);
});

test('a client that waits as it is told uses what it may, however large its pieces are', (t) => {
  for (const piece of [100, 5_000, 40_000]) {
    const quotas = new Quotas();
    quotas.put({ client: 'a', produceRate: 100_000 });
    let now = 0;
    let sent = 0;
    while (now < 10_000) {
      now += 1 + quotas.charge('a', 'produce', piece, now);
      sent += piece;
    }
    t.true(sent > 900_000 && sent < 1_100_000, `${sent} in pieces of ${piece}`);
  }
});

test('time is counted in percent of a thread; who took too much waits for a second at most, again and again', (t) => {
  const quotas = new Quotas();
  quotas.put({ client: 'a', requestPercentage: 0.5 });
  t.is(quotas.rateOf('a', 'request'), 5);
  t.is(quotas.charge('a', 'request', 1, 0), 0, '1 ms is what it gets in 200');
  let now = 0;
  let spent = 0;
  while (now < 100_000) {
    now += 1 + quotas.charge('a', 'request', 2, now);
    spent += 2;
  }
  t.true(spent > 450 && spent < 560, `${spent} ms of 100,000`);
  t.is(quotas.charge('a', 'request', 1_000, now), 1_000);
  t.is(quotas.charge('a', 'request', 0, now + 1_000), 1_000);
});

test('clients that share an id share its quota; no wait and no debt is longer than the bound', (t) => {
  const quotas = new Quotas();
  quotas.put({ client: null, fetchRate: 1_000 });
  t.is(quotas.charge('a', 'fetch', 1_250, 0), 1_000);
  t.is(quotas.charge('a', 'fetch', 1_000, 0), 2_000);
  t.is(quotas.charge('b', 'fetch', 250, 0), 0);
  t.is(quotas.charge('a', 'fetch', 1e12, 0), THROTTLE_MS_MAX);
  t.is(quotas.charge('a', 'fetch', 0, THROTTLE_MS_MAX), 0);
});

test('a change leaves what it does not name, and quotas are bounded and survive a replay', (t) => {
  const catalog = new Catalog();
  const change = (one: QuotaChange): string => {
    const decision = decideQuota(catalog, one);
    if (decision.ok) catalog.apply(decision.value);
    return decision.ok ? 'done' : decision.fault.code;
  };
  change({ client: 'a', produceRate: 5 });
  change({ client: 'a', fetchRate: 7 });
  t.deepEqual(catalog.quotas.get('a'), { client: 'a', produceRate: 5, fetchRate: 7 });
  change({ client: 'a', produceRate: null });
  t.deepEqual(catalog.quotas.get('a'), { client: 'a', fetchRate: 7 });
  for (let count = 1; count < QUOTAS_MAX; count++) t.is(change({ client: `c${count}`, fetchRate: 1 }), 'done');
  t.is(change({ client: 'one more', fetchRate: 1 }), 'INVALID_REQUEST');
  t.is(change({ client: 'x'.repeat(256), fetchRate: 1 }), 'INVALID_REQUEST');
  const replayed = new Catalog();
  for (const record of catalog.snapshot()) replayed.apply(record);
  t.deepEqual([...replayed.quotas.all()], [...catalog.quotas.all()]);
  change({ client: 'a', requestPercentage: 0.5 });
  change({ client: 'a', fetchRate: null });
  t.deepEqual(catalog.quotas.get('a'), { client: 'a', requestPercentage: 0.5 });
  change({ client: 'a', requestPercentage: null });
  t.is(catalog.quotas.get('a'), undefined);
});
