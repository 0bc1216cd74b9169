/**
 * The admin port under attack: headers that are huge, slow or many, bodies, methods and paths that nobody asked for,
 * pipelines and crowds. Each gets the stated answer or close, and the node behind it goes on.
 */
import { connect, type Socket } from 'node:net';
import test from 'ava';
import { sized } from '../long.ts';
import { attacks, SMALL, targetOf } from './target.ts';

const target = targetOf(test);
const LINE = 'GET /health/live HTTP/1.1\r\nhost: x\r\n';
/** Connections that the admin server takes; the rest is closed. */
const CONNECTIONS_MAX = 64;
/** After so long without a whole header a connection is closed, and makes room for another one, ms. */
const HEADER_MS_MAX = 5_000;
const KIB_64 = 'x'.repeat(65_536);

class Caller {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  text = '';

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1').setEncoding('latin1');
    this.socket.on('data', (chunk: string) => {
      this.text += chunk;
    });
    // A reset may be the answer; `closed` tells of it.
    this.socket.on('error', () => this.socket.destroy());
    this.closed = new Promise((resolve) => this.socket.on('close', () => resolve()));
  }

  /** All that was said until the other side closed. */
  async said(bytes: string): Promise<string> {
    this.socket.write(bytes, 'latin1');
    await this.closed;
    return this.text;
  }
}

test.serial(
  'huge headers, many headers and long paths are refused at their bound, and the rest is not read',
  attacks(target, SMALL, async (t, { node: { adminPort } }) => {
    const huge: readonly (readonly [string, string])[] = [
      ['one header', `${LINE}x: ${KIB_64}${KIB_64}\r\n\r\n`],
      ['many headers', LINE + 'a: b\r\n'.repeat(20_000)],
      ['a long name', `${LINE}${KIB_64}: 1\r\n\r\n`],
      ['a long path', `GET /${KIB_64} HTTP/1.1\r\nhost: x\r\n\r\n`],
    ];
    for (const [what, bytes] of huge) t.regex(await new Caller(adminPort).said(bytes), /^HTTP\/1\.1 431 |^$/, what);
    const endless = new Caller(adminPort);
    endless.socket.write(`${LINE}x: `);
    const pour = setInterval(() => endless.socket.write(KIB_64), 1);
    await endless.closed;
    clearInterval(pour);
    t.regex(endless.text, /^HTTP\/1\.1 431 |^$/);
  }),
);

test.serial(
  'bodies of any kind are refused unread',
  attacks(target, SMALL, async (t, { node: { adminPort } }) => {
    for (const head of ['content-length: 1073741824', 'content-length: 9007199254740991', 'transfer-encoding: chunked'])
      for (const method of ['GET', 'POST', 'PUT']) {
        const said = await new Caller(adminPort).said(`${method} /metrics HTTP/1.1\r\nhost: x\r\n${head}\r\n\r\n`);
        t.regex(said, /^HTTP\/1\.1 4(05|13) /, `${method} with ${head}`);
      }
    const pouring = new Caller(adminPort);
    pouring.socket.write('POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 1073741824\r\n\r\n');
    const pour = setInterval(() => pouring.socket.write(KIB_64), 1);
    await pouring.closed;
    clearInterval(pour);
    t.true(pouring.socket.bytesWritten < 1_073_741_824);
  }),
);

