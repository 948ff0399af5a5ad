// One scheduler: dials it, serves it, dials again. The agent opens the connection (nodes live behind NAT and firewalls)
// and then answers: the scheduler speaks first, with session.hello.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Config } from '../config/schema.js';
import { reportOf } from '../errors.js';
import { Backoff, type BackoffOptions } from './backoff.js';
import type { EventLog } from './event-log.js';
import { PROTOCOL } from './rpc.js';
import type { Session } from './session.js';
import type { SchedulerStatus } from './stats.js';
import { watchPeer } from './transport.js';

export type SchedulerConfig = Config['control']['scheduler'][number];

export interface DialOptions {
  readonly scheduler: SchedulerConfig;
  readonly node: { readonly name: string; readonly version: string };
  readonly heartbeatMs: number;
  readonly maxPayload: number;
  readonly backoff?: BackoffOptions;
  readonly events: EventLog;
  /** Starts a session on an open socket. */
  readonly serve: (socket: WebSocket) => Session;
  readonly log: DialLog;
  readonly now: () => number;
}

export interface DialLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

const HANDSHAKE_MS = 10_000;

export class Dialer {
  readonly #options: DialOptions;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  readonly #running: Promise<void>;
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
        const credentials = await readCredentials(scheduler);
        signal.throwIfAborted();
        this.#lastError = await this.#connection(credentials);
      } catch (error) {
        this.#lastError = reportOf(error).message;
      }
      if (signal.aborted) return;
      const livedMs = this.#connections === connections ? 0 : performance.now() - this.#openedAt;
      const delayMs = this.#backoff.next(livedMs);
      log.warn({ scheduler: scheduler.id, url: scheduler.url, delayMs }, `no scheduler: ${this.#lastError}`);
      await sleep(delayMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Resolves with the reason when an open connection has ended; rejects when it never opened. */
  #connection({ token, ...tls }: Credentials): Promise<string> {
    const { scheduler, node, maxPayload } = this.#options;
    const socket = new WebSocket(scheduler.url, PROTOCOL, {
      perMessageDeflate: false,
      maxPayload,
      handshakeTimeout: HANDSHAKE_MS,
      headers: {
        'X-Berth-Node': node.name,
        'X-Berth-Version': node.version,
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      },
      ...tls,
    });
    this.#socket = socket;
    return new Promise((resolve, reject) => {
      socket.on('error', reject);
      // Within this very event: the scheduler's hello may be in the same packet as the end of the handshake.
      socket.once('open', () => {
        const hangUp = this.#opened(socket);
        socket.once('close', (code, text) => {
          const reason = text.length === 0 ? `closed with code ${code}` : `${text} (code ${code})`;
          hangUp(reason);
          resolve(reason);
        });
      });
    });
  }

  /** Serves an open socket; returns what to call when it has closed. */
  #opened(socket: WebSocket): (reason: string) => void {
    const { scheduler, events, log, now } = this.#options;
    const session = this.#options.serve(socket);
    this.#connections++;
    this.#session = session;
    this.#openedAt = performance.now();
    this.#since = now();
    log.info({ scheduler: scheduler.id, url: scheduler.url }, 'scheduler connected');
    events.append({ type: 'scheduler.connected', data: { scheduler: scheduler.id } });
    const unwatch = watchPeer(socket, session, this.#options.heartbeatMs);
    return (reason) => {
      unwatch();
      this.#session = undefined;
      this.#since = now();
      events.append({ type: 'scheduler.disconnected', data: { scheduler: scheduler.id, reason } });
    };
  }
}

interface Credentials {
  readonly token?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Read again for every connection, so that rotated tokens and certificates are taken up. Throws errors of node:fs. */
async function readCredentials(scheduler: SchedulerConfig): Promise<Credentials> {
  const read = async (path: string | undefined) => (path === undefined ? undefined : await readFile(path, 'utf8'));
  const [token, ca, cert, key] = await Promise.all([
    read(scheduler.token_file),
    read(scheduler.ca_file),
    read(scheduler.cert_file),
    read(scheduler.key_file),
  ]);
  return {
    ...(token === undefined ? {} : { token: token.trim() }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
