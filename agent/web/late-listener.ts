// The web listener of an agent that may have to start without one: another program has the address, or web.config_file or a
// certificate is wrong. Then it is a condition, and the listener is tried again each minute, with the files as they are then.
import { reportOf } from '../base/errors.js';
import type { Condition } from '../model/condition.js';
import type { Listener } from './listener.js';

export class LateListener {
  readonly #listen: () => Promise<Listener | undefined>;
  #server: Listener | undefined;
  #problem: unknown;
  #closed = false;

  constructor(listen: () => Promise<Listener | undefined>) {
    this.#listen = listen;
  }

  /** Throws what keeps it from listening. */
  async open(): Promise<void> {
    try {
      this.#server = await this.#listen();
      this.#problem = undefined;
    } catch (error) {
      this.#problem = error;
      throw error;
    }
    if (this.#closed) await this.#server?.close();
  }

  /** Nothing while it listens. Never rejects: what is wrong is the condition. */
  async retry(): Promise<void> {
    if (this.#problem !== undefined && !this.#closed) await this.open().catch(() => undefined);
  }

  /** See `Listener.follow`; nothing while it does not listen. */
  async follow(): Promise<void> {
    await this.#server?.follow();
  }

  /** What each minute does, now. Throws what keeps it from listening, and what is wrong with web.config_file. */
  async reload(): Promise<void> {
    if (this.#problem === undefined) await this.follow();
    else await this.open();
  }

  /** A source of the node's conditions. */
  conditions(): readonly Condition[] {
    if (this.#problem === undefined) return [];
    const { message, hint } = reportOf(this.#problem);
    return [
      {
        ...{ code: 'web_unavailable', severity: 'error' },
        title: 'berth serves no metrics and no health: the web listener cannot start',
        ...{ why: message, fix: `${hint} berth tries again each minute.` },
      },
    ];
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#server?.close();
  }
}
