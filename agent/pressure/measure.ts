// What the ladder sees: stall of scopes and use of workloads, read once a second while something is alarmed and not at all
// otherwise. Files stay open between the looks; a thousand workloads are read in slices, so that the agent goes on answering.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { counter } from '../../cgroups/keyed.js';
import type { CgroupStats } from '../../cgroups/types.js';
import { isGone } from '../../cgroups/watch.js';
import { codeOf } from '../../linux/errors.js';
import { parseMemInfo } from '../../linux/proc.js';
import {
  atLimit,
  type Counters,
  countersOf,
  cpuCounters,
  ioBytes,
  memoryCounters,
  stallBetween,
  usageBetween,
} from './counters.js';
import { limitOf, pressureOf } from './format.js';
import type { PressureSample } from './history.js';
import { MIN_MS, NO_STALL } from './rates.js';
import type { Stall } from './reading.js';
import type { Resource, Target, Usage } from './types.js';

export const RESOURCES: readonly Resource[] = ['memory', 'cpu', 'io'];

/** What of a workload is known after a look. */
export interface Measured {
  readonly usage: (resource: Resource) => Usage;
  /** Where memory was looked at: all of its pressure. */
  readonly sample: PressureSample | undefined;
}

interface Known {
  readonly at: number;
  readonly resources: ReadonlySet<Resource>;
  readonly measured: Measured;
}

export interface HostMemory {
  readonly available: number;
  readonly total: number;
  readonly swapFree: number;
}

/** Descriptors kept open at most; beyond, files are opened for each look. */
const MAX_OPEN = 4096;
/** Workloads read between two turns of the main loop: about a millisecond of reading. */
const SLICE = 24;
const OBSERVED_MS = 1500;

export class Measure {
  readonly #proc: string;
  readonly #buffer = Buffer.alloc(16_384);
  readonly #open = new Map<string, number>();
  readonly #before = new Map<string, Counters>();
  readonly #known = new Map<string, Known>();
  /** Of tenants: how long they were throttled, microseconds. */
  readonly #throttled = new Map<string, number>();

  constructor(proc = '/proc') {
    this.#proc = proc;
  }

  /** Total stall of the host or of a cgroup, microseconds; undefined where the kernel does not say. */
  totals(dir: 'host' | { readonly dir: string }, resource: Resource): Stall | undefined {
    const path = this.pressureFile(dir, resource);
    const text = this.#read(path);
    if (text === undefined || text === '') return undefined;
    const { someUsec, fullUsec } = pressureOf(text);
    return { some: someUsec, full: fullUsec };
  }

