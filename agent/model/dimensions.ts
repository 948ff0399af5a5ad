// What the ledger counts, as a table: one line is one dimension. Amounts are whole numbers in the ledger's own unit
// (thousandths of a core, bytes, pieces), so that ten times a tenth of a core is one core and nothing drifts.
import { formatSize } from '../base/units.js';

export const DIMENSION_NAMES = [
  'workloads',
  'cpu',
  'cores',
  'memory',
  'addresses',
  'taps',
  'bridge_ports',
  'netns',
  'neighbours',
  'vsock_ids',
  'fds',
  'inotify_instances',
  'inotify_watches',
  'keys',
  'pids',
  'cgroups',
  'disk',
] as const;
export type DimensionName = (typeof DIMENSION_NAMES)[number];

/** Counted by pool and not for the host as a whole: see Extra in demand.ts. */
export type PoolDimension = 'licences';

interface Dimension {
  /** Ledger units in one of what people write: 1000 for cores. */
  readonly scale: number;
  readonly unit: 'pieces' | 'cores' | 'bytes';
  /** What a workload takes of it, for `berth node capacity` and the documents. */
  readonly about: string;
  /** What to do about a refusal by the host. */
  readonly hint: string;
}

const DOCTOR = 'Run `berth doctor --fix`, which lifts the ceiling';

export const DIMENSIONS: Readonly<Record<DimensionName, Dimension>> = {
  workloads: pieces('1', 'Delete workloads, or raise density.max_workloads.'),
  cpu: {
    scale: 1000,
    unit: 'cores',
    about: 'the request, else the limit, else density.default_cpu_request; a VM its vcpus; class guaranteed its limit',
    hint: 'Request fewer cores, or raise density.cpu_overcommit.',
  },
  cores: pieces('cpus that it has for itself', 'Ask for fewer exclusive cores, or delete a workload that has some.'),
  memory: {
    scale: 1,
    unit: 'bytes',
    about: 'the request, else the limit, else the default, for a VM its guest memory and the overhead of its driver',
    hint: 'Request less memory, or raise density.memory_overcommit.',
  },
  addresses: pieces('1 when it is routed', 'Delete workloads, or widen network.pool.'),
  taps: pieces('1 with a tap', 'Delete workloads with taps, or raise density.limit.taps.'),
  bridge_ports: pieces('1 on a bridge', 'Delete workloads on bridges, or raise density.limit.bridge_ports.'),
  netns: pieces('1 unless it uses the host network or a tap on the host', `${DOCTOR} user.max_net_namespaces.`),
  neighbours: pieces(
    '2 with an address: the host’s entry for it and its own for the gateway are in one table',
    `${DOCTOR} net.ipv4.neigh.default.gc_thresh3.`,
  ),
  vsock_ids: pieces('1 of a guest with vsock', 'Delete workloads with vsock, or widen network.vsock_ids.'),
  fds: pieces(
    'density.per_workload.fds: what the agent keeps open to sample it',
    'Raise LimitNOFILE= of berth.service (`systemctl edit berth`).',
  ),
  inotify_instances: pieces(
    'density.per_workload.inotify_instances, when its user is that of the host',
    `${DOCTOR} fs.inotify.max_user_instances.`,
  ),
  inotify_watches: pieces('density.per_workload.inotify_watches', `${DOCTOR} fs.inotify.max_user_watches.`),
  keys: pieces('1 of a container: its session keyring', `${DOCTOR} kernel.keys.root_maxkeys.`),
  pids: pieces(
    'resources.pids, else density.per_workload.pids',
    'Lower resources.pids of workloads, or raise density.pids_overcommit; `berth doctor --fix` lifts kernel.pid_max.',
  ),
  cgroups: pieces('1', 'Delete workloads: the kernel has 65,535 memory cgroups at most.'),
  disk: {
    scale: 1,
    unit: 'bytes',
    about: 'twice lifecycle.log_max when berth keeps its output',
    hint: 'Lower lifecycle.log_max, raise density.disk_overcommit, or give paths.state more room.',
  },
};

function pieces(about: string, hint: string): Dimension {
  return { scale: 1, unit: 'pieces', about, hint };
}

/** By number, for vectors: an amount of each dimension in the order of DIMENSION_NAMES. */
export type Vector = Float64Array;

export const COUNT = DIMENSION_NAMES.length;

const INDEX: ReadonlyMap<string, number> = new Map(DIMENSION_NAMES.map((name, at) => [name, at]));

export function indexOf(name: DimensionName): number {
  return INDEX.get(name) ?? 0;
}

export function isDimension(name: string): name is DimensionName {
  return INDEX.has(name);
}

export function vector(amounts: Readonly<Partial<Record<DimensionName, number>>> = {}, rest = 0): Vector {
  const made = new Float64Array(COUNT).fill(rest);
  for (const [name, amount] of Object.entries(amounts)) if (isDimension(name)) made[indexOf(name)] = amount;
  return made;
}

/** Ledger units as people and programs outside see them: cores, bytes, pieces. */
export function outward(name: DimensionName | PoolDimension, amount: number): number {
  return name === 'licences' ? amount : amount / DIMENSIONS[name].scale;
}

/** For people and refusals: `"256Mi"`, `0.5`, `12`. */
export function shown(name: DimensionName | PoolDimension, amount: number): number | string {
  return name !== 'licences' && DIMENSIONS[name].unit === 'bytes' ? formatSize(amount) : outward(name, amount);
}
