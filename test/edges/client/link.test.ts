/** Judges connecting, calling and coming back: what is repeated, what is not, and that every wait can be given up. */

import test from 'ava';
import fc from 'fast-check';
import { FrameAssembler } from '../../../src/edges/client/assembler.ts';
import { Backoff } from '../../../src/edges/client/backoff.ts';
import { connect } from '../../../src/edges/client/client.ts';
import { CallboardError } from '../../../src/edges/client/errors.ts';
import { parseServer } from '../../../src/edges/client/server.ts';
import { measureAnswer } from '../../../src/edges/client/wire.ts';
import { fault } from '../../../src/model/faults.ts';
import type { Request } from '../../../src/protocols/request.ts';
import { FakeNode } from './fake-node.ts';
import { SeededRandom, SimulatedClock } from './simulated-clock.ts';
import { connected } from './world.ts';

const isError = { instanceOf: CallboardError };

test('connect rejects when nobody answers in time, and leaves nothing behind', async (t) => {
  const clock = new SimulatedClock();
  const node = new FakeNode(clock);
  node.up = false;
  const options = { server: 'fake:1', transport: node, clock, random: new SeededRandom(), connectTimeoutMs: 2_000 };
  const error = await t.throwsAsync(clock.until(connect(options)), isError);
  t.is(error?.code, 'DISCONNECTED');
  t.regex(error?.message ?? '', /fake:1/);
  await clock.advance(10_000);
  t.is(clock.timers, 0);
});

test('connect can be given up by its signal', async (t) => {
  const clock = new SimulatedClock();
  const node = new FakeNode(clock);
  node.up = false;
  const controller = new AbortController();
  const work = connect({ transport: node, clock, random: new SeededRandom(), signal: controller.signal });
  await clock.advance(100);
  controller.abort(new Error('enough'));
  const error = await t.throwsAsync(work, isError);
  t.is(error?.code, 'ABORTED');
  t.like(error?.cause, { message: 'enough' });
});

test('of several servers the one that answers is used', async (t) => {
  const clock = new SimulatedClock();
  const node = new FakeNode(clock);
  const tried: number[] = [];
  const transport: FakeNode['open'] = (server, handlers) => {
    tried.push(server.port);
    node.up = server.port === 3;
    return node.open(server, handlers);
  };
  const servers = ['a:1', 'b:2', 'c:3'];
  const client = await clock.until(
    connect({ servers, transport: { open: transport }, clock, random: new SeededRandom() }),
  );
  t.deepEqual(tried, [1, 2, 3]);
  t.true(client.connected);
  await clock.until(client.close());
});

test('a read that was under way when the stream ended is asked again', async (t) => {
  const { node, clock, client } = await connected();
  node.createTopic('t');
  let seen = 0;
  node.fate = (request) => (request.call === 'topics' && ++seen < 4 ? 'forget' : undefined);
  t.is((await clock.until(client.admin().listTopics())).length, 1);
  t.is(seen, 4);
});

test('a change that was under way when the stream ended is not made twice: its error says that it may help to try', async (t) => {
  const { node, clock, client } = await connected();
  const creations = (): Request[] => node.requests.filter(({ call }) => call === 'createTopic');
  node.fate = (request) => (request.call === 'createTopic' ? 'forget' : undefined);
  const error = await t.throwsAsync(clock.until(client.admin().createTopic('t')), isError);
  t.is(error?.code, 'DISCONNECTED');
  t.true(error?.retryable);
  t.is(creations().length, 1);
});

test('what time heals is asked again inside the deadline; what it does not is answered at once', async (t) => {
  const { node, clock, client } = await connected();
  let refusals = 3;
  node.fate = (request) =>
    request.call === 'topics' && refusals-- > 0
      ? { call: 'refused', fault: fault('UNAVAILABLE', 'scripted') }
      : undefined;
  await clock.until(client.admin().listTopics());
  refusals = 1_000_000;
  const before = clock.monotonicMs();
  const late = await t.throwsAsync(clock.until(client.admin().listTopics({ timeoutMs: 5_000 })), isError);
  t.is(late?.code, 'TIMED_OUT');
  t.like(late?.cause, { code: 'UNAVAILABLE' });
  t.true(clock.monotonicMs() - before >= 5_000 && clock.monotonicMs() - before < 5_100);
  node.fate = () => ({ call: 'refused', fault: fault('INVALID_REQUEST', 'scripted') });
  const asked = node.requests.length;
  t.is((await t.throwsAsync(clock.until(client.admin().listTopics()), isError))?.code, 'INVALID_REQUEST');
  t.is(node.requests.length, asked + 1);
});

