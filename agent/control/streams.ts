// The streams of one session: they end with it.
import { BerthError } from '../../protocol/errors.js';
import { type Notify, Stream } from './stream.js';
import type { StreamSource } from './stream-protocol.js';

export class Streams {
  readonly #most: number;
  readonly #notify: Notify;
  readonly #open = new Map<number, Stream>();
  #opening = 0;
  #next = 1;
  #ended = false;

  constructor(most: number, notify: Notify) {
    this.#most = most;
    this.#notify = notify;
  }

  /** Its number. Throws `too_many_streams`, and as `make` does. */
  async open(make: () => Promise<StreamSource>): Promise<number> {
    if (this.#open.size + this.#opening >= this.#most)
      throw new BerthError('too_many_streams', `this session has ${this.#most} streams already`, {
        data: { limit: this.#most },
      });
    this.#opening += 1;
    try {
      const source = await make();
      const id = this.#next++;
      const stream = new Stream(id, source, this.#notify, () => this.#open.delete(id));
      if (this.#ended) {
        stream.abandon();
        throw new BerthError('shutting_down', 'the session has ended');
      }
      this.#open.set(id, stream);
      return id;
    } finally {
      this.#opening -= 1;
    }
  }

  /** Throws `stream_unknown`. */
  get(id: number): Stream {
    const stream = this.#open.get(id);
    if (stream === undefined) throw new BerthError('stream_unknown', `this session has no stream ${id}`);
    return stream;
  }

  /** The peer has been told its number. */
  start(id: number): void {
    this.#open.get(id)?.start();
  }

  /** The session is over. */
  end(): void {
    this.#ended = true;
    for (const stream of this.#open.values()) stream.abandon();
    this.#open.clear();
  }
}
