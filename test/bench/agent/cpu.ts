// What a process has used of the cpu.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Of all its threads, /proc/PID/task/TID/schedstat, nanoseconds. Not utime and stime: those are counted by the tick of the
 * clock, and whoever wakes by the clock is caught at it more often than it should be.
 */
export function cpuSeconds(pid: number | undefined): number {
  const tasks = `/proc/${pid}/task`;
  const of = (thread: string): number => Number(readFileSync(join(tasks, thread, 'schedstat'), 'utf8').split(' ')[0]);
  return readdirSync(tasks).reduce((sum, thread) => sum + of(thread), 0) / 1e9;
}
