/**
 * The admin HTTP server of a node: health checks for orchestrators and metrics for Prometheus. Three routes, read only,
 * every request bounded in size and time. Knows the node by a small view that is handed in; never touches a message.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Metric, Metrics } from './metrics.ts';

// Imported, it would load all that it could export: clients of HTTP and of WebSockets, 20 ms of a start and 3 MiB.
const { createServer } = process.getBuiltinModule('node:http');

export type { Metric } from './metrics.ts';

/** What the server may know of its node. */
export interface NodeView {
  /** Why requests are not taken at present; null when they are. */
  unready(): string | null;
  metrics(): readonly Metric[];
}

export interface AdminOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly view: NodeView;
}
export interface Admin {
  readonly host: string;
  readonly port: number;
  /** Answers what is in flight for a moment, then closes everything. */
  close(): Promise<void>;
}

/** Head of a request: these routes need a few hundred bytes. */
const HEADER_BYTES_MAX = 8 * 1024;
const HEADER_MS_MAX = 5_000;
/** A whole request, and a client that does not read its answer. */
const REQUEST_MS_MAX = 10_000;
/** Orchestrators and scrapers hold a handful of connections. */
const CONNECTIONS_MAX = 64;
/**
 * Requests of one connection that wait for their answers: scrapers send one at a time. One piece of a socket holds
 * thousands, each of which would make a whole text of metrics that perhaps nobody reads; beyond this the connection ends.
 */
const PIPELINE_MAX = 8;
const CLOSE_MS_MAX = 1_000;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}
interface Route {
  readonly help: string;
  answer(view: NodeView, metrics: () => Promise<Metrics>): Answer | Promise<Answer>;
}

const json = (status: number, value: unknown): Answer => ({
  status,
  type: 'application/json; charset=utf-8',
  body: `${JSON.stringify(value)}\n`,
});

const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
  [
    '/health/live',
    { help: '200 while the process runs: restart it when this fails', answer: () => json(200, { status: 'live' }) },
  ],
  [
    '/health/ready',
    {
      help: '200 while requests are taken, 503 with the reason otherwise',
      answer: (view) => {
        const reason = view.unready();
        return reason === null ? json(200, { status: 'ready' }) : json(503, { status: 'not ready', reason });
      },
    },
  ],
  [
    '/metrics',
    {
      help: 'counters and gauges as Prometheus text',
      answer: async (_view, loaded) => {
        const metrics = await loaded();
        return { status: 200, type: metrics.contentType, body: await metrics.text() };
      },
    },
  ],
]);

const help = [...routes].map(([path, route]) => `  ${path}  ${route.help}\n`).join('');
const text = (status: number, message: string): Answer => ({
  status,
  type: 'text/plain; charset=utf-8',
  body: `${message}. There is:\n${help}`,
});

/**
 * Resolves once it listens.
 * @throws Error that names address and port, when they are taken.
 */
export async function startAdmin({ host, port, view }: AdminOptions): Promise<Admin> {
  let loading: Promise<Metrics> | null = null;
  const metrics = (): Promise<Metrics> => {
    loading ??= loadMetrics(view);
    return loading;
  };
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEADER_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: REQUEST_MS_MAX,
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.setTimeout(REQUEST_MS_MAX);
  const waiting = new WeakMap<Socket, number>();
  server.on('request', (request, response) => {
    if (!admit(request.socket, response, waiting)) return;
    respond(request, response, view, metrics).catch((error: unknown) => {
      // a view that throws is a defect of the node: say so, and live
      send(request, response, json(500, { status: 'failed', reason: String(error) }));
    });
  });
  server.on('clientError', refuse);
  const address = await listening(server, host, port);
  return { host: address.address, port: address.port, close: () => close(server) };
}

/** Once somebody asks for them: a node starts faster without what writes their text. */
async function loadMetrics(view: NodeView): Promise<Metrics> {
  const { Metrics } = await import('./metrics.ts');
  return new Metrics(() => view.metrics());
}

/** Counts the request until its answer is sent; false where its connection has too many, and ends. */
function admit(socket: Socket, response: ServerResponse, waiting: WeakMap<Socket, number>): boolean {
  const before = waiting.get(socket) ?? 0;
  if (socket.destroyed || before >= PIPELINE_MAX) {
    socket.destroy();
    return false;
  }
  waiting.set(socket, before + 1);
  response.on('close', () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1));
  return true;
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  view: NodeView,
  metrics: () => Promise<Metrics>,
): Promise<void> {
  const { method = '', url = '' } = request;
  const route = routes.get(url.split('?', 1)[0] ?? '');
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  if (!route) return send(request, response, text(404, 'no such path'));
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return send(request, response, text(405, 'only GET and HEAD are answered'));
  }
  if (hasBody) return send(request, response, text(413, 'no request here has a body'));
  send(request, response, await route.answer(view, metrics));
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.statusCode = status;
  response.setHeader('content-type', type);
  response.setHeader('content-length', Buffer.byteLength(body));
  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  if (status >= 400 && status !== 503) {
    // what still comes on this connection is not read
    response.setHeader('connection', 'close');
    response.on('finish', () => request.destroy());
  }
  response.end(request.method === 'HEAD' ? undefined : body);
}

const REFUSALS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** What is no HTTP, too long or too slow. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = REFUSALS[error.code ?? ''] ?? '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy());
}

function listening(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE'
          ? 'another process listens there; stop it or choose another admin.port'
          : `${error.message}; see admin.host and admin.port`;
      reject(new Error(`the admin server cannot listen on ${host}:${port}: ${why}`, { cause: error }));
    });
    server.listen({ host, port, exclusive: true }, () => {
      server.removeAllListeners('error');
      resolve(server.address() as AddressInfo);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => server.closeAllConnections(), CLOSE_MS_MAX);
    server.close(() => {
      clearTimeout(late);
      resolve();
    });
    server.closeIdleConnections();
  });
}
