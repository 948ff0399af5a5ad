// Lists of cpus and memory nodes, cpuset(7) "List format".
import * as z from 'zod';
import { parseCpuList } from '../cpu-list.js';

/** Kept as text. Whether this host has them is asked at admission: cpus come and go. */
export function cpuList(what: string) {
  return z
    .string()
    .max(4096)
    .refine(
      (text) => (parseCpuList(text) ?? []).length > 0,
      `must be a list of ${what} such as "0-1,4", each range ascending, below 8192`,
    );
}
