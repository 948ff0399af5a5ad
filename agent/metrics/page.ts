// The resident exposition page: the text of all per-workload series is kept in memory, one buffer a family, and a new
// sample only overwrites value fields. A scrape is then a copy. See field.ts for the padding.
import { Block, type Lease } from './block.js';
import { FIELD_WIDTH, type Unit, writeValue } from './field.js';

/** One series of a family. `read` gives the value in the family's unit, or undefined when the sample has none. */
export interface Row<S> {
  readonly labels?: Readonly<Record<string, string>>;
  readonly read: (sample: S) => number | undefined;
}

export interface Family<S> {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly unit: Unit;
  /** Names of the labels of `Labels.own` that this family carries beside the common ones. */
  readonly own?: readonly string[];
  readonly rows: readonly Row<S>[];
}

export interface Labels {
  /** On every series of the workload, in this order. */
  readonly common: Readonly<Record<string, string>>;
  /** Only on families that name them. */
  readonly own?: Readonly<Record<string, string>>;
}

/** Where a workload's lines are. `fields` by row of all families: offset of the value field in its block, -1: absent. */
interface Entry {
  readonly labels: Labels;
  readonly fields: Int32Array;
  readonly last: Float64Array;
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  series: number;
}

export class Page<S> {
  readonly #families: readonly Family<S>[];
  readonly #blocks: readonly Block[];
  readonly #rowCount: number;
  readonly #maxSeries: () => number;
  /** In the order of the lines in every block: an entry that is rendered anew goes to the end of both. */
  readonly #entries = new Map<string, Entry>();
  #series = 0;
  #dropped = 0;

  constructor(families: readonly Family<S>[], options: { readonly maxSeries: number | (() => number) }) {
    this.#families = families;
    this.#blocks = families.map(
      (f) => new Block(`# HELP ${f.name} ${escapeHelp(f.help)}\n# TYPE ${f.name} ${f.type}\n`),
    );
    this.#rowCount = families.reduce((sum, f) => sum + f.rows.length, 0);
    const { maxSeries } = options;
    this.#maxSeries = typeof maxSeries === 'number' ? () => maxSeries : maxSeries;
  }

  /** Series on the page now. */
  get series(): number {
    return this.#series;
  }

  /** Series refused so far because of the budget. */
  get dropped(): number {
    return this.#dropped;
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  ids(): IterableIterator<string> {
    return this.#entries.keys();
  }

  /**
   * Puts a workload on the page, replacing what it had. Rows whose `read` gives undefined are left out. Returns false,
   * and the workload is not on the page, when its series would exceed the budget; these are counted as dropped only
   * with `count`, so that trying again at every sample does not inflate the counter.
   */
  add(id: string, labels: Labels, sample: S, count = true): boolean {
    this.remove(id);
    let series = 0;
    for (const family of this.#families) for (const row of family.rows) if (row.read(sample) !== undefined) series += 1;
    if (this.#series + series > this.#maxSeries()) {
      if (count) this.#dropped += series;
      return false;
    }
    const entry: Entry = {
      labels,
      fields: new Int32Array(this.#rowCount).fill(-1),
      last: new Float64Array(this.#rowCount).fill(Number.NaN),
      starts: new Int32Array(this.#families.length),
      lengths: new Int32Array(this.#families.length),
      series,
    };
    this.#entries.set(id, entry);
    this.#series += series;
    const common = Object.entries(labels.common).map(([name, value]) => label(name, value));
    let index = 0;
    for (const [f, family] of this.#families.entries()) {
      const fixed = [...common, ...(family.own ?? []).map((name) => label(name, labels.own?.[name] ?? ''))];
      index = this.#render(entry, f, index, fixed, sample);
    }
    return true;
  }

  /**
   * Patches the values of a workload; rows that the sample does not have keep their last value. When the sample has a
   * row for the first time, the workload is rendered anew from this sample alone. Returns false when the workload is
   * not on the page, or had to go because it has grown beyond the budget.
   */
  update(id: string, sample: S): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    const { fields, last } = entry;
    let index = 0;
    for (let f = 0; f < this.#families.length; f += 1) {
      const family = this.#families[f] as Family<S>;
      const block = this.#blocks[f] as Block;
      for (let r = 0; r < family.rows.length; r += 1, index += 1) {
        const value = (family.rows[r] as Row<S>).read(sample);
        if (value === undefined || value === last[index]) continue;
        const field = fields[index] as number;
        if (field < 0) return this.add(id, entry.labels, sample);
        last[index] = value;
        writeValue(block.writable, field, value, family.unit);
      }
    }
    return true;
  }

  /** Takes a workload's series off the page; an unknown id is fine. */
  remove(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    this.#series -= entry.series;
    for (const [f, block] of this.#blocks.entries()) {
      block.blank(entry.starts[f] ?? 0, entry.lengths[f] ?? 0);
      if (block.wasteful) this.#compact(f, block);
    }
  }

  /** The page, a family at a time, each on loan until released: samples may arrive while it is being sent. */
  *leases(): Generator<Lease> {
    for (const block of this.#blocks) if (block.live > 0) yield block.lease();
  }

  /** The page as copies, to keep. */
  *chunks(): Generator<Buffer> {
    for (const { bytes, release } of this.leases()) {
      yield Buffer.from(bytes);
      release();
    }
  }

  #render(entry: Entry, f: number, first: number, fixed: readonly string[], sample: S): number {
    const family = this.#families[f] as Family<S>;
    const block = this.#blocks[f] as Block;
    entry.starts[f] = block.length;
    let index = first;
    for (const row of family.rows) {
      const value = row.read(sample);
      if (value !== undefined) {
        const all = [...fixed, ...Object.entries(row.labels ?? {}).map(([name, text]) => label(name, text))];
        const offset = block.append(`${family.name}{${all.join(',')}} `, FIELD_WIDTH);
        writeValue(block.writable, offset, value, family.unit);
        entry.fields[index] = offset;
        entry.last[index] = value;
      }
      index += 1;
    }
    entry.lengths[f] = block.length - (entry.starts[f] ?? 0);
    return index;
  }

  #compact(f: number, block: Block): void {
    const first = this.#families.slice(0, f).reduce((sum, family) => sum + family.rows.length, 0);
    const rows = this.#families[f]?.rows.length ?? 0;
    block.beginCompaction();
    for (const entry of this.#entries.values()) {
      const length = entry.lengths[f] ?? 0;
      if (length === 0) continue;
      const start = entry.starts[f] ?? 0;
      const shift = start - block.keep(start, length);
      entry.starts[f] = start - shift;
      for (let index = first; index < first + rows; index += 1) {
        const field = entry.fields[index] ?? -1;
        if (field >= 0) entry.fields[index] = field - shift;
      }
    }
  }
}

function label(name: string, value: string): string {
  return `${name}="${value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`;
}

function escapeHelp(text: string): string {
  return text.replace(/[\\\n]/g, (c) => (c === '\n' ? '\\n' : '\\\\'));
}
