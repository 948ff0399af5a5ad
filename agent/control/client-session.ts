// Calls and events over an open websocket, whoever opened it.
import type { WebSocket } from 'ws';
import { pause } from '../../linux/timers.js';
import { BerthError } from '../../protocol/errors.js';
import type { BerthEvent } from '../model/event.js';
import { type ClientStream, OpenStream } from './client-stream.js';
import { EventQueue } from './event-queue.js';
import { CLOSE, LIMITS } from './limits.js';
import type { MethodName, Params, Results, StreamMethod } from './methods.js';
import { errorOf, isObject } from './rpc.js';
import type { StreamNotifications } from './stream-protocol.js';

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface EventsOptions extends CallOptions {
  /** Told when events between `since` and `from` are lost. */
  readonly onGap?: (from: number) => void;
}

/** Parameters may be left out where none are required. */
export type CallArguments<M extends MethodName> =
  Record<never, never> extends Params<M>
    ? [params?: Params<M>, options?: CallOptions]
    : [params: Params<M>, options?: CallOptions];

export interface Client {
  readonly address: string;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  /** Throws the agent's BerthError; `cannot_connect` when the connection ends; `deadline_exceeded` or the signal's reason. */
  call<M extends MethodName>(method: M, ...args: CallArguments<M>): Promise<Results[M]>;
  /** Subscribes (`since` is exclusive; absent: new ones only) and yields until the loop ends. Throws as `call` does. */
  events(since?: number, options?: EventsOptions): AsyncIterable<BerthEvent>;
  /** Calls a method that opens a stream. Throws as `call` does. */
  open<M extends StreamMethod>(method: M, params: Params<M>, options?: CallOptions): Promise<ClientStream>;
  /** Hears every event this connection brings, whoever subscribed. */
  onEvent(listener: (event: BerthEvent) => void): () => void;
  close(): Promise<void>;
}

interface Pending {
  /** In the same turn as the answer: what comes next may be of its stream. */
  readonly opened?: ((stream: number) => void) | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Events waiting for a reader, above which the socket is not read. */
const QUEUE = 1024;

/** `patient`: see ConnectOptions. */
export function clientOver(socket: WebSocket, address: string, patient = false): Client {
  return patient ? new PatientClient(socket, address) : new SocketClient(socket, address);
}

class SocketClient implements Client {
  readonly address: string;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<(event: BerthEvent) => void>();
  readonly #queues = new Set<EventQueue>();
  readonly #streams = new Map<number, OpenStream>();
  #nextId = 1;
  #failure: BerthError | undefined;

  constructor(socket: WebSocket, address: string) {
    this.address = address;
    this.#socket = socket;
    socket.on('message', (data) => this.#receive(data.toString()));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        this.#fail(code, reason.toString());
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  async call<M extends MethodName>(method: M, ...[params, options]: CallArguments<M>): Promise<Results[M]> {
    return this.#request(method, params ?? {}, options);
  }

  async open<M extends StreamMethod>(method: M, params: Params<M>, options?: CallOptions): Promise<ClientStream> {
    let stream: OpenStream | undefined;
    await this.#request(method, params, options, (id) => {
      stream = new OpenStream(id, (name, sent) => this.#notify(name, sent));
      this.#streams.set(id, stream);
    });
    if (stream === undefined) throw new BerthError('internal', `${method} has opened no stream`);
    return stream;
  }

  async #request<M extends MethodName>(
    method: M,
    params: object,
    options: CallOptions | undefined,
    opened?: (stream: number) => void,
  ): Promise<Results[M]> {
    const signal = options?.signal;
    if (signal?.aborted) throw abortError(method, signal);
    if (this.#failure !== undefined) throw this.#failure;
    const id = this.#nextId++;
    const text = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    if (Buffer.byteLength(text) > LIMITS.messageBytes)
      throw new BerthError('message_too_large', `${method}: the request is larger than ${LIMITS.messageBytes} bytes`);
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise<Results[M]>((resolve, reject) => {
        this.#pending.set(id, { opened, resolve: (result) => resolve(result as Results[M]), reject });
        onAbort = () => reject(abortError(method, signal));
        signal?.addEventListener('abort', onAbort, { once: true });
        this.#socket.send(text);
        this.#adjustReading();
      });
    } finally {
      this.#pending.delete(id);
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
      this.#adjustReading();
    }
  }

