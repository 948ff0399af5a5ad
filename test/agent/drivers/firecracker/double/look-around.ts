// What a process sees from inside the jail: every file, the processes, and whether what is not its own can be read, written or killed.
import { accessSync, constants, readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Sight {
  readonly files: readonly string[];
  readonly writable: readonly string[];
  readonly pid: number;
  /** Pids below 100000 that it may send a signal to, itself apart. */
  readonly killable: readonly number[];
}

export function lookAround(): Sight {
  const files = readdirSync('/', { recursive: true, encoding: 'utf8' }).map((name) => join('/', name));
  const writable = files.filter((path) => may(() => accessSync(path, constants.W_OK)));
  const others = Array.from({ length: 100_000 }, (_, at) => at + 1).filter((pid) => pid !== process.pid);
  return { files, writable, pid: process.pid, killable: others.filter((pid) => may(() => process.kill(pid, 0))) };
}

function may(what: () => unknown): boolean {
  try {
    what();
    return true;
  } catch {
    return false;
  }
}
