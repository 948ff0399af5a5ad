// The times of one part of an output, read from the marks that the supervisor keeps beside it (systemd/supervisor/output-times.ts).
// Marks are in the order of their offsets and of their times: both are searched by halves, a few reads of 16 bytes.
import type { FileHandle } from 'node:fs/promises';
import { MARK_BYTES, type Mark, readMark } from '../../systemd/supervisor/output-times.js';

export class PartTimes {
  readonly #file: FileHandle;
  readonly #count: number;

  private constructor(file: FileHandle, count: number) {
    this.#file = file;
    this.#count = count;
  }

  /** Those that there are now: to be asked before the length of the part, which then covers them all. */
  static async of(file: FileHandle | undefined): Promise<PartTimes | undefined> {
    return file === undefined ? undefined : new PartTimes(file, Math.floor((await file.stat()).size / MARK_BYTES));
  }

  /** Whether they are of a part of `length` bytes: somebody may have cut it. */
  async fit(length: number): Promise<boolean> {
    return this.#count > 0 && (await this.#mark(this.#count - 1)).offset < length;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** Where in the part the first piece begins that came at `at` or later. */
  async since(at: number): Promise<number | undefined> {
    const index = await this.#first((mark) => mark.at >= at);
    return index < this.#count ? (await this.#mark(index)).offset : undefined;
  }

  /** Of the bytes from `from` to `to`: the marks, at most `most`; the first may lie before `from`. */
  async between(from: number, to: number, most: number): Promise<Mark[]> {
    const first = Math.max(0, (await this.#first(({ offset }) => offset > from)) - 1);
    const bytes = Buffer.alloc(Math.min(most, this.#count - first) * MARK_BYTES);
    await this.#file.read(bytes, 0, bytes.length, first * MARK_BYTES);
    const marks: Mark[] = [];
    for (let at = 0; at < bytes.length; at += MARK_BYTES) {
      const mark = readMark(bytes, at);
      if (mark.offset >= to) break;
      marks.push(mark);
    }
    return marks;
  }

  async #first(holds: (mark: Mark) => boolean): Promise<number> {
    let low = 0;
    for (let high = this.#count; low < high; ) {
      const middle = (low + high) >> 1;
      if (holds(await this.#mark(middle))) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  async #mark(index: number): Promise<Mark> {
    const bytes = Buffer.alloc(MARK_BYTES);
    await this.#file.read(bytes, 0, MARK_BYTES, index * MARK_BYTES);
    return readMark(bytes);
  }
}
