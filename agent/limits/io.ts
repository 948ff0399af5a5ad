// Limits of block devices. io.max is kept by the queue of a whole disk: a partition means the disk it is on.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { DeviceLimits, Limits } from '../../cgroups/types.js';
import { readOptional } from '../../linux/proc.js';
import { BerthError } from '../errors.js';
import type { Resources } from '../workload/resources-spec.js';
import type { WorkloadSpec } from '../workload/spec.js';

type IoLimits = NonNullable<Limits['io']>;

/** MAJOR:MINOR of the disk behind a device of a spec; undefined: this host has none of that name. */
export type DiskOf = (path: string) => string | undefined;

/** Pure but for `device`. A disk that is not there has nothing to be limited; see requireDevices. */
export function ioLimits(devices: Readonly<Resources['io']>, weight: number | undefined, device: DiskOf): IoLimits {
  const each = (devices ?? []).flatMap(({ device: path, latency, ...rest }) => {
    const numbers = device(path);
    if (numbers === undefined) return [];
    const latencyUsec = latency === undefined ? {} : { latencyUsec: latency };
    return [{ device: numbers, ...defined(rest), ...latencyUsec }];
  });
  return {
    ...(weight === undefined ? {} : { weight }),
    ...(each.length === 0 ? {} : { devices: each }),
  };
}

/** Throws `device_missing` for a limit of a spec that could not be kept. Before admission, and at every start. */
export function requireDevices({ resources }: Pick<WorkloadSpec, 'resources'>, device: DiskOf): void {
  for (const { device: path } of resources.io ?? [])
    if (device(path) === undefined)
      throw new BerthError('device_missing', `io limits cannot be set on ${path}: this host has no such block device`, {
        hint: 'Name a disk as `lsblk` shows it, such as "/dev/vda", or its MAJOR:MINOR.',
        data: { device: path },
      });
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

/** Fields that a checked spec leaves out are undefined in its type. */
function defined(
  limits: Omit<NonNullable<Resources['io']>[number], 'device' | 'latency'>,
): Omit<DeviceLimits, 'device'> {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}
