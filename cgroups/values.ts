// What the kernel holds, and whether that is what was asked for: kernels round, and a second writer may be there.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, sysErrorFrom } from '../linux/errors.js';
import { LARGEST_PAGE } from '../linux/machine.js';
import { parseList } from './cpuset.js';
import { pageSize, pageSizeOf } from './hugetlb.js';
import { defaultAt } from './list.js';
import { changeValues, inForce } from './order.js';
import { firstWord, keyOf, lineOf, placeOf } from './place.js';
import type { Value } from './types.js';
import { isGone } from './watch.js';

/** What the kernel holds now where `values` lie, in their order; a file that is not there is left out. Throws SysError. */
export function readValues(dir: string, values: readonly Value[]): Value[] {
  return values.flatMap((value) => {
    const path = join(dir, value.file);
    try {
      return [{ file: value.file, value: partOf(value, readText(path)) }];
    } catch (error) {
      if (isGone(error) || codeOf(error) === 'EOPNOTSUPP') return [];
      throw sysErrorFrom(error, 'read', path);
    }
  });
}

/** What the kernel holds for each device or resource in those of `files` that are there. Throws SysError. */
export function readLines(dir: string, files: readonly string[]): Value[] {
  return files.flatMap((file) => {
    const path = join(dir, file);
    try {
      const lines = readText(path).split('\n');
      return lines.filter((line) => line !== '').map((line) => ({ file, value: line.trimEnd() }));
    } catch (error) {
      if (isGone(error)) return [];
      throw sysErrorFrom(error, 'read', path);
    }
  });
}

const buffer = Buffer.alloc(4096);

/** Many small files are read, at once for each workload; readFileSync asks for the size of each and makes a buffer for it. */
export function readText(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const length = readSync(fd, buffer, 0, buffer.length, 0);
    return length < buffer.length ? buffer.toString('latin1', 0, length) : readFileSync(path, 'latin1');
  } finally {
    closeSync(fd);
  }
}

/** Those of `values` that the kernel does not hold, in an order in which they can be written again. Throws SysError. */
export function differences(dir: string, values: readonly Value[]): Value[] {
  const now = new Map(readValues(dir, inForce(values)).map((value) => [placeOf(value), value]));
  const differing = inForce(values).filter((value) => {
    const held = now.get(placeOf(value));
    return held !== undefined && !isAchieved(value.file, value.value, held.value);
  });
  return changeValues(
    differing.flatMap((value) => now.get(placeOf(value)) ?? []),
    differing,
  );
}

/** Of the text of a file, what lies at the place of `value`: the line of its key, or what the kernel means by none. */
export function partOf(value: Value, text: string): string {
  const key = keyOf(value);
  const whole = text.trimEnd();
  if (key !== undefined) return lineOf(whole, key) ?? defaultAt(value) ?? '';
  // Of a partition that is not valid any more the reason follows, as in `root invalid (...)`.
  return whole;
}

/** As `partOf`, in a form that can be written: a partition that has become invalid is asked for anew. */
export function writable(file: string, part: string): string {
  return file === 'cpuset.cpus.partition' ? firstWord(part) : part;
}

/** Whether `got`, the text read back, is what writing `wanted` should give. */
export function isAchieved(file: string, wanted: string, got: string): boolean {
  return isHeld(file, wanted, got) || isRounded(file, wanted, got);
}

/** Whether writing `wanted` would change nothing, whatever the kernel rounds. */
export function isHeld(file: string, wanted: string, got: string): boolean {
  const value = { file, value: wanted };
  const part = partOf(value, got);
  if (wanted === part) return true;
  if (file === 'cpu.max') return !wanted.includes(' ') && firstWord(part) === wanted;
  if (file === 'cpuset.cpus' || file === 'cpuset.mems') return areSame(parseList(wanted), parseList(part));
  if (file.startsWith('cpu.uclamp.')) return Math.abs(percent(wanted) - percent(part)) < 0.01;
  // What a line does not name is left as it is.
  return keyOf(value) !== undefined && isWithin(wanted.split(' '), part.split(' '));
}

/** Memory is cut down to whole pages. */
function isRounded(file: string, wanted: string, got: string): boolean {
  const size = pageSizeOf(file);
  if ((size === undefined && !file.startsWith('memory.')) || !/^\d+$/.test(wanted)) return false;
  // Above PAGE_COUNTER_MAX the kernel prints `max`.
  if (got === 'max') return Number(wanted) >= 2 ** 62;
  const lost = Number(wanted) - Number(got);
  const [page, most] = size === undefined ? [4096, LARGEST_PAGE] : [pageSize(size) ?? 1, pageSize(size) ?? 1];
  return lost > 0 && lost < most && Number(got) % page === 0;
}

function percent(text: string): number {
  return text === 'max' ? 100 : Number(text);
}

/** Two lists without members are those that could not be read. */
function areSame(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  return a.size > 0 && a.size === b.size && [...a].every((member) => b.has(member));
}

function isWithin(some: readonly string[], all: readonly string[]): boolean {
  return some.every((word) => all.includes(word));
}
