// The lines of one family in one growing buffer. Lines are appended; those of a removed workload become one comment
// line, and when such comments are a quarter of the buffer the live lines are moved together.
// A scrape reads the buffer itself, on loan: whoever wants to write meanwhile goes on with a copy. Scrapes are short and
// samples rare, so that hardly ever happens, and copying for every scrape would cost as much as sending.

/** The text of a family at one moment. `bytes` does not change until `release`, which must be called. */
export interface Lease {
  readonly bytes: Buffer;
  release(): void;
}

const NEWLINE = 0x0a;
const BLANK = 0x20;
const HASH = 0x23;

export class Block {
  readonly #head: number;
  #buffer: Buffer;
  /** Bytes in use, the head included. */
  length: number;
  #dead = 0;
  /** Loans of the present buffer; a fresh object with every fresh buffer. */
  #loans = { open: 0 };

  constructor(head: string) {
    this.#buffer = Buffer.from(head);
    this.#head = this.#buffer.length;
    this.length = this.#head;
  }

  /** Bytes of live lines. */
  get live(): number {
    return this.length - this.#head - this.#dead;
  }

  get wasteful(): boolean {
    return this.#dead > 4096 ? this.#dead * 3 > this.live : this.live === 0 && this.#dead > 0;
  }

  /** The buffer to write into; hold it no longer than the present turn. */
  get writable(): Buffer {
    if (this.#loans.open > 0) this.#replace(this.#buffer.length);
    return this.#buffer;
  }

  /** Appends a line with `width` bytes for a value after `prefix`; returns the offset of these. */
  append(prefix: string, width: number): number {
    const bytes = Buffer.byteLength(prefix);
    const needed = this.length + bytes + width + 1;
    if (needed > this.#buffer.length) this.#replace(Math.max(4096, needed, this.#buffer.length * 2));
    const buffer = this.writable;
    buffer.write(prefix, this.length);
    buffer[needed - 1] = NEWLINE;
    this.length = needed;
    return needed - 1 - width;
  }

  /** Turns whole lines into a comment of the same length. */
  blank(start: number, length: number): void {
    if (length === 0) return;
    const buffer = this.writable;
    buffer.fill(BLANK, start, start + length - 1);
    buffer[start] = HASH;
    this.#dead += length;
  }

  /** From here to the last `keep`, everything that is not kept is gone. Kept ranges must come in ascending order. */
  beginCompaction(): void {
    if (this.#loans.open > 0) this.#replace(this.#buffer.length);
    this.length = this.#head;
    this.#dead = 0;
  }

  /** Moves a range to the end of what is kept; returns its new offset. */
  keep(start: number, length: number): number {
    const to = this.length;
    if (to !== start) this.#buffer.copyWithin(to, start, start + length);
    this.length = to + length;
    return to;
  }

  lease(): Lease {
    const loans = this.#loans;
    let open = true;
    loans.open += 1;
    const release = (): void => {
      if (open) loans.open -= 1;
      open = false;
    };
    return { bytes: this.#buffer.subarray(0, this.length), release };
  }

  #replace(size: number): void {
    const fresh = Buffer.allocUnsafeSlow(size);
    this.#buffer.copy(fresh, 0, 0, this.length);
    this.#buffer = fresh;
    this.#loans = { open: 0 };
  }
}
