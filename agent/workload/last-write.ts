// The last write of a record. Its outcome is that of everybody who waits for it, and of whoever asks for the same meanwhile:
// nothing is told as done before it is durable.
export class LastWrite {
  #written: Promise<void> = Promise.resolve();

  /** Takes note of a write that has begun. */
  begun(written: Promise<void>): Promise<void> {
    this.#written = written;
    written.catch(() => {
      // What is on disk is what the record says again.
      if (this.#written === written) this.#written = Promise.resolve();
    });
    return written;
  }

  /** Resolves when what was to be written is durable, and rejects when it could not be. */
  durable(): Promise<void> {
    return this.#written;
  }

  /** Resolves when nothing is being written, whatever became of it. */
  async settled(): Promise<void> {
    for (let seen: unknown; seen !== this.#written; await this.#written.catch(() => undefined)) seen = this.#written;
  }
}
