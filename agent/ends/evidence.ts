// What the kernel has counted of a workload's memory. Counters only rise, so that an agent that was away finds the same
// as one that was there. Which file says what (mm/memcontrol.c, mm/oom_kill.c; tried on Linux 6.12):
//
// - `oom` rises in the cgroup whose limit was hit, and, in memory.events but not in memory.events.local, in all above it;
// - `oom_kill` rises in the cgroup of the victim, and above it. A victim that dies with its group is counted twice;
// - a host without memory raises no `oom` anywhere, only `oom_kill`.
import { join } from 'node:path';
import { counter } from '../../cgroups/keyed.js';
import { readText } from '../../cgroups/values.js';
import type { Before, MemoryFigures } from '../model/record.js';
import type { KernelLog } from './kernel-log.js';
import type { KernelKill } from './kmsg.js';

export type Counters = Pick<Before, 'oom' | 'oomKill' | 'oomGroupKill' | 'tenantOom'>;

export interface Evidence {
  readonly counters: Counters;
  /** Undefined: the host has no memory controller. */
  readonly memory: (MemoryFigures & { readonly tenant: MemoryFigures }) | undefined;
  /** Kills inside the workload since `Before`; null: the log cannot be read. */
  readonly kills: readonly KernelKill[] | null;
}

/** Directories of a workload's cgroup and of its tenant's. */
export interface Places {
  readonly own: string;
  readonly tenant: string;
}

export const NOTHING_BEFORE: Before = {
  oom: 0,
  oomKill: 0,
  oomGroupKill: 0,
  tenantOom: 0,
  kernelLog: null,
  output: 0,
};

export function readCounters({ own, tenant }: Places): Counters {
  const events = read(own, 'memory.events');
  const above = read(tenant, 'memory.events.local');
  return {
    oom: counter(events, 'oom'),
    oomKill: counter(events, 'oom_kill'),
    oomGroupKill: counter(events, 'oom_group_kill'),
    tenantOom: counter(above, 'oom'),
  };
}

/** Never throws: what cannot be read is not there. */
export async function readEvidence(places: Places, before: Before, log: KernelLog): Promise<Evidence> {
  const { kernelLog } = before;
  const [counters, own, tenant] = [readCounters(places), readFigures(places.own), readFigures(places.tenant)];
  const kills = kernelLog === null ? null : await log.killsSince(kernelLog);
  const memory = own.current === null ? undefined : { ...own, tenant };
  return { counters, memory, kills };
}

function readFigures(directory: string): MemoryFigures {
  const figure = (file: string): number | null => {
    const text = read(directory, file);
    return /^\d/.test(text) ? Number.parseInt(text, 10) : null;
  };
  return { limit: figure('memory.max'), current: figure('memory.current'), peak: figure('memory.peak') };
}

/** At once: the kernel keeps these figures ready, and a way through the thread pool costs more than they do. */
function read(directory: string, file: string): string {
  try {
    return readText(join(directory, file));
  } catch {
    return '';
  }
}
