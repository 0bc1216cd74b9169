/** Judges the admin server from outside: routes, refusals, limits, and that a broken view does not end it. */
import { connect } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { type Admin, type Metric, type NodeView, startAdmin } from '../../../src/edges/admin/server.ts';
import { freePort } from '../../node/harness.ts';

interface Bench {
  readonly admin: Admin;
  readonly url: string;
  reason: string | null;
  metrics: readonly Metric[];
}

async function bench(t: ExecutionContext, port = 0): Promise<Bench> {
  const state = { reason: null as string | null, metrics: [] as readonly Metric[] };
  const view: NodeView = { unready: () => state.reason, metrics: () => state.metrics };
  const admin = await startAdmin({ host: '127.0.0.1', port, view });
  t.teardown(() => admin.close());
  return Object.assign(state, { admin, url: `http://127.0.0.1:${admin.port}` });
}

/** Sends bytes as they are and answers all that comes back until the connection ends. */
function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? resolve(answer) : reject(error),
    );
  });
}

test('health is told: live always, ready with a reason when not', async (t) => {
  const node = await bench(t);
  const live = await fetch(`${node.url}/health/live`);
  t.is(live.status, 200);
  t.deepEqual(await live.json(), { status: 'live' });
  t.is((await fetch(`${node.url}/health/ready`)).status, 200);
  node.reason = 'the catalog is being read';
  const ready = await fetch(`${node.url}/health/ready?verbose=1`);
  t.is(ready.status, 503);
  t.deepEqual(await ready.json(), { status: 'not ready', reason: 'the catalog is being read' });
  t.is((await fetch(`${node.url}/health/live`)).status, 200);
});

test('metrics are read anew for each scrape and labelled by shard', async (t) => {
  const node = await bench(t);
  const appended = { name: 'partition.bytes-appended', kind: 'counter', help: 'Bytes.' } as const;
  node.metrics = [
    { ...appended, values: [5, 7] },
    { name: 'connections', kind: 'gauge', help: 'Open.', values: [1, 2] },
  ];
  const first = await fetch(`${node.url}/metrics`);
  t.regex(first.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const text = await first.text();
  t.regex(text, /^# TYPE callboard_partition_bytes_appended_total counter$/m);
  t.regex(text, /^callboard_partition_bytes_appended_total\{shard="1"\} 7$/m);
  t.regex(text, /^callboard_connections\{shard="0"\} 1$/m);
  t.regex(text, /^process_resident_memory_bytes \d+$/m);
  t.regex(text, /^process_cpu_seconds_total [\d.]+$/m);
  node.metrics = [{ ...appended, values: [6, 7] }];
  t.regex(await (await fetch(`${node.url}/metrics`)).text(), /appended_total\{shard="0"\} 6$/m);
});

test('other paths and methods are refused with what there is', async (t) => {
  const node = await bench(t);
  for (const path of ['/', '/health', '/metrics/x', '/__proto__', '/constructor', '/../etc/passwd']) {
    const answer = await fetch(node.url + path);
    t.is(answer.status, 404, path);
    t.regex(await answer.text(), /\/health\/ready/);
  }
  const posted = await fetch(`${node.url}/metrics`, { method: 'POST', body: 'x' });
  t.is(posted.status, 405);
  t.is(posted.headers.get('allow'), 'GET, HEAD');
  const head = await fetch(`${node.url}/health/live`, { method: 'HEAD' });
  t.is(head.status, 200);
  t.is(await head.text(), '');
});

test('a view that throws is answered with 500, and the server goes on', async (t) => {
  const view: NodeView = {
    unready: () => null,
    metrics: () => {
      throw new Error('counters are gone');
    },
  };
  const admin = await startAdmin({ host: '127.0.0.1', port: 0, view });
  t.teardown(() => admin.close());
  const answer = await fetch(`http://127.0.0.1:${admin.port}/metrics`);
  t.is(answer.status, 500);
  t.regex(await answer.text(), /counters are gone/);
  t.is((await fetch(`http://127.0.0.1:${admin.port}/health/ready`)).status, 200);
});

test('bodies, long headers and garbage end their connection with the stated answer, unread', async (t) => {
  const { admin } = await bench(t);
  const line = 'GET /metrics HTTP/1.1\r\nhost: x\r\n';
  t.regex(await raw(admin.port, `${line}content-length: 1000000\r\n\r\nxx`), /^HTTP\/1\.1 413 /);
  t.regex(await raw(admin.port, `${line}transfer-encoding: chunked\r\n\r\n1\r\nx\r\n`), /^HTTP\/1\.1 413 /);
  t.regex(await raw(admin.port, `${line}x: ${'y'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
  t.regex(await raw(admin.port, '\0\0\0\x10binary nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /);
  t.regex(await raw(admin.port, `${line}connection: close\r\n\r\n`), /^HTTP\/1\.1 200 /);
});

test('a request that never ends is ended', async (t) => {
  const { admin } = await bench(t);
  const started = performance.now();
  const answer = await raw(admin.port, 'GET /metrics HTTP/1.1\r\nhost: x\r\n');
  t.regex(answer, /^HTTP\/1\.1 408 /);
  t.true(performance.now() - started < 45_000, 'Node alone would wait for a minute');
});

test('a taken port is named, and close frees it', async (t) => {
  const { admin } = await bench(t, await freePort());
  const view: NodeView = { unready: () => null, metrics: () => [] };
  const taken = await t.throwsAsync(startAdmin({ host: '127.0.0.1', port: admin.port, view }));
  t.regex(taken?.message ?? '', new RegExp(`cannot listen on 127\\.0\\.0\\.1:${admin.port}: another process listens`));
  await fetch(`http://127.0.0.1:${admin.port}/health/live`);
  await admin.close();
  const again = await startAdmin({ host: '127.0.0.1', port: admin.port, view });
  await again.close();
  t.pass();
});
