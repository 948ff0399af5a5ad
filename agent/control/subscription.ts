// Events to one session. It pulls from the log, with the log's listener as a bell: replay and live are one path, so
// there is no seam between them to lose or double an event at, and a slow peer costs a cursor, not a queue.
import type { BerthEvent } from '../model/event.js';
import type { EventLog } from './event-log.js';

/** Of a message on its way out: `sent` is called when the kernel has taken it, or the connection has ended. */
export interface EventSink {
  /** Bytes the peer has not taken. */
  readonly bufferedAmount: number;
  sendEvent(event: BerthEvent, sent: () => void): void;
  sees(event: BerthEvent): boolean;
  /** The peer is further behind than the log reaches. */
  fellBehind(): void;
}

/** Sent in one turn of the event loop: a replay of ten thousand must not hold it. */
const BATCH = 128;

export class Subscription {
  readonly #log: EventLog;
  readonly #sink: EventSink;
  readonly #maxBuffered: number;
  readonly #stopListening: () => void;
  /** That some are missing up to here was said when it began. */
  readonly #told: number;
  #sent: number;
  #waiting = true;
  #ended = false;

  /** `after` is exclusive. Nothing is sent before `start`. */
  constructor(log: EventLog, sink: EventSink, options: { readonly after: number; readonly maxBuffered: number }) {
    this.#log = log;
    this.#sink = sink;
    this.#sent = options.after;
    this.#told = log.floor;
    this.#maxBuffered = options.maxBuffered;
    this.#stopListening = log.onEvent(() => this.#pump());
  }

  start(): void {
    this.#waiting = false;
    this.#pump();
  }

  end(): void {
    this.#ended = true;
    this.#stopListening();
  }

  #pump(): void {
    if (this.#ended) return;
    if (this.#sent < this.#log.floor && this.#log.floor > this.#told) {
      this.end();
      this.#sink.fellBehind();
      return;
    }
    if (this.#waiting) return;
    const { events } = this.#log.since(this.#sent, BATCH);
    for (const event of events) {
      this.#sent = event.cursor;
      if (!this.#sink.sees(event)) continue;
      const full = this.#sink.bufferedAmount > this.#maxBuffered;
      this.#waiting ||= full;
      this.#sink.sendEvent(event, full ? () => this.#resume() : ignore);
      if (full || this.#ended) return;
    }
    if (events.length < BATCH) return;
    this.#waiting = true;
    setImmediate(() => this.#resume());
  }

  #resume(): void {
    this.#waiting = false;
    this.#pump();
  }
}

function ignore(): void {}
