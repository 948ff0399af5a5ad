// Output line by line: each line whole, and behind the id of its workload, its time, or both. Bytes stay as they are.

const NEWLINE = 0x0a;
/** A line that is longer is cut, so that a workload that writes none does not fill the memory. */
const MOST_LINE = 64 << 10;
/** As long as a time. */
const NO_TIME = '-'.padEnd(24);

/** When the bytes from a position on came, in Unix ms. */
export interface Came {
  readonly offset: number;
  readonly at: number;
}

export interface LogLinesOptions {
  /** Before each line. */
  readonly prefix: string;
  /** After it the time of the first byte of the line. */
  readonly timed: boolean;
}

/** The prefix of a workload among several: `width` is that of the longest id. */
export function idPrefix(id: string, width: number): string {
  return `${id.padEnd(width)} | `;
}

export class LogLines {
  readonly #prefix: string;
  readonly #timed: boolean;
  #rest: Buffer = Buffer.alloc(0);
  /** Of its first byte. */
  #restAt: number | undefined;
  #last: number | undefined;

  constructor({ prefix, timed }: LogLinesOptions) {
    this.#prefix = prefix;
    this.#timed = timed;
  }

  /** The lines that `bytes` complete. `times` are of positions, and `bytes` begins at `position`. */
  take(bytes: Uint8Array, times: readonly Came[] = [], position = 0): Buffer {
    const all = Buffer.concat([this.#rest, bytes]);
    const start = position - this.#rest.length;
    let next = 0;
    const timeAt = (offset: number): number | undefined => {
      for (let came = times[next]; came !== undefined && came.offset <= start + offset; came = times[++next])
        this.#last = came.at;
      return this.#last;
    };
    const parts: Buffer[] = [];
    let from = 0;
    let began = this.#rest.length > 0 ? this.#restAt : timeAt(0);
    for (let at = all.indexOf(NEWLINE); at >= 0; at = all.indexOf(NEWLINE, from)) {
      parts.push(this.#head(began), all.subarray(from, at + 1));
      from = at + 1;
      began = timeAt(from);
    }
    this.#rest = all.subarray(from);
    this.#restAt = began;
    if (this.#rest.length >= MOST_LINE) parts.push(this.flush());
    return Buffer.concat(parts);
  }

  /** What stands behind the last line break, as a line. */
  flush(): Buffer {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest.length === 0 ? rest : Buffer.concat([this.#head(this.#restAt), rest, Buffer.of(NEWLINE)]);
  }

  #head(at: number | undefined): Buffer {
    if (!this.#timed) return Buffer.from(this.#prefix);
    return Buffer.from(`${this.#prefix}${at === undefined ? NO_TIME : new Date(at).toISOString()} `);
  }
}
