// Limits of block devices. io.max is kept by the queue of a whole disk: a partition means the disk it is on.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { DeviceLimits, Limits } from '../../cgroups/types.js';
import { defined } from '../../linux/defined.js';
import { readOptional } from '../../linux/proc.js';
import { BerthError } from '../../protocol/errors.js';
import type { Resources } from '../model/resources-spec.js';
import type { WorkloadSpec } from '../model/spec.js';

type IoLimits = NonNullable<Limits['io']>;

/** MAJOR:MINOR of the disk behind a device of a spec; undefined: this host has none of that name. */
export type DiskOf = (path: string) => string | undefined;

/**
 * Pure but for `device`. A disk that is not there has nothing to be limited; see requireDevices. Names of devices may come to mean
 * one disk at any time, and the kernel keeps one line for each: then the lowest of each limit holds.
 */
export function ioLimits(devices: Readonly<Resources['io']>, weight: number | undefined, device: DiskOf): IoLimits {
  const disks = new Map<string, DeviceLimits>();
  for (const { device: path, latency, ...rest } of devices ?? []) {
    const numbers = device(path);
    if (numbers === undefined) continue;
    const latencyUsec = latency === undefined ? {} : { latencyUsec: latency };
    disks.set(numbers, lowest(disks.get(numbers), { device: numbers, ...defined(rest), ...latencyUsec }));
  }
  return {
    ...defined({ weight }),
    ...(disks.size === 0 ? {} : { devices: [...disks.values()] }),
  };
}

function lowest(before: DeviceLimits | undefined, after: DeviceLimits): DeviceLimits {
  const limits: Record<string, string | number> = { ...before };
  for (const [name, value] of Object.entries(after)) {
    const had = limits[name];
    limits[name] = typeof had === 'number' ? Math.min(had, value) : value;
  }
  return limits as unknown as DeviceLimits;
}

/** Throws `device_missing` or `invalid_spec` for limits that could not be kept. Before admission, and at every start. */
export function requireDevices({ resources }: Pick<WorkloadSpec, 'resources'>, device: DiskOf): void {
  const disks = new Map<string, string>();
  for (const { device: path } of resources.io ?? []) {
    const numbers = device(path);
    if (numbers === undefined)
      throw new BerthError('device_missing', `io limits cannot be set on ${path}: this host has no such block device`, {
        hint: 'Name a disk as `lsblk` shows it, such as "/dev/vda", or its MAJOR:MINOR.',
        data: { device: path },
      });
    const other = disks.get(numbers);
    if (other !== undefined) {
      const problem = `must name each disk once: ${other} and ${path} are on disk ${numbers}, which has one limit`;
      throw new BerthError('invalid_spec', `the workload is not valid: resources.io: ${problem}`, {
        data: { fields: [{ field: 'resources.io', problem }] },
      });
    }
    disks.set(numbers, path);
  }
}

/**
 * `/dev/vda1` -> `254:0`, the disk's; undefined for what is no block device of this host. Asked anew each time, which is three
 * system calls: a name such as /dev/disk/by-id/X points to another device after a hot-plug, and a device may be gone.
 */
export function diskOf(path: string, sys = '/sys'): string | undefined {
  const numbers = path.includes('/') ? numbersOf(path) : path;
  if (numbers === undefined) return undefined;
  const directory = join(sys, 'dev/block', numbers);
  if (readOptional(join(directory, 'dev')) === undefined) return undefined;
  const partition = readOptional(join(directory, 'partition')) !== undefined;
  // Not by join: it would take `..` back by the letter, and the directory is a link.
  return partition ? readOptional(`${directory}/../dev`) : numbers;
}

function numbersOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isBlockDevice() === true ? deviceNumbers(stat.rdev) : undefined;
}

/** makedev(3) as glibc packs it into 64 bits. */
export function deviceNumbers(rdev: number): string {
  const n = BigInt(rdev);
  const major = ((n >> 8n) & 0xfffn) | ((n >> 32n) & ~0xfffn);
  const minor = (n & 0xffn) | ((n >> 12n) & ~0xffn);
  return `${major}:${minor & 0xffffffffn}`;
}
