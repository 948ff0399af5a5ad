// One stream to a peer. Both directions are bounded by credit: output is read from its source only as far as the peer has
// room, and the peer sends only as much input as the source has taken. What nobody reads stays in the pipe of the program,
// which waits.
import type { Readable } from 'node:stream';
import { BerthError } from '../../protocol/errors.js';
import { reportOf } from '../base/errors.js';
import type { StreamEnd } from '../model/execution.js';
import {
  type Channel,
  MOST_CHUNK,
  STREAM_WINDOW,
  type StreamNotifications,
  type StreamSource,
} from './stream-protocol.js';

export type Notify = <N extends keyof StreamNotifications>(method: N, params: StreamNotifications[N]) => void;

export class Stream {
  readonly source: StreamSource;
  readonly #id: number;
  readonly #notify: Notify;
  readonly #done: () => void;
  /** Bytes that the peer takes. */
  #credit = STREAM_WINDOW;
  /** Bytes that the peer may send. */
  #room = STREAM_WINDOW;
  /** Taken by the source, and not told to the peer yet. */
  #owed = 0;
  #inputEnded = false;
  #closed = false;

  /** `done`: it is over, and the peer knows. */
  constructor(id: number, source: StreamSource, notify: Notify, done: () => void) {
    this.#id = id;
    this.source = source;
    this.#notify = notify;
    this.#done = done;
  }

  /** Nothing is sent before. */
  start(): void {
    const outputs = Object.entries(this.source.outputs) as [Channel, Readable][];
    const ends = outputs.map(
      ([channel, output]) =>
        new Promise<void>((resolve) => {
          output.once('close', resolve);
          output.once('end', resolve);
          output.on('error', () => resolve());
          output.on('readable', () => this.#pump(channel, output));
          this.#pump(channel, output);
        }),
    );
    void Promise.all([this.source.ended, ...ends]).then(([end]) => this.#finish(end));
  }

  /** The peer takes so many bytes more; beyond the window they do not count. */
  credit(bytes: number): void {
    this.#credit = Math.min(STREAM_WINDOW, this.#credit + bytes);
    for (const [channel, output] of Object.entries(this.source.outputs)) this.#pump(channel as Channel, output);
  }

  /** Throws `stream_overrun`, and that ends the stream. */
  input(bytes: Buffer, end: boolean): void {
    if (bytes.length > this.#room) {
      const error = new BerthError('stream_overrun', `stream ${this.#id}: more input than credit was given for`);
      this.#finish({ exit: null, error: reportOf(error) });
      this.source.hangUp();
      throw error;
    }
    if (this.#inputEnded) return;
    this.#room -= bytes.length;
    const { input } = this.source;
    if (input === undefined || input.destroyed) this.#taken(bytes.length);
    else if (bytes.length > 0) input.write(bytes, () => this.#taken(bytes.length));
    if (!end) return;
    this.#inputEnded = true;
    input?.end();
  }

  /** The peer wants no more of it. */
  close(): void {
    if (this.#closed) return;
    this.source.hangUp();
  }

  /** The peer is gone. */
  abandon(): void {
    this.#closed = true;
    this.source.hangUp();
  }

  #pump(channel: Channel, output: Readable): void {
    while (!this.#closed && this.#credit > 0 && output.readableLength > 0) {
      const bytes: Buffer | null = output.read(Math.min(output.readableLength, this.#credit, MOST_CHUNK));
      if (bytes === null) return;
      this.#credit -= bytes.length;
      this.#notify('stream.output', { stream: this.#id, channel, data: bytes.toString('base64') });
    }
    // Lets an empty stream find its end.
    if (output.readableLength === 0) output.read(0);
  }

  #taken(bytes: number): void {
    this.#owed += bytes;
    if (this.#closed || this.#owed < MOST_CHUNK) return;
    this.#room += this.#owed;
    this.#notify('stream.credit', { stream: this.#id, bytes: this.#owed });
    this.#owed = 0;
  }

  #finish(end: StreamEnd): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#notify('stream.end', { stream: this.#id, ...end });
    this.#done();
  }
}
