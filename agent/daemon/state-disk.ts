// The disk under the journal: whether it takes what is written, and whether state and run directory have room. What a write
// has met is a condition at once; while there is one, a small file is written each few seconds, so that the condition goes
// by itself when the disk is well again, and not only with the next request of somebody.
import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, messageOf } from '../../linux/errors.js';
import { removeFile, replaceFile } from '../base/durable.js';
import { HOST_PROBLEMS, hostErrorOf, isFull } from '../base/host-errors.js';
import type { Condition } from '../model/condition.js';
import type { Conditions } from './conditions.js';

export interface StateDiskOptions {
  /** State directory of the agent. */
  readonly state: string;
  readonly runtime: string;
  readonly conditions: Pick<Conditions, 'raise' | 'clear' | 'add'>;
  /** Called while all is well: what was set aside may have been used up. */
  readonly refill: () => Promise<unknown>;
  /** For tests. */
  readonly probe?: (path: string) => Promise<void>;
  readonly room?: (directory: string) => Room;
  readonly now?: () => number;
}

export interface Room {
  readonly bytes: number;
  /** Null: this file system does not count them. */
  readonly inodes: number | null;
}

const LOOK_MS = 3000;
/** How old an answer may be that is given again. */
const FRESH_MS = 2000;
/** Below this nothing can be written that matters. */
const FULL = { bytes: 128 << 10, inodes: 16 } as const;
const CODE = 'journal_unwritable';
/** As large as a record of a workload. */
const PROBE = '.'.repeat(4096);

export class StateDisk {
  readonly #options: StateDiskOptions;
  readonly #listeners = new Set<() => void>();
  #problem: unknown;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #seen: { readonly at: number; readonly conditions: readonly Condition[] } | undefined;

  constructor(options: StateDiskOptions) {
    this.#options = options;
    options.conditions.add(() => this.#full());
  }

  get writable(): boolean {
    return this.#problem === undefined;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.look(), LOOK_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** The journal can be written again. */
  onWritable(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** What became of a write of the journal; undefined: it worked. */
  outcome(error: unknown): void {
    if (error === undefined) {
      this.#works();
      return;
    }
    const first = this.#problem === undefined;
    this.#problem = error;
    this.#options.conditions.raise(unwritable(error));
    if (first) this.#seen = undefined;
  }

  /** One at a time. Never throws. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch(() => undefined)
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  async #look(): Promise<void> {
    // Written only where there is a doubt: an idle host writes nothing.
    if (this.#problem === undefined && this.#full().length === 0) {
      await this.#options.refill();
      return;
    }
    const { state, probe = writeProbe } = this.#options;
    const path = join(state, 'probe');
    try {
      await probe(path);
      this.#works();
    } catch (error) {
      this.outcome(error);
    }
  }

  #works(): void {
    if (this.#problem === undefined) return;
    // A stop frees a block, which the next write gets: the disk is as full as before, and what is told does not flap.
    if (isFull(codeOf(this.#problem)) && this.#full().length > 0) return;
    this.#problem = undefined;
    this.#options.conditions.clear(CODE);
    for (const listener of this.#listeners) listener();
  }

  #full(): readonly Condition[] {
    const now = (this.#options.now ?? (() => performance.now()))();
    if (this.#seen !== undefined && now - this.#seen.at < FRESH_MS) return this.#seen.conditions;
    const { state, runtime, room = roomOf } = this.#options;
    const conditions = [
      ...conditionOf('disk_full', 'state', state, room),
      ...conditionOf('runtime_disk_full', 'run', runtime, room),
    ];
    this.#seen = { at: now, conditions };
    return conditions;
  }
}

function conditionOf(
  code: string,
  what: string,
  directory: string,
  room: (directory: string) => Room,
): readonly Condition[] {
  try {
    const { bytes, inodes } = room(directory);
    if (bytes >= FULL.bytes && (inodes === null || inodes >= FULL.inodes)) return [];
    const left = bytes < FULL.bytes ? `${bytes >> 10} KiB` : `${inodes} inodes`;
    return [
      {
        ...{ code, severity: 'error', blocksReady: true },
        title: `the file system of the ${what} directory is full`,
        why: `${left} left below ${directory}: no workload can be created or started, and stop and delete still work`,
        fix: HOST_PROBLEMS.ENOSPC.fix.replaceAll('PATH', directory),
      },
    ];
  } catch {
    // What cannot be asked is told by whoever writes there.
    return [];
  }
}

function unwritable(error: unknown): Condition {
  const host = hostErrorOf(error);
  const message = host?.message ?? messageOf(error);
  return {
    ...{ code: CODE, severity: 'error', blocksReady: true },
    title: 'the journal cannot be written',
    why: `${message}; ends of processes are kept in memory, and written when that works again`,
    fix: host?.hint ?? 'See `journalctl -u berth`.',
  };
}

function roomOf(directory: string): Room {
  // Not bavail: what a file system keeps back for root is there for the agent.
  const { bfree, bsize, files, ffree } = statfsSync(directory);
  return { bytes: bfree * bsize, inodes: files === 0 ? null : ffree };
}

async function writeProbe(path: string): Promise<void> {
  await replaceFile(path, PROBE);
  await removeFile(path);
}
