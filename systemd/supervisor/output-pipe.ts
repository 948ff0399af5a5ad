// The output of one workload: a FIFO that its processes write to, and what is done with what lies in it.
import { closeSync, constants, openSync, rmSync, writeFileSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { codeOf, SysError, sysErrorFrom } from '../../linux/errors.js';
import { type Moved, moveFromPipe, pendingBytes } from '../../linux/fifo.js';
import { moveToOutput, type OutputTarget, writeGap } from './output-file.js';

/** At most this much of one workload in one turn: what a pipe holds by default. */
export const TURN_BYTES = 64 * 1024;
// No pipe of an unprivileged process is larger (/proc/sys/fs/pipe-max-size).
const MOST_PENDING = 1024 * 1024;
const RETRY_MS = 250;

export interface LostOutput {
  readonly id: string;
  readonly target: OutputTarget;
  readonly bytes: number;
  readonly reason: string;
}

export interface OutputPipeOptions {
  readonly id: string;
  readonly target: OutputTarget;
  /** Where the bytes that are missing are written down, until the output itself says so. */
  readonly lostFile: string;
  /** A descriptor of /dev/null. */
  readonly nowhere: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Output begins to be dropped. */
  readonly onLoss: (id: string, error: unknown) => void;
  /** So many bytes were dropped. */
  readonly onDropped: (bytes: number) => void;
}

/**
 * Never holds the writer up for a file that refuses: what cannot be written is dropped and counted, and one line in the output says
 * how much is missing when there is room again.
 */
export class OutputPipe {
  readonly #options: OutputPipeOptions;
  #fd: number | undefined;
  #lost: number;
  #reason: string;
  #retryAt = 0;

  constructor(options: OutputPipeOptions, lost?: LostOutput) {
    this.#options = options;
    this.#lost = lost?.bytes ?? 0;
    this.#reason = lost?.reason ?? '';
  }

  get id(): string {
    return this.#options.id;
  }

  get fd(): number | undefined {
    return this.#fd;
  }

  get owesGap(): boolean {
    return this.#lost > 0;
  }

  get lost(): LostOutput | undefined {
    const { id, target } = this.#options;
    return this.#lost === 0 ? undefined : { id, target, bytes: this.#lost, reason: this.#reason };
  }

  /** Opens the FIFO for reading, which waits for no writer. */
  open(path: string): number {
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    return this.#fd;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** Takes at most `length` bytes out of the pipe. */
  take(length = TURN_BYTES): Moved {
    if (this.#fd === undefined) return 'ended';
    if (!this.sayWhatIsMissing()) return this.#drop(this.#fd, length);
    try {
      return moveToOutput(this.#options.target, this.#fd, length);
    } catch (error) {
      this.#begin(error);
      return this.#drop(this.#fd, length);
    }
  }

  /** Takes all that lies in the pipe now, and not what comes while it does so. */
  drain(): Moved {
    if (this.#fd === undefined) return 'ended';
    for (let left = Math.min(pendingBytes(this.#fd), MOST_PENDING); left > 0; ) {
      const moved = this.take(Math.min(left, TURN_BYTES));
      if (typeof moved !== 'number') return moved;
      left -= moved;
    }
    return pendingBytes(this.#fd) === 0 ? this.take() : 'empty';
  }

  /** False while bytes are missing of which the output cannot tell yet. */
  sayWhatIsMissing(): boolean {
    if (this.#lost === 0) return true;
    if (this.#options.now() < this.#retryAt) return false;
    try {
      writeGap(this.#options.target, this.#lost, this.#reason, this.#fd !== undefined);
    } catch (error) {
      // The output was removed: there is nobody left to tell.
      if (codeOf(error) !== 'ENOENT' || this.#fd !== undefined) {
        this.#retryAt = this.#options.now() + RETRY_MS;
        return false;
      }
    }
    this.#lost = 0;
    rmSync(this.#options.lostFile, { force: true });
    return true;
  }

  #begin(error: unknown): void {
    this.#reason = reasonOf(error);
    this.#retryAt = this.#options.now() + RETRY_MS;
    if (this.#lost === 0) this.#options.onLoss(this.id, error);
  }

  // Written down before it is done: a supervisor killed in between tells of too many bytes, never of too few.
  #drop(fd: number, length: number): Moved {
    const count = Math.min(length, pendingBytes(fd));
    if (count > 0) this.#note(this.#lost + count);
    const moved = moveFromPipe(fd, this.#options.nowhere, undefined, count === 0 ? 1 : count);
    const dropped = typeof moved === 'number' ? moved : 0;
    if (dropped > 0) this.#options.onDropped(dropped);
    const missing = this.#lost - count + dropped;
    if (missing !== this.#lost) this.#note(missing);
    return moved;
  }

  #note(bytes: number): void {
    this.#lost = bytes;
    try {
      writeFileSync(this.#options.lostFile, JSON.stringify(this.lost), { mode: 0o600 });
    } catch {
      // A full runtime directory, too: then this process alone knows.
    }
  }
}

function reasonOf(error: unknown): string {
  const system = sysErrorFrom(error, '', '');
  if (!(system instanceof SysError)) return String(error);
  return getSystemErrorMap().get(-system.errno)?.[1] ?? system.errnoName;
}
