// The local socket: the protocol on a unix socket, for the `berth` command and whoever its group lets in. Who that is, the
// kernel says at the connection.
import { lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { chmod, chown } from 'node:fs/promises';
import { createServer, type IncomingMessage, STATUS_CODES } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { codeOf } from '../../linux/errors.js';
import { type PeerCredentials, peerCredentials } from '../../linux/unix-peer.js';
import { BerthError } from '../../protocol/errors.js';
import type { LocalPeer } from './authorise.js';
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
  /** Of the socket; undefined: as the process makes it. */
  readonly gid?: number | undefined;
  /** What the configuration says of somebody. A connection of whom it cannot be said is refused. */
  readonly admit: (credentials: PeerCredentials) => Promise<LocalPeer>;
  /** `stream`: what the websocket writes to. */
  readonly onConnection: (socket: WebSocket, stream: Duplex, peer: LocalPeer) => void;
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
  const known = new WeakMap<Duplex, PeerCredentials>();
  server.on('connection', (socket: Socket) => {
    const credentials = credentialsOf(socket);
    if (credentials !== undefined) known.set(socket, credentials);
    connections.opened(socket, credentials?.uid === 0);
  });
  const admit = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const credentials = known.get(socket);
    const peer = credentials && (await options.admit(credentials).catch(() => undefined));
    if (peer === undefined) return refuse(socket, 403, 'the agent cannot tell who is connecting');
    connections.agreed(socket);
    websockets.handleUpgrade(request, socket, head, (websocket) => options.onConnection(websocket, socket, peer));
  };
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    if (!offers(request)) refuse(socket, 400, `the subprotocol ${PROTOCOL} is required`);
    else void admit(request, socket, head);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  if (options.gid !== undefined) await chown(path, -1, options.gid);
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

/** Undefined: the kernel does not say; the peer is gone, for one. */
function credentialsOf(socket: Socket): PeerCredentials | undefined {
  // Node has no other way to the descriptor of a connection.
  const { _handle: handle } = socket as unknown as { _handle: { readonly fd?: number } | null };
  if (handle?.fd === undefined || handle.fd < 0) return undefined;
  try {
    return peerCredentials(handle.fd);
  } catch {
    return undefined;
  }
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