  pressureFile(dir: 'host' | { readonly dir: string }, resource: Resource): string {
    return dir === 'host' ? join(this.#proc, 'pressure', resource) : join(dir.dir, `${resource}.pressure`);
  }

  hostMemory(): HostMemory | undefined {
    const text = this.#read(join(this.#proc, 'meminfo'));
    if (text === undefined) return undefined;
    const info = parseMemInfo(text);
    const total = info.get('MemTotal');
    if (total === undefined) return undefined;
    return { available: info.get('MemAvailable') ?? 0, total, swapFree: info.get('SwapFree') ?? 0 };
  }

  /**
   * The sampler's last look: against it the first one of an alarm has rates. Tells how memory stalled since the look
   * before, and whether memory.high took hold.
   */
  observe(id: string, at: number, stats: CgroupStats): { readonly memory: Stall; readonly high: boolean } {
    const before = this.#before.get(id);
    const now = countersOf(at, stats);
    // During an alarm our own looks are closer together, and know more.
    if (before === undefined || RESOURCES.every((resource) => at - (before[resource]?.at ?? 0) > OBSERVED_MS))
      this.#before.set(id, now);
    if (before?.memory === undefined) return { memory: NO_STALL, high: false };
    return {
      memory: stallBetween(before.memory, now.memory),
      high: (now.memory?.highEvents ?? 0) > before.memory.highEvents,
    };
  }

  /**
   * Reads what `resources` are about, of all of `targets`; those that are gone are missing in the answer. `now` is asked
   * for each.
   */
  async sweep(
    targets: readonly Target[],
    resources: ReadonlySet<Resource>,
    now: () => number,
  ): Promise<ReadonlyMap<string, Measured>> {
    const swapFree = resources.has('memory') ? (this.hostMemory()?.swapFree ?? 0) : 0;
    const found = new Map<string, Measured>();
    for (const [index, target] of targets.entries()) {
      if (index > 0 && index % SLICE === 0) await new Promise<void>((resolve) => setImmediate(resolve));
      const measured = this.#look(target, resources, now(), swapFree);
      if (measured !== undefined) found.set(target.id, measured);
    }
    return found;
  }

  /** Whether a tenant is held back by limits of its own, so that its workloads stall for nobody else's sake. */
  tenantLimited(dir: string): Readonly<Record<Resource, boolean>> {
    const current = Number(this.#read(join(dir, 'memory.current')) ?? 0);
    const max = limitOf(this.#read(join(dir, 'memory.max')) ?? 'max');
    const throttled = counter(this.#read(join(dir, 'cpu.stat')) ?? '', 'throttled_usec');
    const before = this.#throttled.get(dir) ?? throttled;
    this.#throttled.set(dir, throttled);
    return { memory: atLimit(current, max), cpu: throttled > before, io: false };
  }

  scopeSample(place: 'host' | { readonly dir: string }): PressureSample {
    const stall = (resource: Resource): Stall => this.totals(place, resource) ?? NO_STALL;
    const host = place === 'host' ? this.hostMemory() : undefined;
    const memory = place === 'host' ? (host?.total ?? 0) - (host?.available ?? 0) : this.memoryOf(place.dir);
    return sampleOf(memory, stall);
  }

  /** memory.current of a cgroup; 0 without the controller. */
  memoryOf(dir: string): number {
    return Number(this.#read(join(dir, 'memory.current')) ?? 0);
  }

  forget(id: string): void {
    this.#before.delete(id);
    this.#known.delete(id);
  }

  /** Nothing is alarmed any more: descriptors are given back. */
  close(): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
    this.#known.clear();
    this.#throttled.clear();
  }

  #look(target: Target, resources: ReadonlySet<Resource>, at: number, swapFree: number): Measured | undefined {
    const { id, dir } = target;
    const known = this.#known.get(id);
    if (known !== undefined && at - known.at < MIN_MS && isIn(resources, known.resources)) return known.measured;
    const cpu = this.#read(join(dir, 'cpu.stat'));
    if (cpu === undefined) return undefined;
    const read = (file: string): string => this.#read(join(dir, file)) ?? '';
    const stall = (resource: Resource): Stall => this.totals({ dir }, resource) ?? NO_STALL;
    const now: Counters = {
      cpu: cpuCounters(at, stall('cpu'), cpu),
      ...(resources.has('memory') && { memory: memoryCounters(at, stall('memory'), read, swapFree) }),
      ...(resources.has('io') && { io: { at, stall: stall('io'), bytes: ioBytes(read('io.stat')) } }),
    };
    const before = this.#before.get(id) ?? {};
    this.#before.set(id, { ...before, ...now });
    const measured: Measured = {
      usage: (resource) => usageBetween(target, before, now, resource),
      sample: now.memory && sampleOf(now.memory.bytes, (resource) => now[resource]?.stall ?? stall(resource)),
    };
    this.#known.set(id, { at, resources, measured });
    return measured;
  }

  /** Undefined: not there, or gone. */
  #read(path: string): string | undefined {
    let fd = this.#open.get(path);
    try {
      if (fd === undefined) {
        if (this.#open.size >= MAX_OPEN) return readFileSync(path, 'latin1');
        fd = openSync(path, 'r');
        this.#open.set(path, fd);
      }
      return this.#buffer.toString('latin1', 0, readSync(fd, this.#buffer, 0, this.#buffer.length, 0));
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      this.#open.delete(path);
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }
}

/** Not there, gone, or psi=0. */
export function isAbsent(error: unknown): boolean {
  return isGone(error) || codeOf(error) === 'EOPNOTSUPP';
}

function isIn(some: ReadonlySet<Resource>, all: ReadonlySet<Resource>): boolean {
  return [...some].every((resource) => all.has(resource));
}

function sampleOf(memory: number, stallOf: (resource: Resource) => Stall): PressureSample {
  const totals = (resource: Resource) => {
    const { some, full } = stallOf(resource);
    return { someUsec: some, fullUsec: full, someAvg10: 0, fullAvg10: 0 };
  };
  return {
    memory: { current: memory },
    pressure: { memory: totals('memory'), cpu: totals('cpu'), io: totals('io') },
  };
}
