// The web listener: metrics, health and the status page. Read-only, so only GET and HEAD.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { messageOf } from '../../linux/errors.js';
import { BerthError } from '../../protocol/errors.js';
import { type ListenAddress, parseListenAddress } from '../base/values/places.js';
import { EXPOSITION_TYPE, Exposition, type ExpositionSource } from '../metrics/exposition.js';
import { type StatusSource, statusDocument, statusPage } from '../metrics/status.js';
import { head, PLAIN, send } from './answer.js';
import { Door } from './door.js';
import { admits, httpsOptions, secureContext } from './tls.js';
import { OPEN, type WebConfig } from './web-config.js';

export interface WebOptions {
  /** `web.listen`: `127.0.0.1:9464`, `[::1]:9464`, `:9464`; port 0 takes a free one. */
  readonly listen: string;
  /** Names of this node that a request may be for, in lower case, beside its addresses and `localhost`. */
  readonly names?: readonly string[];
  /** Default: no TLS, everybody is let in. */
  readonly config?: WebConfig;
  readonly exposition: ExpositionSource;
  /** Of /metrics/cadvisor; undefined: it is off. */
  readonly cadvisor?: ExpositionSource | undefined;
  readonly status: StatusSource;
  readonly onError?: (error: unknown) => void;
}

export interface WebServer {
  readonly host: string;
  readonly port: number;
  /**
   * Certificates, users and headers from now on. Whether there is TLS, and whom it asks for a certificate, stays. Throws what is
   * wrong with a certificate.
   */
  configure(config: WebConfig): void;
  /** Stops listening, ends idle connections at once and the others after their answer or a second. */
  close(): Promise<void>;
}

/**
 * Throws `config_invalid` for an address that is none and for a certificate or users that cannot be served, `socket_in_use` for
 * a taken address, `os_error` for the rest.
 */
export async function startWebServer(options: WebOptions): Promise<WebServer> {
  const { host, port } = parseListen(options.listen);
  const door = new Door(options.names ?? [], options.config ?? OPEN);
  const routes = new Routes(options);
  const server = createListener(options.config ?? OPEN, (request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!(error instanceof ClientGone)) options.onError?.(error);
      if (response.headersSent) response.destroy();
      else send(response, 500, PLAIN, 'internal error\n');
    });
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (await door.opens(request, response)) await routes.answer(request, response);
  };
  server.maxConnections = MOST_CONNECTIONS;
  server.requestTimeout = 10_000;
  server.headersTimeout = 5_000;
  // A reader that takes nothing for this long is dropped; its answer would be held in memory.
  server.setTimeout(30_000);
  await listen(server, host, port, options.listen);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new BerthError('internal', 'the listener has no port');
  return {
    host: address.address,
    port: address.port,
    configure: (config) => {
      if (config.tls !== undefined && 'setSecureContext' in server)
        (server as ReturnType<typeof createTlsServer>).setSecureContext(secureContext(config.tls));
      door.configure(config);
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      const late = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
      await closed;
      clearTimeout(late);
    },
  };
}

/** Throws `config_invalid`. */
export function parseListen(listen: string): ListenAddress {
  const found = parseListenAddress(listen);
  if (found !== undefined) return found;
  throw new BerthError('config_invalid', `web.listen ${JSON.stringify(listen)} is not an address with a port`, {
    hint: 'Write web.listen as "127.0.0.1:9464" or "[::1]:9464"; empty for none.',
  });
}

async function listen(server: Server, host: string, port: number, text: string): Promise<void> {
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    const hint = `Change web.listen (now ${JSON.stringify(text)}), or set it to "" for no web listener.`;
    if (code === 'EADDRINUSE')
      throw new BerthError('socket_in_use', `${text} is in use by another program`, { hint, cause: error });
    throw new BerthError('os_error', `cannot listen on ${text}: ${code}`, { hint, cause: error });
  }
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

