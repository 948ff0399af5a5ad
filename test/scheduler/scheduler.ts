// A minimal central scheduler, for tests and the demo: it waits for agents to dial in, greets them, collects their
// events and acknowledges them. It decides nothing.
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { reportOf } from '../../agent/base/errors.js';
import { BerthError } from '../../protocol/errors.js';
import { NodeRecord, type NodeSession } from './node-session.js';

export type { NodeSession, WaitOptions } from './node-session.js';

export interface SchedulerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default: any free one. */
  readonly port?: number;
  /** PEM texts: speak wss, and with `ca` ask every node for a certificate signed by it. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string };
  /** Asked of every node; default: none. */
  readonly token?: string;
  /** Name in session.hello; must be the `id` in the node's [[control.scheduler]]. Default `scheduler`. */
  readonly id?: string;
  /** Default 1. */
  readonly epoch?: number;
  /** Tenants asked for; default all. */
  readonly scopes?: readonly string[];
  /** Told at every connection of a node, once it is greeted and subscribed to. */
  readonly onNode?: (node: NodeSession) => void;
  /** Told when a node is refused or refuses. */
  readonly onProblem?: (node: string, problem: string) => void;
}

export interface TestScheduler {
  readonly url: string;
  readonly port: number;
  /** Nodes seen so far, connected or not. */
  readonly nodes: readonly NodeSession[];
  /** Waits for the named node, or any node, to be connected. Throws `deadline_exceeded` (default 30 s). */
  node(name?: string, options?: { readonly timeoutMs?: number }): Promise<NodeSession>;
  /** Waits for a node to be turned away, and tells why: `node-1: HTTP 401`, `node-1: stale_epoch: ...`. */
  problem(options?: { readonly timeoutMs?: number }): Promise<string>;
  stop(): Promise<void>;
}

/** Listens. Throws errors of node:net. */
export async function startScheduler(options: SchedulerOptions = {}): Promise<TestScheduler> {
  const { host = '127.0.0.1', port = 0, token, id = 'scheduler', epoch = 1, scopes = [] } = options;
  const nodes = new Map<string, NodeRecord>();
  const problems: string[] = [];
  const watchers = new Set<() => void>();
  const changed = () => {
    for (const check of [...watchers]) check();
  };
  const problem = (node: string, text: string) => {
    problems.push(`${node}: ${text}`);
    options.onProblem?.(node, text);
    changed();
  };
  let stopping = false;
  const websockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 64 << 20 });
  const { tls } = options;
  const server =
    tls === undefined
      ? createServer()
      : createTlsServer({ ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: true });
  server.on('request', (_request, response) => response.writeHead(426).end());
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const name = nameOf(request);
    const allowed = token === undefined || request.headers.authorization === `Bearer ${token}`;
    // One that was on its way when the end began would keep the server from closing.
    if (stopping) socket.destroy();
    else if (allowed) websockets.handleUpgrade(request, socket, head, (websocket) => void welcome(name, websocket));
    else {
      socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      problem(name, 'HTTP 401');
    }
  });
  const welcome = async (name: string, socket: WebSocket): Promise<void> => {
    const node = nodes.get(name) ?? new NodeRecord(name);
    nodes.set(name, node);
    try {
      await node.attach(socket, { scheduler: id, epoch, scopes });
      options.onNode?.(node);
      changed();
    } catch (error) {
      const { code, message } = reportOf(error);
      problem(name, `${code}: ${message}`);
      socket.close();
    }
  };
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  const until = <T>(look: () => T | undefined, what: string, timeoutMs = 30_000): Promise<T> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        watchers.delete(check);
        reject(new BerthError('deadline_exceeded', `waited ${timeoutMs} ms for ${what}`));
      }, timeoutMs);
      const check = () => {
        const found = look();
        if (found === undefined) return;
        clearTimeout(timer);
        watchers.delete(check);
        resolve(found);
      };
      watchers.add(check);
      check();
    });
  return {
    url: `${tls === undefined ? 'ws' : 'wss'}://${host}:${bound}`,
    port: bound,
    get nodes() {
      return [...nodes.values()];
    },
    node: (name, wait) => {
      const look = () => [...nodes.values()].find((n) => n.connected && (name === undefined || n.name === name));
      return until(look, name === undefined ? 'a node to connect' : `node ${name} to connect`, wait?.timeoutMs);
    },
    problem: (wait) => until(() => problems[0], 'a node to be turned away', wait?.timeoutMs),
    stop: async () => {
      stopping = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of websockets.clients) socket.terminate();
      await closed;
    },
  };
}

function nameOf(request: IncomingMessage): string {
  const name = request.headers['x-berth-node'];
  return typeof name === 'string' && name !== '' ? name : 'unnamed';
}
