/**
 * More of what is allowed than anybody needs: hellos, connections, sessions, watches, members, partitions in a request.
 * Each flood meets its bound as an answer, and none of it is left behind.
 */
import test from 'ava';
import { FETCH_SESSIONS_MAX, MIB, PARTITIONS_PER_REQUEST_MAX, WAIT_MS_MAX } from '../../src/model/limits.ts';
import { HELLO_KIND } from '../../src/protocols/native/calls/hello.ts';
import { sized } from '../long.ts';
import { type Answer, codeOf, type Fields, frame, HELLO, Hostile, partsOf } from './hostile.ts';
import { attacks, SMALL, type Target, targetOf } from './target.ts';

/** Connections that the node takes, on both shards together. */
const CONNECTIONS_MAX = 200;
const target = targetOf(test, ['--limits-connections', String(CONNECTIONS_MAX)]);

const FETCH: Fields = { session: 0, add: [], drop: [], bytesMin: 0, bytesMax: MIB, waitMs: 0 };

async function idOf(hostile: Hostile, name: string, partitions: number): Promise<number> {
  const made = await hostile.ask('createTopic', { name, partitions, settings: { engine: 'memory' } });
  return (made.fields.topic as { readonly id: number }).id;
}

const codesOf = (answers: readonly Answer[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const answer of answers) counts[codeOf(answer) || 'done'] = (counts[codeOf(answer) || 'done'] ?? 0) + 1;
  return counts;
};

test.serial(
  'hello again and again is refused again and again',
  attacks(target, SMALL, async (t, { port }) => {
    const hostile = await Hostile.greeted(port);
    const count = sized(5_000, 100_000);
    const hello = frame(HELLO_KIND, 9, HELLO);
    for (let sent = 0; sent < count; sent += 100) {
      hostile.send(Buffer.concat(Array.from({ length: 100 }, () => hello)));
      await hostile.ask('node', {});
    }
    const again = hostile.answers.filter(({ correlation }) => correlation === 9);
    t.is(again.filter((answer) => codeOf(answer) === 'INVALID_REQUEST').length, count);
    await hostile.close();
  }),
);

test.serial(
  'connections that come and go with a hello leave nothing behind',
  attacks(target, SMALL, async (t, { port }) => {
    for (let opened = 0; opened < sized(1_000, 20_000); opened += 50) {
      const some = Array.from({ length: 50 }, async (_, number) => {
        const hostile = await Hostile.greeted(port, `client ${opened + number}`);
        if (number % 2 === 0) hostile.socket.resetAndDestroy();
        await hostile.close();
      });
      await Promise.all(some);
    }
    t.pass();
  }),
);

test.serial(
  'connections beyond the limit are told so and closed, and those that were there go on',
  attacks(target, SMALL, async (t, { port }) => {
    const all = await Promise.all(
      Array.from({ length: sized(3, 20) * CONNECTIONS_MAX }, () => Hostile.silent(port).catch(() => null)),
    );
    const came = all.filter((one) => one !== null);
    // Those that are too many hear of it before they say a word, which would be answered by a reset that can overtake the words.
    const unheard = (): number => came.filter((one) => one.answers.length === 0 && !one.ended).length;
    while (unheard() > CONNECTIONS_MAX) await new Promise((resolve) => setTimeout(resolve, 10));
    const refused = came.map(async (one) => {
      one.send(frame(HELLO_KIND, 1, HELLO));
      while (one.answers.length === 0 && !one.ended) await new Promise((resolve) => setTimeout(resolve, 10));
      return codeOf(one.answers[0]);
    });
    const codes = await Promise.all(refused);
    const taken = came.filter((one) => one.answers[0]?.kind === 0x80).length;
    t.true(taken > 0 && taken <= CONNECTIONS_MAX, `${taken} were taken`);
    const told = codes.filter((code) => code === 'OVERLOADED').length;
    t.true(told >= (came.length - taken) / 2, `${told} of ${came.length - taken} were told why`);
    await Promise.all(came.filter((one) => one.answers[0]?.kind !== 0x80).map((one) => one.closed));
    await Promise.all(came.map((one) => one.close()));
  }),
);

