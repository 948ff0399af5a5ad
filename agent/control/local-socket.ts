// The local socket: the protocol on a unix socket, for the `berth` command and whoever its group lets in.
import { lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { createServer, type IncomingMessage, STATUS_CODES } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { codeOf } from '../../linux/errors.js';
import { BerthError } from '../errors.js';
import { Connections } from './connections.js';
import { PROTOCOL } from './rpc.js';

export interface LocalSocketOptions {
  readonly path: string;
  /** Bytes of one message. */
  readonly maxPayload: number;
  /** Open at once, handshakes included; more are turned away. */
  readonly connections: number;
  /** Milliseconds from the connection to the end of the handshake. */
  readonly handshakeMs: number;
  readonly onConnection: (socket: WebSocket) => void;
}

export interface LocalSocket {
  /**
   * Takes no new connections, cuts those without a handshake, and removes the file. Resolves when every session has ended:
   * when `signal` aborts, they are cut as well.
   */
  close(signal: AbortSignal): Promise<void>;
}

/** Listens. Throws `socket_in_use` when another agent answers there; a socket nobody answers on is replaced. */
export async function listenLocal(options: LocalSocketOptions): Promise<LocalSocket> {
  const { path } = options;
  mkdirSync(dirname(path), { recursive: true });
  await removeStale(path);
  const websockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: options.maxPayload,
    handleProtocols: () => PROTOCOL,
  });
  const server = createServer((_request, response) => {
    response.writeHead(426, { Connection: 'close', Upgrade: 'websocket' });
    response.end(`This socket speaks ${PROTOCOL} over websocket.\n`);
  });
  const connections = new Connections(options);
  server.on('connection', (socket: Socket) => connections.opened(socket));
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    if (!offers(request)) refuse(socket, 400, `the subprotocol ${PROTOCOL} is required`);
    else {
      connections.agreed(socket);
      websockets.handleUpgrade(request, socket, head, options.onConnection);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o660);
  return {
    close: (signal) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      connections.cutHandshakes();
      if (signal.aborted) connections.cutAll();
      else signal.addEventListener('abort', () => connections.cutAll(), { once: true });
      return closed;
    },
  };
}

/** Removes what a dead agent left. Throws `socket_in_use`. */
async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket())
    throw new BerthError('socket_in_use', `${path} exists and is not a socket`, {
      hint: 'Move it away, or set control.socket to another path.',
      data: { path },
    });
  const problem = await new Promise<string | undefined>((resolve) => {
    const probe = createConnection(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(undefined);
    });
    probe.once('error', (error) => resolve(codeOf(error) ?? 'unknown'));
  });
  if (problem === 'ENOENT') return;
  // EAGAIN: the queue of a living, busy listener is full.
  if (problem !== 'ECONNREFUSED')
    throw new BerthError('socket_in_use', `another process answers on ${path}`, { data: { path } });
  unlinkSync(path);
}

function offers(request: IncomingMessage): boolean {
  const offered = request.headers['sec-websocket-protocol']?.split(',') ?? [];
  return offered.some((name) => name.trim() === PROTOCOL);
}

function refuse(socket: Duplex, status: number, reason: string): void {
  const body = `${reason}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: text/plain\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