  async *events(since?: number, options: EventsOptions = {}): AsyncGenerator<BerthEvent, void, undefined> {
    const queue = new EventQueue(() => this.#adjustReading());
    this.#queues.add(queue);
    const abort = () => queue.fail(abortError('events.subscribe', options.signal));
    options.signal?.addEventListener('abort', abort, { once: true });
    try {
      const { from, gap } = await this.call('events.subscribe', since === undefined ? {} : { since }, options);
      if (gap) options.onGap?.(from);
      while (true) yield await queue.next();
    } finally {
      options.signal?.removeEventListener('abort', abort);
      this.#queues.delete(queue);
      this.#adjustReading();
    }
  }

  onEvent(listener: (event: BerthEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.#socket.isPaused) this.#socket.resume();
    this.#socket.close(CLOSE.normal);
    await this.closed;
  }

  #receive(text: string): void {
    const message: unknown = parse(text);
    if (!isObject(message)) return;
    if (message.method === 'event') {
      const event = message.params as BerthEvent;
      for (const listener of this.#listeners) listener(event);
      for (const queue of this.#queues) queue.push(event);
      return;
    }
    if (typeof message.method === 'string') {
      this.#receiveStream(message.method as keyof StreamNotifications, message.params);
      return;
    }
    const pending = this.#pending.get(Number(message.id));
    if (pending === undefined) return;
    if ('error' in message) pending.reject(errorOf(message.error));
    else {
      pending.opened?.((message.result as { readonly stream: number }).stream);
      pending.resolve(message.result);
    }
  }

  #receiveStream(method: keyof StreamNotifications, params: unknown): void {
    const { stream: id } = params as StreamNotifications[typeof method];
    const stream = this.#streams.get(id);
    if (method === 'stream.end') this.#streams.delete(id);
    stream?.receive(method, params as StreamNotifications[typeof method]);
  }

  #notify(method: MethodName, params: object): void {
    if (this.#failure === undefined) this.#socket.send(JSON.stringify({ jsonrpc: '2.0', method, params }));
  }

  /** A call must get its reply even while a reader of events is busy (it may be the one that calls). */
  #adjustReading(): void {
    const full = [...this.#queues].some((queue) => queue.length >= QUEUE) && this.#pending.size === 0;
    if (full === this.#socket.isPaused) return;
    if (full) this.#socket.pause();
    else this.#socket.resume();
  }

  #fail(code: number, reason: string): void {
    const why = reason === '' ? `code ${code}` : `${reason} (code ${code})`;
    this.#failure = new BerthError(
      code === CLOSE.messageTooLarge
        ? 'message_too_large'
        : code === CLOSE.staleEpoch
          ? 'stale_epoch'
          : 'cannot_connect',
      `the connection to ${this.address} has ended: ${why}`,
      { data: { address: this.address, close: code } },
    );
    for (const { reject } of this.#pending.values()) reject(this.#failure);
    for (const queue of this.#queues) queue.fail(this.#failure);
    for (const stream of this.#streams.values()) stream.fail(this.#failure);
    this.#streams.clear();
  }
}

/** Calls that may be on their way at once: the agent takes twice as many from a session. */
const LANES = LIMITS.requestsInFlight / 2;
/** Where the agent does not say when to come again. */
const AGAIN_MS = 50;

class PatientClient extends SocketClient {
  #free = LANES;
  readonly #waiting: (() => void)[] = [];

  override async call<M extends MethodName>(method: M, ...args: CallArguments<M>): Promise<Results[M]> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      for (;;) {
        try {
          return await super.call(method, ...args);
        } catch (error) {
          if (!(error instanceof BerthError) || error.code !== 'rate_limited') throw error;
          await pause(Number(error.data?.retryAfterMs ?? AGAIN_MS));
        }
      }
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function abortError(method: string, signal: AbortSignal | undefined): unknown {
  const reason: unknown = signal?.reason;
  if (reason instanceof Error && reason.name === 'TimeoutError')
    return new BerthError('deadline_exceeded', `${method}: no answer in time`, { cause: reason });
  return reason;
}