function createListener({ tls }: WebConfig, handler: Handler): Server {
  const common = { connectionsCheckingInterval: CHECK_MS };
  if (tls === undefined) return createServer(common, handler);
  try {
    const server = createTlsServer({ ...common, ...httpsOptions(tls) }, handler);
    server.on('secureConnection', (socket: TLSSocket) => {
      if (!admits(tls, socket)) socket.destroy();
    });
    return server;
  } catch (error) {
    const problem = messageOf(error);
    throw new BerthError('config_invalid', `the TLS settings of web.config_file cannot be used: ${problem}`, {
      cause: error,
    });
  }
}

class Routes {
  readonly #exposition: Exposition;
  readonly #cadvisor: Exposition | undefined;
  readonly #status: StatusSource;

  constructor(options: WebOptions) {
    this.#exposition = new Exposition(options.exposition);
    this.#cadvisor = options.cadvisor === undefined ? undefined : new Exposition(options.cadvisor);
    this.#status = options.status;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      send(response, 405, PLAIN, 'only GET and HEAD\n');
      return;
    }
    const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
    switch (path) {
      case '/metrics':
        return this.#metrics(this.#exposition, request, response);
      case '/metrics/cadvisor':
        if (this.#cadvisor === undefined) return send(response, 404, PLAIN, 'not served: metrics.cadvisor is false\n');
        return this.#metrics(this.#cadvisor, request, response);
      case '/healthz':
      case '/livez':
      case '/-/healthy':
        return send(response, 200, PLAIN, 'ok\n');
      case '/readyz':
      case '/-/ready':
        return this.#ready(response, new URLSearchParams(query).has('verbose'));
      case '/status.json':
        return send(response, 200, 'application/json', `${JSON.stringify(statusDocument(this.#status))}\n`);
      case '/':
        return send(response, 200, 'text/html; charset=utf-8', statusPage(statusDocument(this.#status)));
      default:
        return send(response, 404, PLAIN, 'not found\n');
    }
  }

  async #metrics(exposition: Exposition, request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('Vary', 'Accept-Encoding');
    if (wantsGzip(request.headers['accept-encoding'])) {
      const body = await exposition.gzip();
      response.setHeader('Content-Encoding', 'gzip');
      return send(response, 200, EXPOSITION_TYPE, body);
    }
    const body = await exposition.plain();
    head(response, 200, EXPOSITION_TYPE);
    if (request.method !== 'HEAD') await body((piece) => write(response, piece));
    response.end();
  }

  #ready(response: ServerResponse, verbose: boolean): void {
    const node = this.#status.metrics.describe();
    const blocking = node.conditions.filter(({ blocksReady }) => blocksReady === true).map(({ title }) => title);
    const word = node.ready ? 'ok' : ['not ready', ...blocking].join(': ');
    const lines = node.conditions.map(
      (c) => `[${c.severity === 'error' ? '-' : '+'}] ${c.code} ${c.severity}: ${c.title}`,
    );
    const drivers = node.drivers.map((d) => `[+] driver ${d.name}: ${d.usable ? 'usable' : d.reason}`);
    const ready = `[${node.ready ? '+' : '-'}] ready: ${word}`;
    const text = verbose ? [ready, ...lines, ...drivers, word].join('\n') : word;
    send(response, node.ready ? 200 : 503, PLAIN, `${text}\n`);
  }
}

const CLOSE_GRACE_MS = 1_000;
/** Node looks only so often for requests that take too long to arrive. */
const CHECK_MS = 1_000;
/** Scrapers, probes and a few people; more are turned away. */
const MOST_CONNECTIONS = 256;

/** Resolves when the kernel has the piece; rejects when the client has gone. */
function write(response: ServerResponse, piece: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new ClientGone());
    if (response.destroyed) return gone();
    response.once('close', gone);
    response.write(piece, () => {
      response.off('close', gone);
      resolve();
    });
  });
}

class ClientGone extends Error {}

/** Accept-Encoding names gzip and does not refuse it with q=0 (RFC 9110, 12.5.3). */
function wantsGzip(header: string | string[] | undefined): boolean {
  return String(header ?? '')
    .split(',')
    .some((part) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$)|$)/i.test(part));
}
