// Why not, with the figures.
import { formatCpuList } from '../base/cpu-list.js';
import type { Topology } from '../host/topology.js';
import { count } from './request.js';
import type { PlacementRefusal, PlacementRequest, PlacementSettings } from './types.js';

const REFUSED = { code: 'admission_refused', scope: 'host', retryAfterMs: null } as const;

export interface ExclusiveFigures {
  /** Cpus that may be exclusive on this host at all, that are free, and that are free on one node. */
  readonly capable: number;
  readonly free: number;
  readonly largestNode: number;
  /** Workloads whose specs name cpus that could otherwise be exclusive. */
  readonly listedBy: readonly string[];
}

export function exclusiveRefusal(
  { exclusive }: PlacementRequest,
  figures: ExclusiveFigures,
  { numa }: Pick<PlacementSettings, 'numa'>,
): PlacementRefusal {
  const { capable, free, largestNode, listedBy } = figures;
  const scattered = free >= exclusive;
  const available = numa === 'single' ? largestNode : free;
  const where = numa === 'single' ? `, and of these ${largestNode} on one NUMA node` : '';
  const [holder] = listedBy;
  return {
    ...REFUSED,
    dimension: 'exclusive_cpus',
    limit: capable,
    used: capable - free,
    requested: exclusive,
    shortBy: exclusive - available,
    reason: `it needs ${count(exclusive, 'exclusive cpu')}; ${free} of ${capable} are free${where}`,
    hint: hintFor(exclusive, figures, scattered),
    ...(holder !== undefined && !scattered ? { holder } : {}),
  };
}

function hintFor(wanted: number, { capable, listedBy }: ExclusiveFigures, scattered: boolean): string {
  if (wanted > capable)
    return `This host can give ${capable} at most; a cpu limit that is not a whole number shares cpus instead.`;
  if (scattered) return 'Set placement.numa to "prefer", or free cpus of one node.';
  if (listedBy.length > 0) return `Cpus are named in the specs of ${listedBy.join(', ')}; free these, or stop others.`;
  return 'Stop a workload that has exclusive cpus (berth node capacity), or choose a cpu limit that is not a whole number.';
}

/** `holders`: who has which of the cpus that it names for itself. */
export function listedRefusal(
  topology: Topology,
  listed: readonly number[],
  holders: ReadonlyMap<number, string>,
): PlacementRefusal | undefined {
  const online = topology.cpus.map(({ id }) => id);
  const absent = listed.filter((cpu) => !online.includes(cpu));
  const held = listed.filter((cpu) => holders.has(cpu));
  const refused = { ...REFUSED, dimension: 'cpus' as const, requested: formatCpuList(listed) };
  if (listed.length === 0 || absent.length > 0)
    return {
      ...refused,
      limit: formatCpuList(online),
      used: '',
      shortBy: formatCpuList(absent),
      reason:
        listed.length === 0 ? 'its list of cpus is empty' : `this host has no cpu ${formatCpuList(absent)} online`,
      hint: `Name cpus of ${formatCpuList(online)}.`,
    };
  const holder = holders.get(held[0] ?? -1);
  if (holder === undefined) return undefined;
  const names = [...new Set(held.map((cpu) => holders.get(cpu)))].join(', ');
  return {
    ...refused,
    limit: formatCpuList(online.filter((cpu) => !holders.has(cpu))),
    used: formatCpuList(holders.keys()),
    shortBy: formatCpuList(held),
    reason: `cpus ${formatCpuList(held)} are held exclusively by ${names}`,
    hint: 'Name other cpus, or none: the pool of shared ones is in `berth node capacity`.',
    holder,
  };
}

export function memsRefusal(topology: Topology, mems: readonly number[]): PlacementRefusal | undefined {
  const nodes = topology.nodes
    .filter(({ memoryBytes, cpus }) => memoryBytes > 0 || cpus.length > 0)
    .map(({ id }) => id);
  const absent = mems.filter((node) => !nodes.includes(node));
  if (mems.length > 0 && absent.length === 0) return undefined;
  return {
    ...REFUSED,
    dimension: 'mems',
    limit: formatCpuList(nodes),
    used: '',
    requested: formatCpuList(mems),
    shortBy: formatCpuList(absent),
    reason:
      mems.length === 0
        ? 'its list of memory nodes is empty'
        : `this host has no memory on node ${formatCpuList(absent)}`,
    hint: `Name nodes of ${formatCpuList(nodes)}.`,
  };
}
