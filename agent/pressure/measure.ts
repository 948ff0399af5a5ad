// What the ladder sees: stall of scopes and use of workloads, read once a second while something is alarmed and not at all
// otherwise. Files stay open between the looks; a thousand workloads are read in slices, so that the agent goes on answering.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { parseIoStat } from '../../cgroups/io.js';
import { counter } from '../../cgroups/keyed.js';
import type { CgroupStats } from '../../cgroups/types.js';
import { isGone } from '../../cgroups/watch.js';
import { codeOf } from '../../linux/errors.js';
import { parseMemInfo } from '../../linux/proc.js';
import type { PressureSample } from './history.js';
import type { Stall } from './reading.js';
import { limitOf, pressureOf } from './texts.js';
import type { Resource, Subject, Usage } from './types.js';

export const RESOURCES: readonly Resource[] = ['memory', 'cpu', 'io'];

type Totals = Readonly<Record<Resource, Stall>>;

/** Counters of one cgroup as read; stall in microseconds. */
interface Counters {
  at: number;
  memory: number;
  cpuUsec: number;
  throttledUsec: number;
  maxEvents: number;
  highEvents: number;
  ioBytes: number;
  stall: Totals;
}

/** What of a workload is known after a look. */
export interface Measured {
  readonly usage: (resource: Resource) => Usage;
  readonly sample: PressureSample;
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
/** Counters closer together than this give no rate. */
export const MIN_MS = 200;
const OBSERVED_MS = 1500;
const NO_STALL: Stall = { some: 0, full: 0 };
const NO_STALLS: Totals = { memory: NO_STALL, cpu: NO_STALL, io: NO_STALL };

export class Measure {
  readonly #proc: string;
  readonly #buffer = Buffer.alloc(16_384);
  readonly #open = new Map<string, number>();
  readonly #before = new Map<string, Counters>();
  readonly #known = new Map<string, Measured>();

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
    const { memory, cpu, pressure } = stats;
    const before = this.#before.get(id);
    const stall = (resource: Resource): Stall => {
      const { someUsec = 0, fullUsec = 0 } = pressure?.[resource] ?? {};
      return { some: someUsec, full: fullUsec };
    };
    const now: Counters = {
      ...{ at, memory: memory?.current ?? 0 },
      ...{ maxEvents: memory?.events.max ?? 0, highEvents: memory?.events.high ?? 0 },
      ...{ cpuUsec: cpu?.usageUsec ?? 0, throttledUsec: cpu?.throttledUsec ?? 0, ioBytes: Number.NaN },
      stall: { memory: stall('memory'), cpu: stall('cpu'), io: stall('io') },
    };
    // During an alarm our own looks are closer together, and know more.
    if (before === undefined || at - before.at > OBSERVED_MS) this.#before.set(id, now);
    if (before === undefined) return { memory: NO_STALL, high: false };
    return { memory: stallBetween(before, now, 'memory'), high: now.highEvents > before.highEvents };
  }

  /** Reads all of `subjects`; those that are gone are missing in the answer. `now` is asked for each. */
  async sweep(subjects: readonly Subject[], now: () => number): Promise<ReadonlyMap<string, Measured>> {
    const swapFree = this.hostMemory()?.swapFree ?? 0;
    const found = new Map<string, Measured>();
    for (const [index, subject] of subjects.entries()) {
      if (index > 0 && index % SLICE === 0) await new Promise<void>((resolve) => setImmediate(resolve));
      const measured = this.#look(subject, now(), swapFree);
      if (measured !== undefined) found.set(subject.id, measured);
    }
    return found;
  }

