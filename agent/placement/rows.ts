// The table of `berth node capacity` for people: cpus of the same use next to each other are one row.
import { formatCpuList } from '../base/cpu-list.js';
import type { DescribedCpu, PlacementDescription } from './describe.js';

export interface PlacementRow {
  readonly cpus: string;
  readonly node: string;
  readonly socket: string;
  /** Physical cores and last-level caches, as lists. */
  readonly cores: string;
  readonly caches: string;
  readonly use: DescribedCpu['use'];
  readonly holders: string;
}

/** One row for each use and its holders on one NUMA node, in the order of the lowest cpu. */
export function rows({ cpus }: Pick<PlacementDescription, 'cpus'>): PlacementRow[] {
  const groups = new Map<string, DescribedCpu[]>();
  for (const cpu of cpus) {
    const key = `${cpu.node} ${cpu.use} ${cpu.holders.join(',')}`;
    groups.set(key, [...(groups.get(key) ?? []), cpu]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    return {
      cpus: formatCpuList(group.map(({ id }) => id)),
      node: String(first.node),
      socket: formatCpuList(group.map(({ socket }) => socket)),
      cores: formatCpuList(group.map(({ core }) => core)),
      caches: formatCpuList(group.map(({ llc }) => llc)),
      use: first.use,
      holders: first.holders.join(', '),
    };
  });
}
