// Where a value lies: a file, or one line of a file that has a line for each device or resource. Such a line is written
// by itself, leaves the others alone, and is not printed while it says nothing.
import type { Value } from './types.js';

const KEYED: readonly string[] = ['io.weight', 'io.max', 'io.latency', 'misc.max', 'rdma.max', 'dmem.max'];

/** `8:0` of `io.max` `8:0 rbps=1048576`; undefined for a file with one value. */
export function keyOf({ file, value }: Value): string | undefined {
  return KEYED.includes(file) ? firstWord(value) : undefined;
}

/** `memory.max`, or `io.max 8:0`: two values with the same place write the same thing. */
export function placeOf(value: Value): string {
  const key = keyOf(value);
  return key === undefined ? value.file : `${value.file} ${key}`;
}

/** The file's name as controllers list it: `hugetlb.2MB.max` -> `hugetlb.*.max`. */
export function familyOf(file: string): string {
  return file.replace(/^hugetlb\.[^.]+\./, 'hugetlb.*.');
}

/** The line of `key` in the text of a keyed file; undefined when the kernel prints none. */
export function lineOf(text: string, key: string): string | undefined {
  return text
    .split('\n')
    .find((line) => firstWord(line) === key)
    ?.trimEnd();
}

export function firstWord(text: string): string {
  const end = text.indexOf(' ');
  return end < 0 ? text : text.slice(0, end);
}
