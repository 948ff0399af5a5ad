// Who else may run on exclusive cpus. berth keeps its own workloads apart; services and sessions of the host are
// somebody else's to confine (AllowedCPUs= of system.slice and user.slice, or isolcpus=). So it is counted, not hidden.
// cpuset.cpus.partition would keep everybody off, but takes the cpus from every cgroup above as well
// (cpuset.cpus.exclusive in all of them, 6.7), and those above the delegated one are not ours to write.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, sysErrorFrom } from '../../linux/errors.js';
import { readOptional } from '../../linux/proc.js';
import { parseCpuList } from '../base/cpu-list.js';
import type { Topology } from '../host/topology.js';
import type { Assignment } from './types.js';

/** A cgroup beside ours, by its path, with the cpus it may use; undefined: all. */
export interface Foreign {
  readonly cgroup: string;
  readonly cpus: readonly number[] | undefined;
}

export interface Violation {
  readonly cpu: number;
  /** Who has it alone as far as berth's own are concerned. */
  readonly holder: string;
  /** cgroups that may run there too. */
  readonly open: readonly string[];
}

/** The siblings of `own` (a path below the mount) and of all that is above it. Throws SysError. */
export function readForeign(mount: string, own: string): Foreign[] {
  const names = own.split('/').filter((name) => name !== '');
  return names.flatMap((name, depth) => {
    const above = names.slice(0, depth).join('/');
    return childrenOf(join(mount, above))
      .filter((child) => child !== name)
      .map((child) => {
        const cgroup = above === '' ? child : `${above}/${child}`;
        const text = readOptional(join(mount, cgroup, 'cpuset.cpus.effective'));
        return { cgroup, cpus: text === undefined ? undefined : parseCpuList(text) };
      });
  });
}

/** Pure. Nothing is balanced onto isolated cpus: whoever runs there was put there on purpose. */
export function violations(topology: Topology, { seats }: Assignment, foreign: readonly Foreign[]): Violation[] {
  return [...seats.values()].flatMap(({ id, held }) =>
    held.flatMap((cpu) => {
      if (topology.isolated.includes(cpu)) return [];
      const open = foreign.filter(({ cpus }) => cpus?.includes(cpu) ?? true).map(({ cgroup }) => cgroup);
      return open.length === 0 ? [] : [{ cpu, holder: id, open }];
    }),
  );
}

function childrenOf(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [entry.name] : [],
    );
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw sysErrorFrom(error, 'readdir', directory);
  }
}
