// Unix time for what is learned over days: the clock on the wall as it was when the agent started, and from then on the one
// that only goes forward. What was learned does not age by a year because somebody has set the clock.
import { uptime } from 'node:os';

export interface SteadyWall {
  /** Unix milliseconds. */
  now(): number;
  /** When a process began, from field 22 of its /proc/PID/stat. */
  ofProcess(startTime: number): number;
}

/** Clock ticks in a second; USER_HZ, the same on every architecture that Node runs on. */
const TICKS = 100;

export function steadyWall(wall = Date.now(), steady = performance.now(), bootMs = uptime() * 1000): SteadyWall {
  return {
    now: () => wall + performance.now() - steady,
    ofProcess: (startTime) => wall - bootMs + (startTime * 1000) / TICKS,
  };
}
