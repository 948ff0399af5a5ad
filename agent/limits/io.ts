// Limits of block devices. io.max is kept by the queue of a whole disk: a partition means the disk it is on.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Limits } from '../../cgroups/types.js';
import { codeOf } from '../../linux/errors.js';
import { BerthError } from '../errors.js';
import type { Resources } from '../workload/resources-spec.js';

type IoLimits = NonNullable<Limits['io']>;

/** Pure but for `device`, which names the disk. */
export function ioLimits(
  devices: Resources['io'],
  weight: number | undefined,
  device: (path: string) => string,
): IoLimits {
  const each = (devices ?? []).map(({ device: path, latency, ...rest }) => ({
    device: device(path),
    ...(rest.readBps === undefined ? {} : { readBps: rest.readBps }),
    ...(rest.writeBps === undefined ? {} : { writeBps: rest.writeBps }),
    ...(rest.readIops === undefined ? {} : { readIops: rest.readIops }),
    ...(rest.writeIops === undefined ? {} : { writeIops: rest.writeIops }),
    ...(rest.weight === undefined ? {} : { weight: rest.weight }),
    ...(latency === undefined ? {} : { latencyUsec: latency }),
  }));
  return {
    ...(weight === undefined ? {} : { weight }),
    ...(each.length === 0 ? {} : { devices: each }),
  };
}

/** `/dev/vda1` -> `254:0`, the disk's. Throws `device_missing` for what is no block device of this host. */
export function diskOf(path: string, sys = '/sys'): string {
  const numbers = path.includes('/') ? numbersOf(path) : path;
  const directory = join(sys, 'dev/block', numbers);
  try {
    readFileSync(join(directory, 'dev'));
  } catch {
    throw missing(path, 'this host has no such block device');
  }
  try {
    readFileSync(join(directory, 'partition'));
    return readFileSync(join(directory, '../dev'), 'latin1').trim();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return numbers;
    throw error;
  }
}

function numbersOf(path: string): string {
  try {
    const stat = statSync(path);
    if (stat.isBlockDevice()) return deviceNumbers(stat.rdev);
  } catch (error) {
    throw missing(path, codeOf(error) ?? 'cannot be read');
  }
  throw missing(path, 'it is no block device');
}

/** makedev(3) as glibc packs it into 64 bits. */
export function deviceNumbers(rdev: number): string {
  const n = BigInt(rdev);
  const major = ((n >> 8n) & 0xfffn) | ((n >> 32n) & ~0xfffn);
  const minor = (n & 0xffn) | ((n >> 12n) & ~0xffn);
  return `${major}:${minor & 0xffffffffn}`;
}

function missing(path: string, why: string): BerthError {
  return new BerthError('device_missing', `io limits cannot be set on ${path}: ${why}`, {
    hint: 'Name a disk as `lsblk` shows it, such as "/dev/vda", or its MAJOR:MINOR.',
    data: { device: path },
  });
}
