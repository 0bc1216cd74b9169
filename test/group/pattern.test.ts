/** Patterns of topic names: what fits is what JavaScript's own expressions say, and no pattern costs more than its length. */
import test from 'ava';
import fc from 'fast-check';
import { Topics } from '../../src/group/groups.ts';
import { Pattern } from '../../src/group/pattern.ts';
import { id } from '../../src/model/ids.ts';

const compiled = (text: string): Pattern => {
  const pattern = Pattern.compile(text);
  if (!pattern.ok) throw new Error(pattern.fault.message);
  return pattern.value;
};

const NAMES = [
  'orders',
  'orders.eu',
  'Orders',
  'o',
  'order-1',
  'order-22',
  'payments_2024',
  '',
  '.',
  '__proto__',
  'a-b',
];

for (const text of [
  ...['orders', 'orders.*', 'order-[0-9]+', '(orders|payments).*', '[^o].*', '.*[._-].*', '\\w+', '\\d', '[\\w.]+'],
  ...['^orders$', 'order(s|-[0-9]{1,2})', 'o{0,1}r?d*', '(?:or)(?:der)s?', '[a-z]{2,}', '[]a]', '[a-]+-b', '$^', ''],
  ...['(a|b|)*', '(o|r|d|e|s)+?', 'x{3}', '__.+__', '\\Qa', '[a-z&&b]', 'or.ers'],
])
  test(`/${text}/ fits what it should`, (t) => {
    const pattern = Pattern.compile(text);
    if (text.startsWith('\\Q')) {
      t.false(pattern.ok);
      return;
    }
    const judge = new RegExp(`^(?:${text.replace('[]a]', '[\\]a]')})$`);
    for (const name of NAMES) t.is(pattern.ok && pattern.value.fits(name), judge.test(name), name);
  });

test('case is ignored where a pattern says so', (t) => {
  t.true(compiled('(?i)ORD[e-z]+').fits('orders'));
  t.false(compiled('ORD[e-z]+').fits('orders'));
});

const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\w', '-', '\\.', '(a|b)', '(?:ab)', '(a*)', '(b|)');
const piece = fc
  .tuple(atom, fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,3}', '{0,}'))
  .map(([of, times]) => of + times);
const expression = fc
  .array(fc.oneof({ weight: 8, arbitrary: piece }, { weight: 1, arbitrary: fc.constant('|') }), { maxLength: 8 })
  .map((parts) => parts.join(''));
const name = fc.string({ unit: fc.constantFrom('a', 'b', '.', '-'), maxLength: 12 });

test('a pattern fits exactly what the same expression of JavaScript fits', (t) => {
  fc.assert(
    fc.property(expression, fc.array(name, { minLength: 5, maxLength: 20 }), (text, names) => {
      const pattern = compiled(text);
      const judge = new RegExp(`^(?:${text})$`);
      for (const each of names) if (pattern.fits(each) !== judge.test(each)) throw new Error(`/${text}/ and ${each}`);
    }),
    { numRuns: 500 },
  );
  t.pass();
});

for (const text of [
  ...[
    '(a)\\1',
    '(?=a)b',
    '(?<!a)b',
    '(?>a)',
    'a**',
    '*a',
    '(a',
    'a)',
    '[a',
    '[z-a]',
    'a{3,2}',
    'a{1001}',
    '\\p{L}',
    '\\',
  ],
  ...['a{1000}{1000}', '((a{100}){100}){100}', `${'('.repeat(60)}a${')'.repeat(60)}`, 'a'.repeat(1_001), '[[:alpha:]]'],
])
  test(`/${text.slice(0, 30)}/ is refused`, (t) => {
    const pattern = Pattern.compile(text);
    t.is(pattern.ok ? 'taken' : pattern.fault.code, 'INVALID_PATTERN');
  });

test('what any text says, it is a pattern or is refused', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'ab()[]{}*+?|^$\\-,12.') })), (text) => {
      const pattern = Pattern.compile(text);
      if (pattern.ok) pattern.value.fits('abab-12');
    }),
    { numRuns: 5_000 },
  );
  t.pass();
});

test('patterns that take others for ever are done at once', (t) => {
  const begun = performance.now();
  for (const text of ['(a+)+b', '(a|a)*b', '(a|aa)+b', '(.*a){20}b', '(a?){100}a{100}b'])
    t.false(compiled(text).fits('a'.repeat(249)), text);
  t.true(performance.now() - begun < 60_000);
});

test('the topics of a pattern come and go', (t) => {
  const topics = new Topics();
  topics.put({ id: id(1), name: 'orders.eu', partitions: 1 });
  const names = (): string[] => [...topics.matching('orders\\..*').values()].map((topic) => topic.name);
  t.deepEqual(names(), ['orders.eu']);
  topics.put({ id: id(2), name: 'orders.us', partitions: 1 });
  topics.put({ id: id(3), name: 'payments', partitions: 1 });
  t.deepEqual(names(), ['orders.eu', 'orders.us']);
  topics.drop(id(1));
  t.deepEqual(names(), ['orders.us']);
});
