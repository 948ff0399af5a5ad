// Output of several workloads in one: each line whole, and behind the id of its workload. Bytes stay as they are.

const NEWLINE = 0x0a;
/** A line that is longer is cut, so that a workload that writes none does not fill the memory. */
const MOST_LINE = 64 << 10;

export class LogLines {
  readonly #prefix: Buffer;
  #rest: Buffer = Buffer.alloc(0);

  constructor(id: string, width: number) {
    this.#prefix = Buffer.from(`${id.padEnd(width)} | `);
  }

  /** The lines that `bytes` complete. */
  take(bytes: Uint8Array): Buffer {
    const all = Buffer.concat([this.#rest, bytes]);
    const parts: Buffer[] = [];
    let from = 0;
    for (let at = all.indexOf(NEWLINE); at >= 0; at = all.indexOf(NEWLINE, from)) {
      parts.push(this.#prefix, all.subarray(from, at + 1));
      from = at + 1;
    }
    this.#rest = all.subarray(from);
    if (this.#rest.length >= MOST_LINE) parts.push(this.flush());
    return Buffer.concat(parts);
  }

  /** What stands behind the last line break, as a line. */
  flush(): Buffer {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest.length === 0 ? rest : Buffer.concat([this.#prefix, rest, Buffer.of(NEWLINE)]);
  }
}
