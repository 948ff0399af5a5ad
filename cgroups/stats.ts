// Sampling one cgroup over and over: its files stay open, one buffer serves all reads, and nothing is made into a string.
// Opening each file per sample costs four to five times as much. A reader holds some 25 descriptors where all controllers
// are on, each with a page of the kernel's memory (fs/seq_file.c): raise RLIMIT_NOFILE accordingly.
import { ReadBuffer } from '../linux/read-buffer.js';
import { parseCgroupStat } from './core.js';
import { parseCpuStat } from './cpu.js';
import { parseIoStat } from './io.js';
import { limitAt, wholeAt } from './keyed.js';
import { NO_EVENTS, parseMemoryEvents, parseSwapEvents } from './memory.js';
import { parsePidsEvents } from './pids.js';
import { parsePressure } from './psi.js';
import { openSampledFiles, type Sampled } from './sampled.js';
import type { CgroupStats } from './types.js';
import { isGone } from './watch.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Part<K extends keyof CgroupStats> = Mutable<NonNullable<CgroupStats[K]>>;

export interface ReadOptions {
  /**
   * False: only what changes by the second is read, cpu.stat, memory.current and the three pressures; the rest is as in the
   * full sample before. The first sample of a reader is always full. Default true.
   */
  readonly full?: boolean;
  /**
   * Milliseconds of any clock that only rises, in place of `full`: no more is read than is news. Full samples come FULL_MS
   * apart; of a cgroup that has used no cpu since the last sample nothing but cpu.stat is read, and it is as in that one,
   * for IDLE_MS at most: memory and pressure change for other reasons, too.
   */
  readonly at?: number;
  /** Together with `at`: it is known to have used no cpu, so that not even cpu.stat is read. */
  readonly quiet?: boolean;
}

const FULL_MS = 5000;
const IDLE_MS = 15_000;
/** A sampler that comes every five seconds comes a little early at times. */
const EARLY_MS = 500;

/** A sweep shares one between its readers. The longest file is io.stat, with some 100 bytes a device. */
export function sampleBuffer(): ReadBuffer {
  return new ReadBuffer(65_536);
}

export class CgroupReader {
  readonly dir: string;
  readonly #buffer: ReadBuffer;
  #files: Sampled | undefined;
  #full: CgroupStats | undefined;
  #fullAt = Number.NEGATIVE_INFINITY;
  #last: CgroupStats | undefined;
  #closed = false;

  constructor(dir: string, buffer: ReadBuffer = sampleBuffer()) {
    this.dir = dir;
    this.#buffer = buffer;
  }