test.serial(
  'requests beyond what may be in flight wait in the socket, and all are answered once',
  attacks(target, { peakMib: 96, leftMib: 96 }, async (t, { port, honest }) => {
    const hostile = await Hostile.greeted(port);
    const topic = await idOf(hostile, 'waited', 1);
    const add = [{ topic, partition: 0, offset: 0, bytesMax: 1 }];
    const count = sized(3_000, 30_000);
    const wait = { ...FETCH, add, bytesMin: 1, waitMs: WAIT_MS_MAX };
    for (let session = 0; session < FETCH_SESSIONS_MAX; session++) hostile.shout('fetch', wait);
    for (let sent = 0; sent < count; sent++) hostile.shout('describeTopic', { name: 'waited' });
    await honest.advance(10);
    t.is(codeOf(await hostile.ask('deleteTopic', { name: 'waited' })), '');
    while (hostile.answers.length < count + FETCH_SESSIONS_MAX + 3) await honest.advance(1);
    await hostile.close();
  }),
);

test.serial(
  'waits longer than allowed are refused, and many long ones end with their connection',
  attacks(target, SMALL, async (t, { port }) => {
    const hostile = await Hostile.greeted(port);
    for (const waitMs of [WAIT_MS_MAX + 1, 2 ** 31, Number.MAX_SAFE_INTEGER, -1, 1e300, '1']) {
      t.is(codeOf(await hostile.ask('fetch', { ...FETCH, waitMs })), 'INVALID_REQUEST', `fetch ${waitMs}`);
      const beat = { group: 'g', member: 'm', epoch: 0, topics: [], waitMs };
      t.is(codeOf(await hostile.ask('heartbeat', beat)), 'INVALID_REQUEST', `heartbeat ${waitMs}`);
    }
    for (const timeoutMs of [0, -1, 60_001, 2 ** 40])
      t.is(codeOf(await hostile.ask('produce', { acks: 'all', timeoutMs, parts: [] })), 'INVALID_REQUEST');
    for (let wait = 0; wait < FETCH_SESSIONS_MAX; wait++)
      hostile.shout('fetch', { ...FETCH, bytesMin: 1, waitMs: WAIT_MS_MAX });
    await hostile.ask('node', {});
    await hostile.close();
  }),
);

test.serial(
  'fetch sessions beyond the bound are refused, and of the fetches of one at most two wait',
  attacks(target, SMALL, async (t, { port }) => {
    const hostile = await Hostile.greeted(port);
    const opened: Answer[] = [];
    for (let number = 0; number < 1_000; number++) opened.push(await hostile.ask('fetch', FETCH));
    t.deepEqual(codesOf(opened), { done: FETCH_SESSIONS_MAX, TOO_MANY_REQUESTS: 1_000 - FETCH_SESSIONS_MAX });
    const wait = { ...FETCH, session: 1, bytesMin: 1, waitMs: WAIT_MS_MAX };
    for (let number = 0; number < 200; number++) hostile.shout('fetch', wait);
    await hostile.ask('node', {});
    const answered = hostile.answers.length - 1_001;
    t.true(answered >= 199, `${answered} of 200: each is answered when the next one comes, or refused`);
    await hostile.close();
  }),
);

test.serial(
  'partitions that join and leave a session again and again are followed once or not at all',
  attacks(target, { peakMib: 128, leftMib: 128 }, async (t, { port }) => {
    const hostile = await Hostile.greeted(port);
    const partitions = 200;
    const topic = await idOf(hostile, 'watched', partitions);
    const places = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
    const add = places.map((place) => ({ ...place, offset: 0, bytesMax: 1 }));
    t.is(codeOf(await hostile.ask('fetch', { ...FETCH, add })), '');
    const rounds = sized(100, 3_000);
    const change = { ...FETCH, session: 1, add, drop: places, bytesMin: 1, waitMs: WAIT_MS_MAX };
    const codes: Record<string, number> = {};
    for (let round = 0; round < rounds; round++) {
      hostile.shout('fetch', change);
      const code = codeOf(await hostile.ask('fetch', { ...FETCH, session: 1, add, drop: places }));
      codes[code || 'done'] = (codes[code || 'done'] ?? 0) + 1;
    }
    t.true((codes.done ?? 0) > rounds / 2, JSON.stringify(codes));
    t.is(codeOf(await hostile.ask('deleteTopic', { name: 'watched' })), '');
    await hostile.close();
  }),
);

