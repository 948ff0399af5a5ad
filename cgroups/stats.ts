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
}

/** A sweep shares one between its readers. The longest file is io.stat, with some 100 bytes a device. */
export function sampleBuffer(): ReadBuffer {
  return new ReadBuffer(65_536);
}

export class CgroupReader {
  readonly dir: string;
  readonly #buffer: ReadBuffer;
  #files: Sampled | undefined;
  // Only what a hot sample takes over, and nothing that each sample makes anew: kept that long, it would be copied by the
  // collector each time, and that costs as much as all parsing.
  #full: CgroupStats | undefined;
  #closed = false;

  constructor(dir: string, buffer: ReadBuffer = sampleBuffer()) {
    this.dir = dir;
    this.#buffer = buffer;
  }

  /** Undefined when the cgroup is not there yet, gone (the reader then closes itself), or after close. Throws SysError when reading fails otherwise. */
  read({ full = true }: ReadOptions = {}): CgroupStats | undefined {
    if (this.#closed) return undefined;
    try {
      this.#files ??= openSampledFiles(this.dir);
      if (!full && this.#full !== undefined) return readHot(this.#files, this.#buffer, this.#full);
      this.#full = readAll(this.#files, this.#buffer);
      return this.#full;
    } catch (error) {
      if (!isGone(error)) throw error;
      if (this.#files !== undefined) this.close();
      return undefined;
    }
  }

  close(): void {
    this.#files?.close();
    this.#files = undefined;
    this.#full = undefined;
    this.#closed = true;
  }
}

function readHot(files: Sampled, buffer: ReadBuffer, full: CgroupStats): CgroupStats {
  const sample: Mutable<CgroupStats> = {};
  readCpuAndPressure(files, buffer, sample);
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

function readAll(files: Sampled, buffer: ReadBuffer): CgroupStats {
  const sample: Mutable<CgroupStats> = {};
  readCpuAndPressure(files, buffer, sample);
  if (files.memory !== undefined) sample.memory = readMemory(files.memory, buffer);
  if (files.pids !== undefined) sample.pids = readPids(files.pids, buffer);
  if (files.io !== undefined) sample.io = parseIoStat(buffer.bytes, files.io.read(buffer));
  const descendants = files.cgroup?.parse(buffer, parseCgroupStat);
  if (descendants !== undefined) sample.descendants = descendants;
  if (files.hugetlb.length > 0) sample.hugetlb = readHugetlb(files.hugetlb, buffer);
  return sample;
}

function readCpuAndPressure(files: Sampled, buffer: ReadBuffer, sample: Mutable<CgroupStats>): void {
  const stat = files.cpu?.parse(buffer, parseCpuStat);
  if (stat !== undefined) sample.cpu = stat;
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
