// The files of one cgroup that a sample is made of. What is there is opened once; what is not there belongs to a controller
// that is not on, or to another kernel. Which controllers are on is one line to read (cgroup.controllers); to list the fifty
// to sixty files of a new cgroup took three times as long (Linux 6.12, in the lab).
import { join } from 'node:path';
import { controllersOf } from './enable.js';
import { pageSizeOf } from './hugetlb.js';
import { PeakReader } from './peak.js';
import { support } from './probe.js';
import { openSampled, type SampledFile } from './sampled-file.js';

type File = SampledFile | undefined;

export interface Sampled {
  readonly cpu: File;
  readonly pressure: { readonly cpu: File; readonly memory: File; readonly io: File };
  readonly memory:
    | {
        readonly current: SampledFile;
        readonly peak: File;
        readonly interval: PeakReader;
        readonly swap: File;
        readonly zswap: File;
        readonly max: File;
        readonly high: File;
        readonly events: File;
        readonly localEvents: File;
        readonly swapEvents: File;
      }
    | undefined;
  readonly pids:
    | { readonly current: SampledFile; readonly peak: File; readonly max: File; readonly events: File }
    | undefined;
  readonly io: File;
  /** By page size. */
  readonly hugetlb: readonly (readonly [string, SampledFile])[];
  readonly cgroup: File;
  close(): void;
}

/** Throws SysError, ENOENT when there is no such cgroup; then nothing is left open. */
export function openSampledFiles(dir: string): Sampled {
  const controllers = controllersOf(dir);
  const opened: { close(): void }[] = [];
  const close = (): void => {
    for (const file of opened.splice(0)) file.close();
  };
  const open = (name: string): File => {
    const file = openSampled(join(dir, name));
    if (file !== undefined) opened.push(file);
    return file;
  };
  const openOf = (controller: string, name: string): File =>
    controllers.includes(controller) ? open(name) : undefined;
  const openInterval = (): PeakReader => {
    const reader = new PeakReader(join(dir, 'memory.peak'));
    opened.push(reader);
    return reader;
  };
  try {
    const [memory, pids] = [openOf('memory', 'memory.current'), openOf('pids', 'pids.current')];
    return {
      cpu: open('cpu.stat'),
      pressure: { cpu: open('cpu.pressure'), memory: open('memory.pressure'), io: open('io.pressure') },
      memory: memory && {
        current: memory,
        peak: open('memory.peak'),
        interval: openInterval(),
        swap: open('memory.swap.current'),
        zswap: open('memory.zswap.current'),
        max: open('memory.max'),
        high: open('memory.high'),
        events: open('memory.events'),
        localEvents: open('memory.events.local'),
        swapEvents: open('memory.swap.events'),
      },
      pids: pids && {
        current: pids,
        peak: open('pids.peak'),
        max: open('pids.max'),
        events: open('pids.events'),
      },
      io: openOf('io', 'io.stat'),
      // Hardly any host has it; which sizes of page there are only the names of its files say.
      hugetlb: (controllers.includes('hugetlb') ? [...support(dir)] : []).filter(isHugetlbUse).flatMap((name) => {
        const [size, file] = [pageSizeOf(name), open(name)];
        return size === undefined || file === undefined ? [] : [[size, file] as const];
      }),
      cgroup: open('cgroup.stat'),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

function isHugetlbUse(name: string): boolean {
  return /^hugetlb\.[^.]+\.current$/.test(name);
}