test.serial(
  'requests for thousands of partitions that are not there cost what their bytes cost',
  attacks(target, { peakMib: 96, leftMib: 96 }, async (t, on) => {
    const hostile = await Hostile.greeted(on.port);
    const cost = async (places: number, times: number): Promise<number> => {
      const add = Array.from({ length: places }, (_, partition) => ({ topic: 1, partition, offset: 0, bytesMax: 1 }));
      const before = on.cpuTicks();
      for (let time = 0; time < times; time++) {
        const answer = await hostile.ask('fetch', { ...FETCH, add });
        t.is(partsOf(answer).length, places);
        await hostile.ask('fetch', { ...FETCH, session: answer.fields.session, close: true });
      }
      return on.cpuTicks() - before;
    };
    await cost(1_000, 10);
    const few = await cost(500, sized(60, 600));
    const many = await cost(PARTITIONS_PER_REQUEST_MAX, sized(3, 30));
    t.log(`CPU ticks for the same partitions: ${few} in small requests, ${many} in large ones`);
    t.true(many <= 4 * few + 30);
    const over = Array.from({ length: PARTITIONS_PER_REQUEST_MAX + 1 }, () => ({ topic: 1, partition: 0, at: 'end' }));
    t.is(codeOf(await hostile.ask('offsets', { parts: over })), 'INVALID_REQUEST');
    await hostile.close();
  }),
);

/** Members that join one group, at most so many at a time. */
async function joinAll(on: Target, members: number): Promise<Answer[]> {
  const hostile = await Hostile.greeted(on.port);
  const answers: Answer[] = [];
  for (let joined = 0; joined < members; joined += 100) {
    const some = Array.from({ length: 100 }, (_, number) => {
      const member = `member ${joined + number}`;
      return hostile.ask('heartbeat', {
        group: 'crowd',
        member,
        epoch: 0,
        topics: ['honest'],
        sessionMs: 1_000,
        waitMs: 0,
      });
    });
    answers.push(...(await Promise.all(some)));
  }
  await hostile.close();
  return answers;
}

test.serial(
  'a crowd that joins a group and never comes back is out after its session, and the group can be deleted',
  attacks(target, { peakMib: 96, leftMib: 96 }, async (t, on) => {
    const members = sized(500, 5_000);
    t.deepEqual(codesOf(await joinAll(on, members)), { done: members });
    const hostile = await Hostile.greeted(on.port);
    let code = 'GROUP_NOT_EMPTY';
    for (let look = 0; look < 100 && code === 'GROUP_NOT_EMPTY'; look++) {
      code = codeOf(await hostile.ask('deleteGroup', { group: 'crowd' }));
      await on.honest.advance(10);
    }
    t.regex(code, /^(UNKNOWN_GROUP)?$/);
    await hostile.close();
  }),
);

test.serial(
  'beats of members that are not there, with epochs of any size, change nothing',
  attacks(target, SMALL, async (t, { port }) => {
    const hostile = await Hostile.greeted(port);
    const owned = Array.from({ length: 1_000 }, (_, topic) => ({ topic, partitions: [0, 1, 2, 9_999] }));
    for (const epoch of [-2, -1, 1, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
      const beat = { group: 'nobody', member: 'm', epoch, waitMs: WAIT_MS_MAX };
      t.regex(codeOf(await hostile.ask('heartbeat', beat)), /^(UNKNOWN_(MEMBER|GROUP))?$/, `epoch ${epoch}`);
      t.regex(codeOf(await hostile.ask('heartbeat', { ...beat, owned })), /^(UNKNOWN_(MEMBER|GROUP))?$/);
    }
    for (const epoch of [-3, 0.5, 2 ** 53])
      t.is(codeOf(await hostile.ask('heartbeat', { group: 'g', member: 'm', epoch, waitMs: 0 })), 'INVALID_REQUEST');
    await hostile.close();
  }),
);