test.serial(
  'unknown methods, paths and things that are no HTTP get their answer and no more',
  attacks(target, SMALL, async (t, { node: { adminPort } }) => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'OPTIONS', 'PROPFIND', 'PURGE'])
      t.regex(
        await new Caller(adminPort).said(`${method} /metrics HTTP/1.1\r\nhost: x\r\n\r\n`),
        /^HTTP\/1\.1 405 /,
        method,
      );
    for (const path of ['/__proto__', '/constructor', '/../../etc/passwd', '/%2e%2e/', '//', '/metrics%00', '*'])
      t.regex(await new Caller(adminPort).said(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`), /^HTTP\/1\.1 40[04] /, path);
    const noHttp = [
      '\0\0\0\0',
      'FOO /metrics HTTP/1.1\r\n\r\n',
      'GET /metrics HTTP/9.9\r\n\r\n',
      'GET / HTTP/1.1\r\n\r\n',
    ];
    const lies = [
      'content-length: -1',
      'content-length: 1\r\ncontent-length: 2',
      'transfer-encoding: chunked, x',
      'a\0: b',
    ];
    for (const bytes of [...noHttp, ...lies.map((lie) => `${LINE}${lie}\r\n\r\n`)]) {
      const said = await new Caller(adminPort).said(bytes);
      t.regex(said, /^HTTP\/1\.1 (400|413) /, JSON.stringify(bytes).slice(0, 60));
    }
    for (const how of [
      'CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n',
      `${LINE}upgrade: h2c\r\nconnection: upgrade, close\r\n\r\n`,
    ])
      t.regex(await new Caller(adminPort).said(how), /^(HTTP\/1\.1 (200|4\d\d) .*)?/, how);
  }),
);

test.serial(
  'a short pipeline is answered in order, a long one ends its connection and makes no answers that nobody reads',
  // What the parser makes of the rest of a piece of the socket, 2,000 requests, is garbage: it levels off at 190 MiB.
  attacks(target, { peakMib: 256, leftMib: 256 }, async (t, { node: { adminPort } }) => {
    const last = `${LINE}connection: close\r\n\r\n`;
    const short = await new Caller(adminPort).said(`${LINE}\r\n`.repeat(7).concat(last));
    t.is(short.match(/HTTP\/1\.1 200 /g)?.length, 8);
    const metrics = 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n';
    for (let wave = 0; wave < sized(5, 100); wave++) {
      const long = Array.from({ length: 12 }, async (_, number) => {
        const caller = new Caller(adminPort);
        // Nobody need read for the connection to end.
        if (number % 2 === 0) caller.socket.pause();
        caller.socket.write(metrics.repeat(2_000));
        if (number % 2 === 0) setTimeout(() => caller.socket.resume(), 100);
        await caller.closed;
        return caller.text.match(/HTTP\/1\.1 /g)?.length ?? 0;
      });
      const answers = await Promise.all(long);
      t.true(Math.max(...answers) <= 8, answers.join());
    }
    t.is((await fetch(`http://127.0.0.1:${adminPort}/health/live`)).status, 200);
  }),
);

test.serial(
  'a crowd of connections that say nothing or a byte a second is closed, and the port answers again',
  attacks(target, SMALL, async (t, { node: { adminPort } }) => {
    const crowd = Array.from({ length: sized(500, 5_000) }, () => new Caller(adminPort));
    const began = performance.now();
    const slow = crowd.map((caller, number) => {
      let at = 0;
      if (number % 2 === 0) return setInterval(() => caller.socket.write(LINE[at++ % LINE.length] ?? 'x'), 1_000);
      return undefined;
    });
    // A system with too many at once forgets some of which the node has never heard; they hear of it when they say something.
    const late = setTimeout(() => {
      for (const caller of crowd) if (!caller.socket.destroyed) caller.socket.write('x');
    }, 4 * HEADER_MS_MAX);
    await Promise.all(crowd.map(({ closed }) => closed)).finally(() => {
      for (const timer of slow) clearInterval(timer);
      clearTimeout(late);
    });
    const tookMs = performance.now() - began;
    // Those that are too many are closed at once and without a word; the others are told that their time is over.
    const taken = crowd.filter(({ text }) => text.startsWith('HTTP/1.1 408 ')).length;
    const generations = 1 + Math.floor(tookMs / HEADER_MS_MAX);
    t.true(
      taken > 0 && taken <= generations * CONNECTIONS_MAX,
      `${taken} of ${crowd.length} were taken in ${tookMs} ms`,
    );
    t.log(`${taken} were taken in ${tookMs.toFixed(0)} ms`);
    t.is((await fetch(`http://127.0.0.1:${adminPort}/health/ready`)).status, 200);
  }),
);
