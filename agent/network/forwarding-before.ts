// What forwarding settings were before berth changed them, for the purge of the package (systemd/deb/scripts.ts).
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPlainSync } from '../../linux/plain-file.js';

/** A line for each link. */
const MOST_BYTES = 16 << 20;

export interface Change {
  /** Below /proc/sys. A path, as names of links may hold dots. */
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

/**
 * Adds a line `PATH BEFORE AFTER` to RUNTIME/forwarding.before, which dies with the boot as the changes do. It is written before
 * the change: a crash between the two leaves a line whose AFTER is not what the kernel has, and the purge passes over such a
 * line. A path that stands there keeps its first line: the oldest value is the one to go back to.
 */
export function rememberIn(runtime: string): (change: Change) => void {
  const file = join(runtime, 'forwarding.before');
  return ({ path, before, after }) => {
    const lines = readLines(file);
    if (lines.some((line) => line.startsWith(`${path} `))) return;
    writeFileSync(`${file}.new`, `${[...lines, `${path} ${before} ${after}`].join('\n')}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
}

function readLines(file: string): string[] {
  try {
    return readPlainSync(file, MOST_BYTES)
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    return [];
  }
}
