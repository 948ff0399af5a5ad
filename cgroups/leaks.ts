// Directories that could not be removed. They are tried again for as long as this process lives, ever more rarely, and are
// told of meanwhile; what a kill makes forgotten is still there for whoever lists the tree.

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../linux/errors.js';
import { parseCgroupStat } from './core.js';
import { removeAll } from './end.js';

export interface Leak {
  /** Absolute. */
  readonly dir: string;
  /** Retries that failed. */
  readonly attempts: number;
  /** Of the last attempt. */
  readonly error: string;
  /** nr_dying_descendants: removed below it, but still charged for something. */
  readonly dying: number;
}

export interface LeaksOptions {
  /** Ends the retries. */
  readonly signal?: AbortSignal;
  /** Milliseconds to the first retry; it doubles up to `mostMs`. Defaults 1000 and 30,000. */
  readonly firstMs?: number;
  readonly mostMs?: number;
  /** Attempts one removal. Default: removeAll. */
  readonly remove?: (dir: string) => Promise<void>;
}

interface Entry {
  readonly inode: bigint | undefined;
  attempts: number;
  error: string;
  timer: NodeJS.Timeout | undefined;
  running: Promise<void> | undefined;
}

export class Leaks {
  readonly #entries = new Map<string, Entry>();
  readonly #options: Required<Omit<LeaksOptions, 'signal'>>;
  readonly #signal: AbortSignal | undefined;

  constructor({ signal, firstMs = 1000, mostMs = 30_000, remove = removeAll }: LeaksOptions = {}) {
    this.#options = { firstMs, mostMs, remove };
    this.#signal = signal;
    signal?.addEventListener('abort', () => this.#stop(), { once: true });
  }

  list(): Leak[] {
    return [...this.#entries].map(([dir, { attempts, error }]) => {
      return { dir, attempts, error, dying: dyingBelow(dir) };
    });
  }

  /** `error`: why it could not be removed. A directory that is on the list already stays as it is. */
  add(dir: string, error: unknown): void {
    if (this.#entries.has(dir)) return;
    const entry: Entry = {
      inode: inodeOf(dir),
      attempts: 0,
      error: messageOf(error),
      timer: undefined,
      running: undefined,
    };
    this.#entries.set(dir, entry);
    this.#schedule(dir, entry);
  }

  /** Takes `dir` and all above and below it off the list. Resolves when no attempt to remove them is under way. */
  async forget(dir: string): Promise<void> {
    for (const [other, entry] of this.#entries) {
      if (!isWithin(other, dir) && !isWithin(dir, other)) continue;
      this.#entries.delete(other);
      clearTimeout(entry.timer);
      await entry.running;
    }
  }

  #schedule(dir: string, entry: Entry): void {
    if (this.#signal?.aborted) return;
    const { firstMs, mostMs } = this.#options;
    const delay = Math.min(mostMs, firstMs * 2 ** entry.attempts);
    const retry = (): void => {
      entry.running = this.#retry(dir, entry);
    };
    entry.timer = setTimeout(retry, delay).unref();
  }

  async #retry(dir: string, entry: Entry): Promise<void> {
    try {
      // Removed by another hand and made anew: not ours to remove.
      if (inodeOf(dir) === entry.inode) await this.#options.remove(dir);
      if (this.#entries.get(dir) === entry) this.#entries.delete(dir);
    } catch (error) {
      entry.attempts += 1;
      entry.error = messageOf(error);
      if (this.#entries.get(dir) === entry) this.#schedule(dir, entry);
    } finally {
      entry.running = undefined;
    }
  }

  #stop(): void {
    for (const { timer } of this.#entries.values()) clearTimeout(timer);
  }
}

function isWithin(dir: string, above: string): boolean {
  return dir === above || dir.startsWith(`${above}/`);
}

/** Of kernfs the id of the cgroup, which is not given again. */
function inodeOf(dir: string): bigint | undefined {
  return statSync(dir, { bigint: true, throwIfNoEntry: false })?.ino;
}

function dyingBelow(dir: string): number {
  try {
    return parseCgroupStat(readFileSync(join(dir, 'cgroup.stat'))).dying;
  } catch {
    return 0;
  }
}
