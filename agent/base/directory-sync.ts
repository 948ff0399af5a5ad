// The entries of one directory made durable for many at once: a sync covers every rename before it, so whoever comes while one
// is under way shares the next with all the others.
import { syncDirectory } from './durable.js';

export class DirectorySync {
  readonly #sync: () => Promise<void>;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  /** `sync`: for tests. */
  constructor(path: string, sync: (path: string) => Promise<void> = syncDirectory) {
    this.#sync = () => sync(path);
  }

  /** Resolves when what was renamed before this call is durable. Rejects with SysError. */
  sync(): Promise<void> {
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      const begun = this.#sync();
      // A failure is told to those who share it; the next one is tried all the same.
      this.#running = begun.catch(() => undefined);
      return begun;
    });
    return this.#next;
  }
}
