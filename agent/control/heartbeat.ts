// Finds out what TCP does not say: that a peer is gone, or that it sends and does not read.

import { every, type Timer } from '../../linux/timers.js';

export interface Pingable {
  ping(): void;
  /** `silent`: nothing was heard; `deaf`: it sends, and answers no ping. Called once. */
  lost(how: 'silent' | 'deaf'): void;
}

/** Pings without a sound of any kind. */
const SILENT = 3;
/** Pings without a pong. Twice as many: before a pong, a slow line takes everything that was sent before the ping. */
const DEAF = 6;

export class Heartbeat {
  readonly #timer: Timer;
  #unheard = 0;
  #unanswered = 0;

  constructor(peer: Pingable, intervalMs: number) {
    this.#timer = every(intervalMs, () => {
      if (this.#unheard >= SILENT || this.#unanswered >= DEAF) {
        this.stop();
        peer.lost(this.#unheard >= SILENT ? 'silent' : 'deaf');
        return;
      }
      this.#unheard++;
      this.#unanswered++;
      peer.ping();
    });
  }

  /** Anything has come from the peer. */
  heard(): void {
    this.#unheard = 0;
  }

  /** A pong: the peer has read what was sent before the ping. */
  answered(): void {
    this.#unheard = 0;
    this.#unanswered = 0;
  }

  stop(): void {
    this.#timer.cancel();
  }
}
