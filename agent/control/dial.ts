// One scheduler: dials it, serves it, dials again. The agent opens the connection (nodes live behind NAT and firewalls)
// and then answers: the scheduler speaks first, with session.hello.

import type { LookupFunction } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { messageOf } from '../../linux/errors.js';
import { after, timeLimit } from '../../linux/timers.js';
import { BerthError } from '../../protocol/errors.js';
import { Joined } from '../base/joined.js';
import { orAbort } from '../base/or-abort.js';
import type { Config } from '../config/schema.js';
import { Backoff, type BackoffOptions } from './backoff.js';
import { type Credentials, readCredentials } from './credentials.js';
import type { EventLog } from './event-log.js';
import { opened } from './handshake.js';
import { CLOSE, type Limits } from './limits.js';
import { PROTOCOL } from './rpc.js';
import type { Session } from './session.js';
import type { SchedulerStatus } from './stats.js';
import { watchPeer } from './transport.js';

export type SchedulerConfig = Config['control']['scheduler'][number];

export interface DialOptions {
  readonly scheduler: SchedulerConfig;
  readonly node: { readonly name: string; readonly version: string };
  readonly heartbeatMs: number;
  readonly limits: Pick<Limits, 'messageBytes' | 'dialMs' | 'helloMs'>;
  /** See lookup.ts. */
  readonly lookup: LookupFunction;
  readonly backoff?: BackoffOptions;
  readonly events: EventLog;
  /** Starts a session on an open socket. */
  /** `stream`: what the websocket writes to. */
  readonly serve: (socket: WebSocket, stream: Duplex) => Session;
  readonly log: DialLog;
  readonly now: () => number;
}

export interface DialLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export class Dialer {
  readonly #options: DialOptions;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  readonly #running: Promise<void>;
  readonly #reading = new Joined<Credentials>();
  #session: Session | undefined;
  #socket: WebSocket | undefined;
  #connections = 0;
  /** On the clock that only goes forward. */
  #openedAt = 0;
  #since: number;
  #lastError: string | null = null;

  /** Starts at once and goes on until `stop`. */
  constructor(options: DialOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.backoff);
    this.#since = options.now();
    this.#running = this.#run();
  }

  status(): SchedulerStatus {
    const { scheduler, events } = this.#options;
    return {
      id: scheduler.id,
      url: scheduler.url,
      connected: this.#session !== undefined,
      since: this.#since,
      reconnects: Math.max(0, this.#connections - 1),
      lastError: this.#lastError,
      pending: events.countSince(events.acked(scheduler.id)),
    };
  }

  /** Lets requests under way end (until `signal` aborts), hangs up, and dials no more. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#stop.abort();
    await this.#session?.drain(signal);
    // One that does not answer the goodbye is not waited for.
    const socket = this.#socket;
    if (this.#session === undefined || signal.aborted) socket?.terminate();
    else signal.addEventListener('abort', () => socket?.terminate(), { once: true });
    await this.#running;
  }

  async #run(): Promise<void> {
    const { scheduler, log } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const connections = this.#connections;
      try {
        this.#lastError = await this.#connection(signal);
      } catch (error) {
        this.#lastError = messageOf(error);
      }
      if (signal.aborted) return;
      const livedMs = this.#connections === connections ? 0 : performance.now() - this.#openedAt;
      const delayMs = this.#backoff.next(livedMs);
      log.warn({ scheduler: scheduler.id, url: scheduler.url, delayMs }, `no scheduler: ${this.#lastError}`);
      await sleep(delayMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Resolves with the reason when an open connection has ended; rejects when it never opened, and with the reason of `stop`. */
  async #connection(stop: AbortSignal): Promise<string> {
    const { scheduler, limits } = this.#options;
    const tooLate = () => new BerthError('deadline_exceeded', `not connected within ${limits.dialMs} ms`);
    const limit = timeLimit(limits.dialMs, { within: stop, tooLate });
    try {
      const credentials = await orAbort(
        this.#reading.run(scheduler.id, () => readCredentials(scheduler)),
        limit.signal,
      );
      const socket = this.#dial(credentials);
      // Within the event itself: the scheduler's hello may be in the same packet as the end of the handshake.
      const ended = new Promise<string>((resolve) => {
        // Before `open`.
        socket.once('upgrade', ({ socket: stream }) => {
          socket.once('open', () => resolve(this.#serve(socket, stream)));
        });
      });
      await opened(socket, limit.signal);
      limit.done();
      return await ended;
    } finally {
      limit.done();
      this.#socket = undefined;
    }
  }

  #dial({ token, ...tls }: Credentials): WebSocket {
    const { scheduler, node, limits, lookup } = this.#options;
    const headers = {
      'X-Berth-Node': node.name,
      'X-Berth-Version': node.version,
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    };
    const socket = new WebSocket(scheduler.url, PROTOCOL, {
      perMessageDeflate: false,
      maxPayload: limits.messageBytes,
      headers,
      lookup,
      ...tls,
    });
    this.#socket = socket;
    return socket;
  }

  /** Serves an open socket; resolves with the reason when it has closed. */
  #serve(socket: WebSocket, stream: Duplex): Promise<string> {
    const { scheduler, events, heartbeatMs, limits, log, now } = this.#options;
    const session = this.#options.serve(socket, stream);
    this.#connections++;
    this.#session = session;
    this.#openedAt = performance.now();
    this.#since = now();
    log.info({ scheduler: scheduler.id, url: scheduler.url }, 'scheduler connected');
    events.append({ type: 'scheduler.connected', data: { scheduler: scheduler.id } });
    const unwatch = watchPeer(socket, session, heartbeatMs);
    const hello = after(limits.helloMs, () => {
      if (!session.greeted) session.close(CLOSE.noHello, 'no_hello', `no session.hello within ${limits.helloMs} ms`);
    });
    let broken: string | undefined;
    socket.on('error', ({ message }) => {
      broken ??= message;
    });
    return new Promise((resolve) => {
      // Not before: the socket is closed some time after an error, when the next one might be open already.
      socket.once('close', (code, text) => {
        const said = broken ?? session.closing ?? text.toString();
        const reason = said === '' ? `closed with code ${code}` : `${said} (code ${code})`;
        hello.cancel();
        unwatch();
        this.#session = undefined;
        this.#since = now();
        events.append({ type: 'scheduler.disconnected', data: { scheduler: scheduler.id, reason } });
        resolve(reason);
      });
    });
  }
}
