// Finds out that a peer is gone when TCP does not say so: a ping each interval, dead after three without a sound.

import { every, type Timer } from '../../linux/timers.js';

export interface Pingable {
  ping(): void;
  /** Called once. */
  dead(): void;
}

const MISSED = 3;

export class Heartbeat {
  readonly #timer: Timer;
  #silent = 0;

  constructor(peer: Pingable, intervalMs: number) {
    this.#timer = every(intervalMs, () => {
      if (this.#silent >= MISSED) {
        this.stop();
        peer.dead();
        return;
      }
      this.#silent++;
      peer.ping();
    });
  }

  /** A pong, or anything else, has come from the peer. */
  heard(): void {
    this.#silent = 0;
  }

  stop(): void {
    this.#timer.cancel();
  }
}
