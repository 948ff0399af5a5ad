// The starts that settle: each has a place from its permit until the burst of its start is over, whatever ends it. Only these
// cgroups are read, each the less often the longer its burst lasts.
import type { GovernorPorts } from './types.js';

export interface Start {
  readonly shape: string;
  readonly since: number;
  /** Starts without a process yet, this one included, when it began. */
  readonly beside: number;
  /** Set when the process runs. */
  cgroup: string | undefined;
  serves: () => boolean;
  runsSince: number;
  dueAt: number;
  /** The last reading: CPU time that the cgroup has used or waited for, microseconds. */
  wanted: number | undefined;
  readAt: number;
  /** That it wanted between the last two readings. */
  cores: number;
}

/** Of a core. A program that uses less, or waits for a cpu less than that, is not in the burst of its start. */
const BURST = 0.5;
const FIRST_MS = 50;
const LONGEST_MS = 1000;
/** Share of the time since it runs that may pass until the next reading. */
const AGE = 0.25;
/** Of one tick: 64 cgroups are read in about 4 ms. */
const READS = 64;

export class Settling {
  readonly #wanted: GovernorPorts['wanted'];
  /** In the order in which they are read. */
  readonly #starts = new Set<Start>();
  #beginning = 0;

  constructor(wanted: GovernorPorts['wanted']) {
    this.#wanted = wanted;
  }

  get size(): number {
    return this.#starts.size;
  }

  /** Cores that all of them want together; those without a process are the work of one agent. */
  get cores(): number {
    let cores = Math.min(1, this.#beginning);
    for (const start of this.#starts) cores += start.cores;
    return cores;
  }

  begin(shape: string, now: number): Start {
    this.#beginning += 1;
    const none = {
      cgroup: undefined,
      serves: () => true,
      runsSince: now,
      dueAt: Number.POSITIVE_INFINITY,
      wanted: undefined,
      readAt: now,
      cores: 0,
    };
    const start: Start = { shape, since: now, beside: this.#beginning, ...none };
    this.#starts.add(start);
    return start;
  }

  /** False: it has ended, or runs already. */
  runs(start: Start, cgroup: string, now: number, serves = () => true): boolean {
    if (!this.#starts.has(start) || start.cgroup !== undefined) return false;
    this.#beginning -= 1;
    Object.assign(start, { cgroup, serves, runsSince: now, readAt: now, dueAt: now + FIRST_MS });
    return true;
  }

  /** False: it has ended before. */
  end(start: Start): boolean {
    if (!this.#starts.delete(start)) return false;
    if (start.cgroup === undefined) this.#beginning -= 1;
    return true;
  }

  /** Reads those that are due, ends those whose burst is over, and answers them. */
  settle(now: number, timeoutMs: number): Start[] {
    const over: Start[] = [];
    let reads = 0;
    for (const start of this.#starts) {
      if (start.dueAt > now) continue;
      if (reads === READS) break;
      reads += 1;
      if (this.#isOver(start, now, timeoutMs)) over.push(start);
      else this.#later(start, now);
    }
    for (const start of over) this.end(start);
    return over;
  }

  #isOver(start: Start, now: number, timeoutMs: number): boolean {
    if (start.cgroup === undefined || now - start.runsSince >= timeoutMs) return true;
    const wanted = this.#wanted(start.cgroup);
    if (wanted === undefined) return true;
    // A cgroup that is used again has used cpu before: the first reading is then too much, and the next one tells.
    const cores = (wanted - (start.wanted ?? 0)) / ((now - start.readAt) * 1000);
    start.wanted = wanted;
    start.cores = cores;
    start.readAt = now;
    return cores < BURST && start.serves();
  }

  /** To the end of the row: whoever was read has read less often than those behind it. */
  #later(start: Start, now: number): void {
    start.dueAt = now + Math.min(LONGEST_MS, Math.max(FIRST_MS, (now - start.runsSince) * AGE));
    this.#starts.delete(start);
    this.#starts.add(start);
  }
}
