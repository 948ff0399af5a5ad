// The other end: typed calls and events, for the command, tests and schedulers in TypeScript.
import { createConnection } from 'node:net';
import { WebSocket } from 'ws';
import { codeOf } from '../../linux/errors.js';
import { BerthError } from '../errors.js';
import { type Client, clientOver } from './client-session.js';
import { PROTOCOL } from './rpc.js';

export type { Client, EventsOptions } from './client-session.js';

export interface ConnectOptions {
  readonly signal?: AbortSignal;
  /** Bearer token, for a listener that wants one. */
  readonly token?: string;
  /** PEM certificates to trust beside the system's. */
  readonly ca?: string;
  /** Calls keep to what a session may have in flight, and one that is refused for their number is made again. */
  readonly patient?: boolean;
}

/** A list of every workload of a dense host is far larger than any request. */
const MAX_REPLY = 64 << 20;
const HANDSHAKE_MS = 10_000;

/**
 * Connects to `ws://`, `wss://`, or the path of a unix socket (also as `unix:PATH`). Throws `cannot_connect` naming
 * the address, `not_permitted` when the socket or the peer refuses this user, and the signal's reason.
 */
export async function connect(target: string, options: ConnectOptions = {}): Promise<Client> {
  options.signal?.throwIfAborted();
  const socket = open(target, options);
  const client = clientOver(socket, target, options.patient);
  let abort: (() => void) | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      // Stays: terminating a socket that is still connecting emits an error, too.
      socket.on('error', (error) => reject(failureOf(target, error)));
      socket.once('open', resolve);
      socket.once('unexpected-response', (_request, response) => {
        response.resume();
        reject(refusalOf(target, response.statusCode ?? 0));
        socket.terminate();
      });
      abort = () => {
        reject(options.signal?.reason);
        socket.terminate();
      };
      options.signal?.addEventListener('abort', abort, { once: true });
    });
  } finally {
    if (abort !== undefined) options.signal?.removeEventListener('abort', abort);
  }
  return client;
}

function open(target: string, options: ConnectOptions): WebSocket {
  const path = target.startsWith('unix:') ? target.slice(5) : target.startsWith('/') ? target : undefined;
  const common = {
    perMessageDeflate: false,
    maxPayload: MAX_REPLY,
    handshakeTimeout: HANDSHAKE_MS,
    ...(options.token === undefined ? {} : { headers: { Authorization: `Bearer ${options.token}` } }),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  };
  // ws:+unix URLs cannot name a path with a colon in it.
  if (path !== undefined)
    return new WebSocket('ws://localhost/', PROTOCOL, { ...common, createConnection: () => createConnection(path) });
  if (!/^wss?:\/\//.test(target))
    throw new BerthError('cannot_connect', `cannot connect to ${target}: not an address`, {
      hint: 'Give a path, unix:PATH, ws://HOST:PORT or wss://HOST:PORT.',
    });
  return new WebSocket(target, PROTOCOL, common);
}

function failureOf(target: string, error: Error): BerthError {
  const code = codeOf(error);
  const options = { cause: error, data: { address: target, errno: code ?? null } };
  if (code === 'EACCES' || code === 'EPERM')
    return new BerthError('not_permitted', `cannot connect to ${target}: permission denied`, {
      ...options,
      hint: 'Run as root, or as a member of the group of the socket.',
    });
  return new BerthError(
    'cannot_connect',
    `cannot connect to ${target}: ${error.message || (code ?? 'failed')}`,
    options,
  );
}

function refusalOf(target: string, status: number): BerthError {
  const data = { address: target, status };
  if (status === 401 || status === 403)
    return new BerthError('not_permitted', `${target} refused the token (HTTP ${status})`, { data });
  return new BerthError('cannot_connect', `${target} answered HTTP ${status} and not ${PROTOCOL}`, { data });
}
