// The other end: typed calls and events, for the command, tests and schedulers in TypeScript.

import { createConnection } from 'node:net';
import { WebSocket } from 'ws';
import { defined } from '../../linux/defined.js';
import { codeOf, messageOf } from '../../linux/errors.js';
import { timeLimit } from '../../linux/timers.js';
import { BerthError } from '../../protocol/errors.js';
import { type Client, clientOver } from './client-session.js';
import { opened } from './handshake.js';
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
  const told = toldAddress(target);
  const socket = open(target, options);
  const client = clientOver(socket, told, options.patient);
  let refused: BerthError | undefined;
  socket.once('unexpected-response', (_request, response) => {
    refused = refusalOf(told, response.statusCode ?? 0);
    response.resume();
    socket.terminate();
  });
  const limit = timeLimit(HANDSHAKE_MS, { within: options.signal, tooLate: () => silenceOf(told) });
  try {
    await opened(socket, limit.signal);
  } catch (error) {
    if (limit.signal.aborted) throw limit.signal.reason;
    throw refused ?? failureOf(told, error);
  } finally {
    limit.done();
  }
  return client;
}

/** An address as it may be repeated: without a user, a password or a query. */
export function toldAddress(target: string): string {
  if (target.startsWith('/') || target.startsWith('unix:')) return target;
  return target.replace(/^(\w+:\/\/)?.*@/s, '$1').replace(/[?#].*/s, '');
}

function open(target: string, options: ConnectOptions): WebSocket {
  const path = target.startsWith('unix:') ? target.slice(5) : target.startsWith('/') ? target : undefined;
  const common = {
    perMessageDeflate: false,
    maxPayload: MAX_REPLY,
    ...(options.token === undefined ? {} : { headers: { Authorization: `Bearer ${options.token}` } }),
    ...defined({ ca: options.ca }),
  };
  // ws:+unix URLs cannot name a path with a colon in it.
  if (path !== undefined)
    return new WebSocket('ws://localhost/', PROTOCOL, { ...common, createConnection: () => createConnection(path) });
  if (!/^wss?:\/\/[^#]*$/.test(target) || !URL.canParse(target))
    throw new BerthError('cannot_connect', `cannot connect to ${toldAddress(target)}: not an address`, {
      hint: 'Give a path, unix:PATH, ws://HOST:PORT or wss://HOST:PORT.',
    });
  return new WebSocket(target, PROTOCOL, common);
}

function silenceOf(target: string): BerthError {
  return new BerthError('cannot_connect', `cannot connect to ${target}: no handshake within ${HANDSHAKE_MS / 1000} s`, {
    data: { address: target, errno: 'ETIMEDOUT' },
  });
}

function failureOf(target: string, error: unknown): BerthError {
  const code = codeOf(error);
  const options = { cause: error, data: { address: target, errno: code ?? null } };
  if (code === 'EACCES' || code === 'EPERM')
    return new BerthError('not_permitted', `cannot connect to ${target}: permission denied`, {
      ...options,
      hint: 'Run as root, or as a member of the group of the socket.',
    });
  return new BerthError('cannot_connect', `cannot connect to ${target}: ${messageOf(error)}`, options);
}

function refusalOf(target: string, status: number): BerthError {
  const data = { address: target, status };
  if (status === 401 || status === 403)
    return new BerthError('not_permitted', `${target} refused the token (HTTP ${status})`, { data });
  return new BerthError('cannot_connect', `${target} answered HTTP ${status} and not ${PROTOCOL}`, { data });
}
