// A second reader of each FIFO, in the process that asks the supervisor: the kernel throws away what lies in a pipe that nobody has
// open. With this one, the last words of a process that ends while no supervisor runs wait for the next supervisor. Nothing is read here;
// each FIFO costs one descriptor.
import { close, constants, existsSync, open } from 'node:fs';
import { outputPipeOf } from './outputs.js';

const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** One FIFO; without a descriptor it is being opened. */
interface Kept {
  fd?: number;
}

export class OutputKeep {
  readonly #runtime: string;
  readonly #byId = new Map<string, Kept>();

  constructor(runtime: string) {
    this.#runtime = runtime;
  }

  /** A process was started: its FIFO is not that of the last process with this id. */
  started(id: string): void {
    this.release(id);
    void this.#openAll([id]);
  }

  /** The supervisor has written the output of an ended process, and removed its FIFO unless other processes still write. */
  ended(id: string): void {
    if (!existsSync(outputPipeOf(this.#runtime, id))) this.release(id);
  }

  /** The supervisor knows these and no others. */
  only(ids: Iterable<string>): void {
    const known = new Set(ids);
    for (const id of [...this.#byId.keys()]) if (!known.has(id)) this.release(id);
    void this.#openAll([...known].filter((id) => !this.#byId.has(id)));
  }

  release(id: string): void {
    const kept = this.#byId.get(id);
    this.#byId.delete(id);
    if (kept?.fd !== undefined) close(kept.fd);
  }

  close(): void {
    for (const id of [...this.#byId.keys()]) this.release(id);
  }

  /** One after the other: a thousand at once, after a start of the agent, would hold up its loop. */
  async #openAll(ids: readonly string[]): Promise<void> {
    const added = ids.map((id): [string, Kept] => [id, {}]);
    for (const [id, kept] of added) this.#byId.set(id, kept);
    for (const [id, kept] of added) if (this.#byId.get(id) === kept) await this.#open(id, kept);
  }

  #open(id: string, kept: Kept): Promise<void> {
    return new Promise((resolve) => {
      open(outputPipeOf(this.#runtime, id), FLAGS, (error, fd) => {
        const wanted = this.#byId.get(id) === kept;
        // Without a FIFO the process writes to its file itself, or all of its output is written.
        if (error === null && wanted) kept.fd = fd;
        else if (error === null) close(fd);
        else if (wanted) this.#byId.delete(id);
        resolve();
      });
    });
  }
}
