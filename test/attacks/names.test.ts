/**
 * Names that mean something to JavaScript, to a file system or to a terminal, in every field that takes a name: refused
 * by name or ordinary names like any other, and no file is made of them.
 */
import { readdirSync } from 'node:fs';
import test from 'ava';
import { calls } from '../../src/protocols/native/calls.ts';
import type { NativeCallName } from '../../src/protocols/request.ts';
import { codeOf, type Fields, Hostile, partsOf } from './hostile.ts';
import { attacks, SMALL, targetOf } from './target.ts';

const target = targetOf(test);

/** Names that every object of JavaScript has already; allowed as names of topics and groups, where their letters are. */
const PROTOTYPE = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'hasOwnProperty',
  '__defineGetter__',
];
const FORBIDDEN = [
  '',
  '.',
  '..',
  '../x',
  '..\\x',
  '/etc/passwd',
  'a/../../b',
  'a\0b',
  'a\nb',
  'a b',
  '%2e%2e%2f',
  'x'.repeat(250),
  'x'.repeat(10_000),
  '\u202etxt',
  '\ud800',
  'ｔｏｐｉｃ',
  '$(reboot)',
];

/** What each call that takes names asks, with the name in every field that takes one. */
const withTopic: Readonly<Partial<Record<NativeCallName, (name: unknown) => Fields>>> = {
  createTopic: (name) => ({ name, settings: {} }),
  alterTopic: (name) => ({ name, settings: {} }),
  deleteTopic: (name) => ({ name }),
  describeTopic: (name) => ({ name }),
  resolve: (name) => ({ names: [name], create: true }),
  heartbeat: (name) => ({ group: 'g', member: 'm', epoch: 0, topics: [name], waitMs: 0 }),
};
const withGroup: Readonly<Partial<Record<NativeCallName, (name: unknown) => Fields>>> = {
  heartbeat: (group) => ({ group, member: 'm', epoch: 0, topics: [], waitMs: 0 }),
  commit: (group) => ({ group, member: '', epoch: -1, offsets: [] }),
  committed: (group) => ({ group }),
  describeGroup: (group) => ({ group }),
  resetGroup: (group) => ({ group, places: [], dryRun: false }),
  deleteGroup: (group) => ({ group }),
};

test.serial(
  'forbidden names are refused in every call, and nothing is made of them',
  attacks(target, SMALL, async (t, { port }) => {
    const hostile = await Hostile.greeted(port);
    for (const table of [withTopic, withGroup]) {
      for (const [call, fieldsOf] of Object.entries(table)) {
        for (const name of FORBIDDEN) {
          const answer = await hostile.ask(call as NativeCallName, fieldsOf(name));
          t.is(codeOf(answer), 'INVALID_NAME', `${call} of ${JSON.stringify(name).slice(0, 40)}`);
        }
        for (const name of [0, null, true, [], {}, ['orders']])
          t.regex(codeOf(await hostile.ask(call as NativeCallName, fieldsOf(name))), /^INVALID_(NAME|REQUEST)$/);
      }
    }
    await hostile.close();
  }),
);

test.serial(
  'names that every object has are names like any other, for topics',
  attacks(target, SMALL, async (t, { port, node }) => {
    const hostile = await Hostile.greeted(port, '__proto__');
    for (const name of PROTOTYPE) {
      t.is(codeOf(await hostile.ask('describeTopic', { name })), 'UNKNOWN_TOPIC', name);
      t.is(codeOf(await hostile.ask('deleteTopic', { name })), 'UNKNOWN_TOPIC', name);
      const created = await hostile.ask('createTopic', { name, partitions: 1, settings: {} });
      if (name.startsWith('__')) {
        t.is(codeOf(created), 'TOPIC_INTERNAL', name);
        continue;
      }
      t.is((created.fields.topic as Fields | undefined)?.name, name, codeOf(created));
      t.is(codeOf(await hostile.ask('createTopic', { name, settings: {} })), 'TOPIC_EXISTS');
    }
    const { fields } = await hostile.ask('topics', {});
    const names = (fields.topics as readonly Fields[]).map((topic) => topic.name);
    const made = PROTOTYPE.filter((name) => !name.startsWith('__'));
    for (const name of made) t.is(names.filter((one) => one === name).length, 1, name);
    for (const name of made) t.is(codeOf(await hostile.ask('deleteTopic', { name })), '', name);
    const folders = readdirSync(node.data, { recursive: true, encoding: 'utf8' });
    t.false(
      folders.some((path) => PROTOTYPE.some((name) => path.includes(name))),
      'files have numbers, not names',
    );
    await hostile.close();
  }),
);