  /** Whether a tenant is held back by limits of its own, so that its workloads stall for nobody else's sake. */
  tenantLimited(dir: string): Readonly<Record<Resource, boolean>> {
    const key = `${dir}/`;
    const current = Number(this.#read(join(dir, 'memory.current')) ?? 0);
    const max = limitOf(this.#read(join(dir, 'memory.max')) ?? 'max');
    const throttledUsec = counter(this.#read(join(dir, 'cpu.stat')) ?? '', 'throttled_usec');
    const before = this.#before.get(key)?.throttledUsec ?? throttledUsec;
    this.#before.set(key, {
      ...{ at: 0, memory: current, cpuUsec: 0, throttledUsec, stall: NO_STALLS },
      ...{ maxEvents: 0, highEvents: 0, ioBytes: 0 },
    });
    return { memory: atLimit(current, max), cpu: throttledUsec > before, io: false };
  }

  scopeSample(place: 'host' | { readonly dir: string }): PressureSample {
    const stall = (resource: Resource): Stall => this.totals(place, resource) ?? NO_STALL;
    const host = place === 'host' ? this.hostMemory() : undefined;
    const memory = place === 'host' ? (host?.total ?? 0) - (host?.available ?? 0) : this.memoryOf(place.dir);
    return sampleOf({ memory, stall: { memory: stall('memory'), cpu: stall('cpu'), io: stall('io') } });
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
  }

  #look(subject: Subject, at: number, swapFree: number): Measured | undefined {
    const { id, dir } = subject;
    const before = this.#before.get(id);
    const known = this.#known.get(id);
    if (known !== undefined && before !== undefined && at - before.at < MIN_MS) return known;
    const cpu = this.#read(join(dir, 'cpu.stat'));
    if (cpu === undefined) return undefined;
    const read = (file: string): string => this.#read(join(dir, file)) ?? '';
    const stall = (resource: Resource): Stall => this.totals({ dir }, resource) ?? NO_STALL;
    const events = read('memory.events');
    const counters: Counters = {
      at,
      memory: Number(read('memory.current')),
      cpuUsec: counter(cpu, 'usage_usec'),
      throttledUsec: counter(cpu, 'throttled_usec'),
      maxEvents: counter(events, 'max'),
      highEvents: counter(events, 'high'),
      ioBytes: ioBytes(read('io.stat')),
      stall: { memory: stall('memory'), cpu: stall('cpu'), io: stall('io') },
    };
    const reclaimable = reclaimableOf(read('memory.stat'), swapRoom(read, swapFree));
    this.#before.set(id, counters);
    const measured = { usage: usageBetween(subject, before, counters, reclaimable), sample: sampleOf(counters) };
    this.#known.set(id, measured);
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

function usageBetween(
  subject: Subject,
  before: Counters | undefined,
  now: Counters,
  reclaimable: number,
): Measured['usage'] {
  const ms = now.at - (before?.at ?? now.at);
  const rate = (later: number, earlier: number | undefined): number =>
    ms < MIN_MS || earlier === undefined || Number.isNaN(earlier) ? 0 : ((later - earlier) / ms) * 1000;
  const { limit: limits } = subject;
  const limited: Readonly<Record<Resource, boolean>> = {
    // Above memory.high the kernel makes it wait, whatever the host has left: that is its limit, too.
    memory:
      atLimit(now.memory, limits.memory ?? 'max') ||
      rate(now.maxEvents, before?.maxEvents) > 0 ||
      rate(now.highEvents, before?.highEvents) > 0,
    cpu: rate(now.throttledUsec, before?.throttledUsec) > 0,
    io: limits.io,
  };
  const shared = {
    memory: now.memory,
    growth: rate(now.memory, before?.memory),
    reclaimable,
    cpu: rate(now.cpuUsec, before?.cpuUsec) / 1e6,
    io: rate(now.ioBytes, before?.ioBytes),
  };
  return (resource) => ({
    ...shared,
    ...(before === undefined ? NO_STALL : stallBetween(before, now, resource)),
    selfLimited: limited[resource],
  });
}

function stallBetween(before: Counters, now: Counters, resource: Resource): Stall {
  return stallRate(before.stall[resource], now.stall[resource], now.at - before.at);
}

/** Of totals in microseconds `ms` apart, ms per second. */
export function stallRate(before: Stall, now: Stall, ms: number): Stall {
  if (ms < MIN_MS) return NO_STALL;
  const rate = (kind: keyof Stall): number => Math.min(1000, Math.max(0, (now[kind] - before[kind]) / ms));
  return { some: rate('some'), full: rate('full') };
}

/** Within two percent: reclaim at a limit never leaves it quite full. */
function atLimit(current: number, max: number | 'max'): boolean {
  return max !== 'max' && current >= max * 0.98;
}

function reclaimableOf(stat: string, swap: number): number {
  const file = counter(stat, 'inactive_file') + counter(stat, 'active_file');
  return file + Math.min(counter(stat, 'anon'), swap);
}

function swapRoom(read: (file: string) => string, free: number): number {
  const current = read('memory.swap.current');
  if (current === '') return 0;
  const max = limitOf(read('memory.swap.max'));
  return max === 'max' ? free : Math.max(0, Math.min(free, max - Number(current)));
}

function ioBytes(stat: string): number {
  const { readBytes, writeBytes } = parseIoStat(Buffer.from(stat, 'latin1'));
  return readBytes + writeBytes;
}

function sampleOf({ memory, stall }: Pick<Counters, 'memory' | 'stall'>): PressureSample {
  const totals = ({ some, full }: Stall) => ({ someUsec: some, fullUsec: full, someAvg10: 0, fullAvg10: 0 });
  return {
    memory: { current: memory },
    pressure: { memory: totals(stall.memory), cpu: totals(stall.cpu), io: totals(stall.io) },
  };
}