test('every call can be given up by a signal, before and while it waits', async (t) => {
  const { node, clock, client } = await connected();
  node.fate = () => 'hold';
  const controller = new AbortController();
  const work = client.admin().node({ signal: controller.signal });
  await clock.advance(100);
  controller.abort();
  t.is((await t.throwsAsync(work, isError))?.code, 'ABORTED');
  t.is((await t.throwsAsync(client.admin().node({ signal: controller.signal }), isError))?.code, 'ABORTED');
});

test('a stream on which an answer is overdue is given up, and the call goes on over the next', async (t) => {
  const { node, clock, client } = await connected();
  node.createTopic('t');
  let held = false;
  node.fate = (request) => {
    if (request.call !== 'topics' || held) return undefined;
    held = true;
    return 'hold';
  };
  t.is((await clock.until(client.admin().listTopics({ timeoutMs: 60_000 }))).length, 1);
});

test('close tells everybody who waits, also while there is no connection', async (t) => {
  const { node, clock, client } = await connected();
  node.up = false;
  node.disconnect();
  await clock.advance(100);
  t.false(client.connected);
  const waiting = client.admin().listTopics();
  await clock.until(client.close());
  t.is((await t.throwsAsync(waiting, isError))?.code, 'CLOSED');
  t.throws(() => client.producer(), isError);
  t.is(clock.timers, 0);
});

test('bytes that are no protocol end the stream and harm nobody', async (t) => {
  const clock = new SimulatedClock();
  const node = new FakeNode(clock);
  let garbage = 2;
  const open: FakeNode['open'] = (server, handlers) => {
    const opened = node.open(server, handlers);
    if (garbage-- > 0) setImmediate(() => handlers.data(new TextEncoder().encode('HTTP/1.1 400 Bad Request\r\n\r\n')));
    return opened;
  };
  const client = await clock.until(connect({ transport: { open }, clock, random: new SeededRandom() }));
  t.deepEqual(await clock.until(client.admin().listTopics()), []);
});

test('frames come out as they went in, however the stream is cut', (t) => {
  const frames = fc.array(fc.uint8Array({ minLength: 0, maxLength: 300 }), { maxLength: 12 });
  const cuts = fc.infiniteStream(fc.integer({ min: 1, max: 200 }));
  fc.assert(
    fc.property(frames, cuts, (bodies, sizes) => {
      const whole = bodies.map(frameOf);
      const stream = Buffer.concat(whole);
      const assembler = new FrameAssembler(measureAnswer);
      const out: Buffer[] = [];
      for (let at = 0; at < stream.length; ) {
        const size = sizes.next().value ?? 1;
        const taken = assembler.push(Uint8Array.from(stream.subarray(at, at + size)));
        if (!taken.ok) return false;
        out.push(...taken.value.map((frame) => Buffer.from(frame)));
        at += size;
      }
      return out.length === whole.length && out.every((frame, index) => frame.equals(whole[index] ?? Buffer.alloc(0)));
    }),
  );
  t.true(new FrameAssembler(measureAnswer).push(new Uint8Array(16).fill(0xff)).ok === false);
});

/** A frame without fields. */
function frameOf(body: Uint8Array): Buffer {
  const frame = Buffer.alloc(16 + body.length);
  frame.writeUInt32BE(12 + body.length, 0);
  frame[4] = 1;
  frame.set(body, 16);
  return frame;
}

test('pauses double up to a bound, with chance in them, and start small again', (t) => {
  const backoff = new Backoff(new SeededRandom(), { firstMs: 100, mostMs: 1_000 });
  const ceilings = [100, 200, 400, 800, 1_000, 1_000];
  for (const ceiling of ceilings) {
    const ms = backoff.nextMs();
    t.true(ms >= ceiling / 2 && ms <= ceiling, `${ms} of ${ceiling}`);
  }
  backoff.reset();
  t.true(backoff.nextMs() <= 100);
});

test('servers are read as people write them', (t) => {
  t.deepEqual(parseServer('localhost'), { host: 'localhost', port: 7625 });
  t.deepEqual(parseServer('10.0.0.1:99'), { host: '10.0.0.1', port: 99 });
  t.deepEqual(parseServer('[::1]:99'), { host: '::1', port: 99 });
  for (const wrong of ['', ':99', 'a:0', 'a:70000', 'a:b', 'http://a:1', 'a b:1'])
    t.throws(() => parseServer(wrong), isError);
});