test.serial(
  'names that every object has are names like any other, for groups, members, instances and clients',
  attacks(target, SMALL, async (t, { port }) => {
    for (const name of PROTOTYPE) {
      const hostile = await Hostile.greeted(port, name);
      const join = { group: name, member: name, instance: name, epoch: 0, topics: [name, 'honest'], waitMs: 0 };
      t.is(codeOf(await hostile.ask('describeGroup', { group: name })), 'UNKNOWN_GROUP', name);
      const joined = await hostile.ask('heartbeat', join);
      t.is(joined.fields.member, name, codeOf(joined));
      const { members } = (await hostile.ask('describeGroup', { group: name })).fields as { members: Fields[] };
      t.deepEqual(
        members.map(({ member, instance, client }) => [member, instance, client]),
        [[name, name, name]],
      );
      const commit = { group: name, member: name, epoch: joined.fields.epoch, offsets: [] };
      t.is(codeOf(await hostile.ask('commit', commit)), '', 'committed');
      const left = await hostile.ask('heartbeat', { group: name, member: name, epoch: -1, waitMs: 0 });
      t.is(codeOf(left), '', 'left');
      t.regex(codeOf(await hostile.ask('deleteGroup', { group: name })), /^(UNKNOWN_GROUP)?$/);
      await hostile.close();
    }
  }),
);

test.serial(
  'keys that every object has are refused as fields and settings, in every call',
  attacks(target, SMALL, async (t, { port }) => {
    const hostile = await Hostile.greeted(port);
    for (const key of ['__proto__', 'constructor', 'toString']) {
      for (const call of Object.keys(calls) as NativeCallName[]) {
        const kept = hostile.ended ? await Hostile.greeted(port) : hostile;
        const fields = Object.defineProperty({}, key, { value: { polluted: true }, enumerable: true });
        const code = await Promise.race([kept.ask(call, fields).then(codeOf), kept.closed.then(() => 'closed')]);
        t.regex(code, /^(INVALID_REQUEST|INVALID_NAME|BAD_FRAME|closed)$/, `${call} with ${key}`);
        if (kept !== hostile) await kept.close();
      }
      const settings = Object.defineProperty({}, key, { value: 1, enumerable: true });
      const asked = await Hostile.greeted(port);
      const made = asked.ask('createTopic', { name: 'polluted', settings }).then(codeOf);
      t.regex(await Promise.race([made, asked.closed.then(() => 'closed')]), /^(INVALID_SETTING|BAD_FRAME|closed)$/);
      await asked.close();
    }
    await hostile.close();
  }),
);

test.serial(
  'ids with control characters, halves of characters or too many are refused',
  attacks(target, SMALL, async (t, { port }) => {
    const hostile = await Hostile.greeted(port);
    for (const id of ['', '\0', 'a\u001b[2Jb', '\ud800', 'x'.repeat(256), 'x'.repeat(10_000)]) {
      for (const field of ['member', 'instance']) {
        const fields = { group: 'g', member: 'm', epoch: 0, topics: [], waitMs: 0, [field]: id };
        t.is(codeOf(await hostile.ask('heartbeat', fields)), 'INVALID_REQUEST', `${field} ${JSON.stringify(id)}`);
      }
    }
    await hostile.close();
  }),
);

test.serial(
  'partitions, topics and sessions that are not there are refused one by one, whatever their number',
  attacks(target, SMALL, async (t, { port }) => {
    const hostile = await Hostile.greeted(port);
    const places = [0, 1, 15, 16, 17, 0xffff_ffff, Number.MAX_SAFE_INTEGER].flatMap((topic) =>
      [0, 1, 9_999].map((partition) => ({ topic, partition })),
    );
    const internal = places.filter(({ topic, partition }) => topic !== 1 || partition > 0);
    const offsets = await hostile.ask('offsets', { parts: internal.map((place) => ({ ...place, at: 'end' })) });
    for (const part of partsOf(offsets)) t.regex(codeOf(part), /^UNKNOWN_(TOPIC|PARTITION)$/);
    const add = internal.map((place) => ({ ...place, offset: 0, bytesMax: 1 }));
    const fetched = await hostile.ask('fetch', { session: 0, add, drop: [], bytesMin: 0, bytesMax: 1, waitMs: 0 });
    for (const part of partsOf(fetched)) t.regex(codeOf(part), /^UNKNOWN_(TOPIC|PARTITION)$/);
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 53, '0', null]) {
      const parts = [{ topic: bad, partition: 0, at: 'end' }];
      t.is(codeOf(await hostile.ask('offsets', { parts })), 'INVALID_REQUEST', String(bad));
    }
    const unknown = { session: 99, add: [], drop: [], bytesMin: 0, bytesMax: 1, waitMs: 0 };
    t.is(codeOf(await hostile.ask('fetch', unknown)), 'INVALID_REQUEST');
    await hostile.close();
  }),
);
