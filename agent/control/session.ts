// One connection: requests in, replies and events out, within limits. It knows nothing of sockets; see transport.ts.
import { setMaxListeners } from 'node:events';
import { BerthError, type ErrorCode } from '../../protocol/errors.js';
import { reportOf } from '../base/errors.js';
import { orAbort } from '../base/or-abort.js';
import type { BerthEvent } from '../model/event.js';
import { bytesOf } from './answer-size.js';
import { type EpochFence, type Grant, grantBeforeHello, grantOf, type Hello, type Peer, sees } from './authorise.js';
import { type Context, dispatch, isForeign, isMethod } from './dispatch.js';
import type { EventLog } from './event-log.js';
import { CLOSE, type Limits, TokenBucket } from './limits.js';
import { type MethodName, opensStream, type Results, type StreamMethod } from './methods.js';
import {
  errorMessage,
  notificationMessage,
  PROTOCOL,
  parseRequest,
  type Request,
  type RequestId,
  resultMessage,
} from './rpc.js';
import { actorOf, eventFor, nodeFor, sessionOf } from './scoped.js';
import type { AgentService } from './service.js';
import { type ShapeProblem, shapeProblem } from './shape.js';
import type { CloseReason, Counters } from './stats.js';
import { Streams } from './streams.js';
import { Subscription } from './subscription.js';
import { veil } from './veil.js';

/** What a session needs of a connection. `sent` is called once the kernel has the text, or never will. */
export interface Transport {
  readonly bufferedAmount: number;
  send(text: string, sent: () => void): void;
  close(code: number, reason: string): void;
}

/** What all sessions of an agent share. */
export interface SessionHost {
  readonly service: AgentService;
  readonly events: EventLog;
  readonly fence: EpochFence;
  readonly counters: Counters;
  readonly limits: Limits;
  readonly now: () => number;
  /** Milliseconds that only rise; default: of the process. */
  readonly steady?: () => number;
  /** Why a method is not served at this moment; undefined: it is. */
  readonly refusal?: ((method: string) => BerthError | undefined) | undefined;
  readonly onDefect: (error: unknown, method: string) => void;
}

export class Session {
  readonly #host: SessionHost;
  readonly #transport: Transport;
  readonly #peer: Peer;
  /** Rates are not measured by a clock that somebody sets. */
  readonly #steady: () => number;
  readonly #bucket: TokenBucket;
  readonly #ending = new AbortController();
  #grant: Grant | undefined;
  #subscription: Subscription | undefined;
  readonly #streams: Streams;
  #inFlight = 0;
  #open = true;
  #draining: Deferred | undefined;
  #closing: string | undefined;

  constructor(host: SessionHost, transport: Transport, peer: Peer) {
    this.#host = host;
    this.#transport = transport;
    this.#peer = peer;
    this.#steady = host.steady ?? (() => performance.now());
    this.#bucket = new TokenBucket(host.limits.requestsPerSecond, this.#steady());
    // Each request under way listens to it.
    setMaxListeners(0, this.#ending.signal);
    this.#grant = grantBeforeHello(peer);
    this.#streams = new Streams(host.limits.streams, (method, params) =>
      this.#send(notificationMessage(method, params)),
    );
  }

  get peer(): Peer {
    return this.#peer;
  }

  /** It may act: on the local socket from the start, else since its session.hello. */
  get greeted(): boolean {
    return this.#grant !== undefined;
  }

  /** Why this side has ended it; undefined: it has not, or says nothing of it. */
  get closing(): string | undefined {
    return this.#closing;
  }