  /** Undefined when the cgroup is not there yet, gone (the reader then closes itself), or after close. Throws SysError when reading fails otherwise. */
  read(options: ReadOptions = {}): CgroupStats | undefined {
    if (this.#closed) return undefined;
    try {
      this.#files ??= openSampledFiles(this.dir);
      this.#last = this.#sample(this.#files, options);
      return this.#last;
    } catch (error) {
      if (!isGone(error)) throw error;
      if (this.#files !== undefined) this.close();
      return undefined;
    }
  }

  #sample(files: Sampled, { at, full = true, quiet = false }: ReadOptions): CgroupStats {
    const age = at === undefined ? Number.POSITIVE_INFINITY : at - this.#fullAt + EARLY_MS;
    const last = age < IDLE_MS ? this.#last : undefined;
    if (quiet && last !== undefined) return last;
    const cpu = files.cpu?.parse(this.#buffer, parseCpuStat);
    if (last !== undefined && cpu !== undefined && cpu.usageUsec === last.cpu?.usageUsec) return last;
    const hot = at === undefined ? !full : age < FULL_MS;
    if (hot && this.#full !== undefined) return readHot(files, this.#buffer, cpu, this.#full);
    this.#full = readAll(files, this.#buffer, cpu);
    this.#fullAt = at ?? Number.NEGATIVE_INFINITY;
    return this.#full;
  }

  close(): void {
    this.#files?.close();
    this.#files = undefined;
    this.#full = undefined;
    this.#last = undefined;
    this.#closed = true;
  }
}

type Cpu = CgroupStats['cpu'];

function readHot(files: Sampled, buffer: ReadBuffer, cpu: Cpu, full: CgroupStats): CgroupStats {
  const sample: Mutable<CgroupStats> = cpu === undefined ? {} : { cpu };
  readPressure(files, buffer, sample);
  if (files.memory !== undefined && full.memory !== undefined) {
    const current = files.memory.current.parse(buffer, wholeAt) ?? 0;
    files.memory.interval.see(current);
    sample.memory = { ...full.memory, current };
  }
  if (full.pids !== undefined) sample.pids = full.pids;
  if (full.io !== undefined) sample.io = full.io;
  if (full.descendants !== undefined) sample.descendants = full.descendants;
  if (full.hugetlb !== undefined) sample.hugetlb = full.hugetlb;
  return sample;
}

function readAll(files: Sampled, buffer: ReadBuffer, cpu: Cpu): CgroupStats {
  const sample: Mutable<CgroupStats> = cpu === undefined ? {} : { cpu };
  readPressure(files, buffer, sample);
  if (files.memory !== undefined) sample.memory = readMemory(files.memory, buffer);
  if (files.pids !== undefined) sample.pids = readPids(files.pids, buffer);
  if (files.io !== undefined) sample.io = parseIoStat(buffer.bytes, files.io.read(buffer));
  const descendants = files.cgroup?.parse(buffer, parseCgroupStat);
  if (descendants !== undefined) sample.descendants = descendants;
  if (files.hugetlb.length > 0) sample.hugetlb = readHugetlb(files.hugetlb, buffer);
  return sample;
}

function readPressure(files: Sampled, buffer: ReadBuffer, sample: Mutable<CgroupStats>): void {
  const cpu = files.pressure.cpu?.parse(buffer, parsePressure);
  const memory = files.pressure.memory?.parse(buffer, parsePressure);
  const io = files.pressure.io?.parse(buffer, parsePressure);
  if (cpu === undefined && memory === undefined && io === undefined) return;
  const pressure: Part<'pressure'> = {};
  if (cpu !== undefined) pressure.cpu = cpu;
  if (memory !== undefined) pressure.memory = memory;
  if (io !== undefined) pressure.io = io;
  sample.pressure = pressure;
}

function readMemory(files: NonNullable<Sampled['memory']>, buffer: ReadBuffer): Part<'memory'> {
  const current = files.current.parse(buffer, wholeAt) ?? 0;
  const memory: Part<'memory'> = {
    current,
    max: files.max?.parse(buffer, limitAt) ?? 'max',
    events: files.events?.parse(buffer, parseMemoryEvents) ?? NO_EVENTS,
    peakInterval: files.interval.take(buffer, current),
  };
  const peak = files.peak?.parse(buffer, wholeAt);
  const swap = files.swap?.parse(buffer, wholeAt);
  const zswap = files.zswap?.parse(buffer, wholeAt);
  const high = files.high?.parse(buffer, limitAt);
  const localEvents = files.localEvents?.parse(buffer, parseMemoryEvents);
  const swapEvents = files.swapEvents?.parse(buffer, parseSwapEvents);
  if (peak !== undefined) memory.peak = peak;
  if (swap !== undefined) memory.swap = swap;
  if (zswap !== undefined) memory.zswap = zswap;
  if (high !== undefined) memory.high = high;
  if (localEvents !== undefined) memory.localEvents = localEvents;
  if (swapEvents !== undefined) memory.swapEvents = swapEvents;
  return memory;
}

function readPids(files: NonNullable<Sampled['pids']>, buffer: ReadBuffer): Part<'pids'> {
  const pids: Part<'pids'> = {
    current: files.current.parse(buffer, wholeAt) ?? 0,
    max: files.max?.parse(buffer, limitAt) ?? 'max',
    maxEvents: files.events?.parse(buffer, parsePidsEvents) ?? 0,
  };
  const peak = files.peak?.parse(buffer, wholeAt);
  if (peak !== undefined) pids.peak = peak;
  return pids;
}

function readHugetlb(files: Sampled['hugetlb'], buffer: ReadBuffer): Record<string, number> {
  return Object.fromEntries(files.map(([size, file]) => [size, file.parse(buffer, wholeAt) ?? 0]));
}
