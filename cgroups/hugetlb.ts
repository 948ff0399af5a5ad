// The hugetlb controller: huge pages by size.
import type { Controller } from './controller.js';
import type { Limits, Value } from './types.js';

export const hugetlb: Controller = {
  name: 'hugetlb',
  defaults: { 'hugetlb.*.max': 'max', 'hugetlb.*.rsvd.max': 'max' },
  // One file for each page size that the processor has.
  optional: { 'hugetlb.*.max': 'huge pages of that size', 'hugetlb.*.rsvd.max': 'huge pages of that size' },
  values(limits: Limits): Value[] {
    // Both: over `max` alone a mapping succeeds and its first use is a SIGBUS; over the reservation mmap(2) fails.
    return Object.entries(limits.hugetlb ?? {}).flatMap(([size, bytes]) => [
      { file: `hugetlb.${size}.rsvd.max`, value: String(bytes) },
      { file: `hugetlb.${size}.max`, value: String(bytes) },
    ]);
  },
};

/** `2MB` -> 2097152; undefined for what is no page size (mm/hugetlb_cgroup.c, mem_fmt). */
export function pageSize(name: string): number | undefined {
  const [, count, unit] = /^(\d+)(KB|MB|GB)$/.exec(name) ?? [];
  if (count === undefined) return undefined;
  return Number(count) * (unit === 'GB' ? 2 ** 30 : unit === 'MB' ? 2 ** 20 : 2 ** 10);
}

/** `hugetlb.2MB.max` -> `2MB`. */
export function pageSizeOf(file: string): string | undefined {
  return /^hugetlb\.([^.]+)\./.exec(file)?.[1];
}
