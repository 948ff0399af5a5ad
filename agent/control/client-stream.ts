// The peer's end of a stream: output as it comes, input as fast as the agent takes it.
import { BerthError } from '../../protocol/errors.js';
import type { StreamEnd } from '../model/execution.js';
import type { MethodName, Params } from './methods.js';
import {
  type Channel,
  MOST_CHUNK,
  STREAM_WINDOW,
  type StreamNotifications,
  type StreamSignal,
} from './stream-protocol.js';

export interface Output {
  readonly channel: Channel;
  readonly bytes: Buffer;
}

export interface ClientStream {
  /** In the order in which it came. The agent sends no more than is taken here. Ends with the stream. Throws as `ended`. */
  readonly output: AsyncIterable<Output>;
  /** Rejects with what ended the connection. */
  readonly ended: Promise<StreamEnd>;
  /** Resolves when the agent has room for more, or nobody reads it any more. */
  write(bytes: Uint8Array): Promise<void>;
  /** No more input. */
  end(): void;
  resize(size: { readonly columns: number; readonly rows: number }): void;
  signal(name: StreamSignal): void;
  /** The program is asked to end. */
  close(): void;
}

/** Sends a notification: no answer comes. */
export type Send = <M extends MethodName>(method: M, params: Params<M>) => void;

export class OpenStream implements ClientStream {
  readonly ended: Promise<StreamEnd>;
  readonly #id: number;
  readonly #send: Send;
  readonly #queue: Output[] = [];
  #resolve: (end: StreamEnd) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #over = false;
  #failure: unknown;
  #wakeReader: () => void = () => undefined;
  #wakeWriter: () => void = () => undefined;
  /** Bytes that may be sent. */
  #room = STREAM_WINDOW;
  /** Bytes taken, and not told to the agent yet. */
  #owed = 0;

  constructor(id: number, send: Send) {
    this.#id = id;
    this.#send = send;
    this.ended = new Promise<StreamEnd>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.ended.catch(() => undefined);
  }

  /** One notification of this stream. */
  receive<N extends keyof StreamNotifications>(method: N, params: StreamNotifications[N]): void {
    if (method === 'stream.output') {
      const { channel, data } = params as StreamNotifications['stream.output'];
      this.#queue.push({ channel, bytes: Buffer.from(data, 'base64') });
      this.#wakeReader();
    } else if (method === 'stream.credit') {
      this.#room += (params as StreamNotifications['stream.credit']).bytes;
      this.#wakeWriter();
    } else {
      const { exit, error } = params as StreamNotifications['stream.end'];
      this.#stop();
      this.#resolve({ exit, error });
    }
  }

  fail(error: unknown): void {
    this.#failure = error;
    this.#stop();
    this.#reject(error);
  }

  get output(): AsyncIterable<Output> {
    return this.#read();
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let rest = Buffer.from(bytes); rest.length > 0; ) {
      while (this.#room === 0 && !this.#over) await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
      if (this.#over) return;
      const piece = rest.subarray(0, Math.min(this.#room, MOST_CHUNK));
      rest = rest.subarray(piece.length);
      this.#room -= piece.length;
      this.#send('stream.input', { stream: this.#id, data: piece.toString('base64') });
    }
  }

  end(): void {
    if (!this.#over) this.#send('stream.input', { stream: this.#id, end: true });
  }

  resize(size: { readonly columns: number; readonly rows: number }): void {
    if (!this.#over) this.#send('stream.resize', { stream: this.#id, ...size });
  }

  signal(signal: StreamSignal): void {
    if (!this.#over) this.#send('stream.signal', { stream: this.#id, signal });
  }

  close(): void {
    if (!this.#over) this.#send('stream.close', { stream: this.#id });
  }

  async *#read(): AsyncGenerator<Output, void, undefined> {
    for (;;) {
      const next = this.#queue.shift();
      if (next !== undefined) {
        yield next;
        this.#taken(next.bytes.length);
        continue;
      }
      if (this.#over) break;
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #taken(bytes: number): void {
    this.#owed += bytes;
    if (this.#over || this.#owed < MOST_CHUNK) return;
    this.#send('stream.credit', { stream: this.#id, bytes: this.#owed });
    this.#owed = 0;
  }

  #stop(): void {
    this.#over = true;
    this.#wakeReader();
    this.#wakeWriter();
  }
}

/** What a stream's end says, as an exit code of a shell. Throws the error of one that has not run. */
export function exitCodeOf({ exit, error }: StreamEnd, signals: Readonly<Record<string, number>>): number {
  if (exit?.code != null) return exit.code;
  if (exit?.signal != null) return 128 + (signals[exit.signal] ?? 0);
  throw new BerthError(error?.code ?? 'internal', error?.message ?? 'the stream has ended without a reason', {
    ...(error?.hint === undefined ? {} : { hint: error.hint }),
  });
}
