import type { Clock } from '../../../agent/base/clock.js';

/** Two clocks that go on only when told; the one on the wall can also be set. */
export class FakeClock implements Clock {
  #wall: number;
  #boot = 1_000_000;

  constructor(wall = Date.UTC(2026, 10, 21, 12, 0, 0)) {
    this.#wall = wall;
  }

  wall = (): number => this.#wall;
  boot = (): number => this.#boot;

  pass(ms: number): void {
    this.#wall += ms;
    this.#boot += ms;
  }

  set(wall: number): void {
    this.#wall = wall;
  }

  reboot(): void {
    this.#boot = 5000;
  }
}
