/** How connections fail in the simulated internet: cut, healed, slow, reset, and silent because the other host is gone. */
import test from 'ava';
import type { Socket, SocketHandlers } from '../../../runtime/ports.ts';
import { SimulatedClock } from '../../../runtime/simulated/clock.ts';
import { Internet } from '../../../runtime/simulated/network.ts';
import { SeededRandom } from '../../../runtime/simulated/random.ts';

class End implements SocketHandlers {
  socket: Socket | null = null;
  text = '';
  closing: string | null = null;
  data(chunk: Uint8Array): void {
    this.text += Buffer.from(chunk).toString();
  }
  closed(reason: string): void {
    this.closing = reason;
  }
  say(text: string): void {
    this.socket?.write([Buffer.from(text)], () => {});
  }
}

function start(seed = 1): { clock: SimulatedClock; internet: Internet; client: End; server: End } {
  const clock = new SimulatedClock();
  const internet = new Internet({ clock, random: new SeededRandom(seed), timeoutMs: 1_000 });
  const client = new End();
  const server = new End();
  const accept = (socket: Socket): SocketHandlers => {
    server.socket = socket;
    return server;
  };
  internet.host('b').listen({ host: '0.0.0.0', port: 80, shared: false }, accept, () => {});
  clock.advance(1);
  internet.host('a').connect('b', 80, client, (_error, socket) => {
    client.socket = socket ?? null;
  });
  clock.advance(5);
  return { clock, internet, client, server };
}

function connect(internet: Internet, clock: SimulatedClock, from: string, to: string): string | null {
  let answer: string | null = 'no answer';
  internet.host(from).connect(to, 80, new End(), (error) => {
    answer = error;
  });
  clock.advance(2_000);
  return answer;
}

test('a cut holds bytes back, in order, until it is healed', (t) => {
  const { clock, internet, client, server } = start();
  internet.cut('a', 'b');
  client.say('one');
  client.say('two');
  server.say('back');
  clock.advance(500);
  t.deepEqual([server.text, client.text], ['', 'back'], 'one way only');
  internet.heal('a', 'b');
  client.say('three');
  clock.advance(10);
  t.is(server.text, 'onetwothree');
  clock.advance(5_000);
  t.deepEqual([client.closing, server.closing], [null, null]);
});

test('a cut that stays times both sides out that have something to say', (t) => {
  const { clock, internet, client, server } = start();
  internet.cut('a', 'b');
  client.say('one');
  server.say('its acknowledgement does not come back');
  clock.advance(2_000);
  t.deepEqual([client.closing, server.closing], ['timed out', 'timed out']);
});

test('a slow way is slow, in order, one way', (t) => {
  const { clock, internet, client, server } = start();
  internet.slow('a', 'b', 100);
  client.say('one');
  internet.slow('a', 'b', 0);
  client.say('two');
  server.say('back');
  clock.advance(99);
  t.deepEqual([server.text, client.text], ['', 'back']);
  clock.advance(3);
  t.is(server.text, 'onetwo');
});

test('a reset closes both sides', (t) => {
  const { clock, internet, client, server } = start();
  internet.reset('b', 'a');
  clock.advance(1);
  t.deepEqual([client.closing, server.closing], ['connection reset', 'connection reset']);
});

test('the other end of a crashed host stays half-open until it speaks, then it times out', (t) => {
  const { clock, internet, client, server } = start();
  internet.crash('b');
  clock.advance(60_000);
  t.is(client.closing, null);
  client.say('anybody?');
  clock.advance(2_000);
  t.is(client.closing, 'timed out');
  t.is(server.closing, null, 'a crashed host hears nothing');
});

test('a host that is back answers what came for its former life with a reset', (t) => {
  const { clock, internet, client } = start();
  internet.crash('b');
  internet.host('b');
  client.say('anybody?');
  clock.advance(5);
  t.is(client.closing, 'connection reset');
});

test('connecting to a host that is down or cut off times out, to one without listener is refused', (t) => {
  const { clock, internet } = start();
  t.is(connect(internet, clock, 'a', 'b'), null);
  internet.cut('b', 'a');
  t.regex(String(connect(internet, clock, 'a', 'b')), /^ETIMEDOUT/);
  internet.heal('b', 'a');
  internet.crash('b');
  t.regex(String(connect(internet, clock, 'a', 'b')), /^ETIMEDOUT/);
  internet.host('b');
  t.regex(String(connect(internet, clock, 'a', 'b')), /^ECONNREFUSED/);
});

test('nothing that a crashed host has asked for is answered', (t) => {
  const { clock, internet, client, server } = start();
  internet.host('a').connect('b', 80, new End(), () => t.fail('connected after the crash'));
  client.socket?.write([Buffer.from('x')], () => t.fail('written after the crash'));
  internet.crash('a');
  clock.advance(5_000);
  t.is(client.closing, null);
  t.is(server.closing, null);
});

test('a listener on loopback is reached from its own host alone', (t) => {
  const { clock, internet } = start();
  let port = 0;
  internet.host('b').listen(
    { host: '127.0.0.1', port: 0, shared: false },
    () => new End(),
    (_error, listening) => {
      port = listening?.port ?? 0;
    },
  );
  clock.advance(1);
  const errors: (string | null)[] = [];
  internet.host('b').connect('localhost', port, new End(), (error) => errors.push(error));
  clock.advance(5);
  internet.host('a').connect('b', port, new End(), (error) => errors.push(error));
  clock.advance(5);
  t.is(errors[0], null);
  t.regex(String(errors[1]), /^ECONNREFUSED/);
});

test('segments are cut anywhere', (t) => {
  const { clock, client, server } = start(4);
  const sizes: number[] = [];
  server.data = (chunk) => sizes.push(chunk.length);
  client.socket?.write([new Uint8Array(200_000), new Uint8Array(100_000)], () => {});
  clock.advance(100);
  t.is(
    sizes.reduce((sum, size) => sum + size, 0),
    300_000,
  );
  t.true(new Set(sizes).size > 3);
});
