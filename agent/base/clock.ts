// Two clocks, because the one on the wall may be set. What must last a certain time is measured by the other.
import { uptime } from 'node:os';

export interface Clock {
  /** Unix milliseconds; may jump either way. */
  wall(): number;
  /** Milliseconds since the boot, time asleep included (CLOCK_BOOTTIME); only rises, and starts anew with a boot. */
  boot(): number;
}

export const SYSTEM_CLOCK: Clock = { wall: Date.now, boot: () => uptime() * 1000 };

/** A moment to come, as it is kept on disk: by the clock that does not jump as long as the boot is the same. */
export interface Deadline {
  readonly bootId: string;
  /** Milliseconds of the boot clock. */
  readonly boot: number;
  readonly wall: number;
  /** Milliseconds from its making: it is never further away than that, whatever became of the clocks. */
  readonly ttl: number;
}

export function deadlineIn(ttl: number, clock: Clock, bootId: string): Deadline {
  return { bootId, boot: clock.boot() + ttl, wall: clock.wall() + ttl, ttl };
}

/** Milliseconds left; 0 or less: it is over. */
export function remaining(deadline: Deadline, clock: Clock, bootId: string): number {
  const left = deadline.bootId === bootId ? deadline.boot - clock.boot() : deadline.wall - clock.wall();
  return Math.min(left, deadline.ttl);
}