  /** One message from the peer. Never throws. */
  receive(text: string): void {
    if (!this.#open) return;
    // The transport refuses it sooner where it can; this is for those that cannot.
    if (text.length > this.#host.limits.messageBytes) {
      this.close(CLOSE.messageTooLarge, 'message_too_large', 'message too large');
      return;
    }
    const excess = shapeProblem(text);
    if (excess !== undefined) {
      this.#refuse(excess.id, errorOfShape(excess));
      return;
    }
    const incoming = parseRequest(text);
    if (incoming.kind === 'ignored') return;
    if (incoming.kind === 'refused') {
      this.#refuse(incoming.id, incoming.error);
      return;
    }
    void this.#answer(incoming.request);
  }

  /** The connection has ended, from whichever side. */
  ended(): void {
    this.#open = false;
    this.#ending.abort(new BerthError('shutting_down', 'the session has ended'));
    this.#subscription?.end();
    this.#streams.end();
    this.#host.fence.leave(this);
    this.#draining?.resolve();
  }

  close(code: number, reason: CloseReason, text: string): void {
    if (!this.#open) return;
    if (text !== '') this.#closing = text;
    this.#host.counters.close(reason);
    this.ended();
    this.#transport.close(code, text);
  }

  /** Refuses new requests, and resolves when those under way are answered, `signal` aborts, or the peer is gone. */
  async drain(signal: AbortSignal): Promise<void> {
    if (!this.#open) return;
    this.#draining ??= deferred();
    const { promise, resolve } = this.#draining;
    signal.addEventListener('abort', resolve, { once: true });
    if (this.#inFlight > 0 && !signal.aborted) await promise;
    this.close(CLOSE.goingAway, 'stopping', 'agent stopping');
  }

  async #answer({ id, method, params }: Request): Promise<void> {
    const name: MethodName | 'unknown' = isMethod(method) ? method : 'unknown';
    let reply: string | undefined;
    let stream: number | undefined;
    let result: 'ok' | ErrorCode = 'ok';
    // Requests over the limit are answered too, but not counted as under way: the answer costs nothing to wait for.
    const refusal = this.#refusal(method);
    if (refusal === undefined) this.#inFlight++;
    try {
      if (refusal !== undefined) throw refusal;
      if (!isMethod(method))
        throw new BerthError('unknown_method', `there is no method ${JSON.stringify(method.slice(0, 63))}`);
      const value = this.#veiled(await orAbort(dispatch(method, params, this.#context()), this.#ending.signal), params);
      this.#requireShort(value);
      if (opensStream(method)) ({ stream } = value as Results[StreamMethod]);
      if (id !== undefined) reply = resultMessage(id, value);
    } catch (error) {
      const report = reportOf(error);
      result = report.code;
      if (report.code === 'internal') this.#host.onDefect(error, name);
      if (id !== undefined) reply = errorMessage(id, this.#veiled(report, params));
    }
    if (refusal === undefined) this.#inFlight--;
    this.#host.counters.request(name, result);
    if (reply !== undefined) this.#send(reply);
    if (method === 'events.subscribe' && result === 'ok') this.#subscription?.start();
    if (stream !== undefined) this.#streams.start(stream);
    if (result === 'stale_epoch') this.close(CLOSE.staleEpoch, 'stale_epoch', 'stale epoch');
    if (this.#inFlight === 0) this.#draining?.resolve();
  }

  #refuse(id: RequestId | null, error: BerthError): void {
    this.#host.counters.request('unknown', error.code);
    this.#send(errorMessage(id, reportOf(error)));
  }

  #requireShort(answer: unknown): void {
    const { replyBytes } = this.#host.limits;
    if (bytesOf(answer, replyBytes) <= replyBytes) return;
    throw new BerthError('reply_too_large', `the answer would be longer than ${replyBytes} bytes`, {
      data: { limit: replyBytes },
    });
  }

  #refusal(method: string): BerthError | undefined {
    const { limits } = this.#host;
    if (this.#draining !== undefined) return new BerthError('shutting_down', 'the agent is stopping');
    // Their number is bounded by the credit of the stream, and a piece that is refused would be missing in it.
    if (isBoundedByCredit(method)) return this.#refusalBeforeHello(method);
    const retryAfterMs = this.#bucket.take(this.#steady());
    if (retryAfterMs > 0)
      return new BerthError('rate_limited', `more than ${limits.requestsPerSecond} requests a second`, {
        data: { limit: limits.requestsPerSecond, retryAfterMs },
      });
    if (this.#inFlight >= limits.requestsInFlight)
      return new BerthError('rate_limited', `more than ${limits.requestsInFlight} requests in flight`, {
        data: { limit: limits.requestsInFlight },
      });
    return this.#refusalBeforeHello(method) ?? this.#host.refusal?.(method);
  }

  #refusalBeforeHello(method: string): BerthError | undefined {
    if (this.#grant !== undefined || method === 'session.hello' || method === 'session.ping') return undefined;
    return new BerthError('not_permitted', `${method} before session.hello`, { hint: 'Send session.hello first.' });
  }

  #context(): Context {
    const grant = this.#grant ?? { role: 'viewer', scheduler: null, tenants: new Set(), allow: [] };
    return {
      service: this.#host.service,
      grant,
      actor: actorOf(this.#peer, grant),
      now: this.#host.now,
      signal: this.#ending.signal,
      streams: this.#streams,
      hello: (hello) => this.#hello(hello),
      subscribe: (since) => this.#subscribe(since),
      ack: (cursor) => this.#ack(cursor),
    };
  }

  async #hello(hello: Hello): Promise<Results['session.hello']> {
    const grant = grantOf(this.#peer, hello);
    const step = () => this.close(CLOSE.staleEpoch, 'stale_epoch', 'a newer epoch of this scheduler has connected');
    await this.#host.fence.enter(this, hello, step);
    // Ended, or fenced off, while the epoch was being written.
    if (!this.#open) throw new BerthError('stale_epoch', 'this session has been replaced');
    this.#grant = grant;
    const { events, service } = this.#host;
    const acked = events.acked(hello.scheduler);
    const node = nodeFor(grant, service);
    return { protocol: PROTOCOL, node, session: sessionOf(grant), cursor: events.cursor, acked };
  }

  #subscribe(since: number | undefined): Results['events.subscribe'] {
    const { events, limits } = this.#host;
    const cursor = events.cursor;
    this.#subscription?.end();
    const { gap } = events.since(since ?? cursor, 0);
    // Behind a gap there may still be some that last.
    const after = gap && (since ?? 0) > cursor ? 0 : (since ?? cursor);
    const sink = {
      transport: this.#transport,
      get bufferedAmount() {
        return this.transport.bufferedAmount;
      },
      sendEvent: (event: BerthEvent, sent: () => void) =>
        this.#send(notificationMessage('event', this.#told(event)), sent),
      sees: (event: BerthEvent) => this.#grant !== undefined && sees(this.#grant, event),
      fellBehind: () => this.close(CLOSE.tryAgainLater, 'slow_reader', 'slow reader: events have been dropped'),
    };
    this.#subscription = new Subscription(events, sink, { after, maxBuffered: limits.eventBytes });
    return { from: events.since(after, 1).events[0]?.cursor ?? cursor + 1, cursor, gap };
  }

  #told(event: BerthEvent): BerthEvent {
    return this.#grant === undefined
      ? event
      : this.#veiled(eventFor(this.#grant, event, actorOf(this.#peer, this.#grant)));
  }

  /** What leaves for a session with scopes; `asked`: the parameters of the request that it answers. */
  #veiled<T>(value: T, asked?: unknown): T {
    const grant = this.#grant;
    if (grant === undefined || grant.tenants === null) return value;
    return veil(value, (name) => isForeign(grant, this.#host.service, name), JSON.stringify(asked));
  }

  async #ack(cursor: number): Promise<number> {
    const scheduler = this.#grant?.scheduler ?? null;
    if (scheduler === null)
      throw new BerthError('invalid_state', 'events.ack needs a session.hello', {
        hint: 'Acknowledged cursors are kept by scheduler: send session.hello first.',
      });
    return this.#host.events.ack(scheduler, cursor);
  }

  #send(text: string, sent: () => void = ignore): void {
    if (!this.#open) return;
    if (this.#transport.bufferedAmount > this.#host.limits.bufferedBytes) {
      this.close(CLOSE.tryAgainLater, 'slow_reader', 'slow reader');
      return;
    }
    this.#transport.send(text, sent);
  }
}

/** Bytes that the peer may send, and leave to send that it gives: neither is more than the window of a stream. */
function isBoundedByCredit(method: string): boolean {
  return method === 'stream.input' || method === 'stream.credit';
}

function errorOfShape({ field, problem }: ShapeProblem): BerthError {
  if (field === '') return new BerthError('message_too_large', problem);
  return new BerthError('invalid_params', `${field}: ${problem}`, { data: { fields: [{ field, problem }], count: 1 } });
}

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function deferred(): Deferred {
  let resolve: () => void = ignore;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function ignore(): void {}
