// From configuration, host, tenants, leases and the hour to the ledger's figures. Pure.
import { parseSize } from '../base/units.js';
import { type DensityConfig, figure, type LicenceConfig } from '../config/density.js';
import type { Config } from '../config/schema.js';
import {
  COUNT,
  DIMENSION_NAMES,
  DIMENSIONS,
  type DimensionName,
  indexOf,
  type Vector,
  vector,
} from '../model/dimensions.js';
import { DRIVER_NAMES, type DriverName } from '../model/spec.js';
import { BRIDGE_PORTS, CEILINGS, type Ceiling } from './ceilings.js';
import type { PerWorkload } from './demand.js';
import { type HostLimits, type Limits, limitsOf, type PoolLimit, type TenantLimits, UNLIMITED } from './limits.js';
import type { Amounts, TenantSettings } from './tenant-settings.js';

export interface HostSize {
  readonly cores: number;
  readonly memoryBytes: number;
  readonly addresses: number;
  /** Ids for guests, when somebody gives them out. */
  readonly vsockIds?: number;
  /** Physical cores and sockets, for licences; without them each cpu is a core of one socket. */
  readonly physicalCores?: number;
  readonly sockets?: number;
  /** Bytes that output of workloads may take on the file system of paths.state, what it has already included. */
  readonly disk?: number;
}

export interface PolicyInput {
  readonly config: Pick<Config, 'density' | 'licence' | 'network'>;
  readonly host: HostSize;
  readonly ceilings: readonly Ceiling[];
  /** Of the ceilings that count what berth has, too: what that is, in ledger units. */
  readonly committed: Vector;
  /** Bridges and how many ports they have that are not of workloads. */
  readonly bridges: ReadonlyMap<string, number>;
  readonly tenants: ReadonlyMap<string, TenantSettings>;
  /** Licences that are there now. */
  readonly licences: ReadonlyMap<string, number>;
  /** Cpus that can be given to one workload alone, when somebody gives them out. */
  readonly exclusiveCores: number | undefined;
}

/** kubelet-like reserve where the configuration names none: 5 % of memory and 256 MiB. */
export function reservedMemory({ reserved_memory }: DensityConfig, memoryBytes: number): number {
  return parseSize(reserved_memory) ?? Math.floor(memoryBytes * 0.05) + 256 * 2 ** 20;
}

export function perWorkload({ density, lifecycle }: Pick<Config, 'density' | 'lifecycle'>): PerWorkload {
  const { fds, inotify_instances: inotifyInstances, inotify_watches: inotifyWatches, pids } = density.per_workload;
  const memory = parseSize(density.default_memory_request) ?? 0;
  const disk = 2 * (parseSize(lifecycle.log_max) ?? 0);
  return { cpu: density.default_cpu_request, memory, fds, inotifyInstances, inotifyWatches, pids, disk };
}

export function makeLimits(input: PolicyInput): Limits {
  const { density } = input.config;
  const tenants = [...input.tenants].map(([name, settings]): [string, TenantLimits] => [name, tenantLimits(settings)]);
  const shared = density.max_workloads_per_tenant;
  return limitsOf({
    host: hostLimits(input),
    kinds: new Map(DRIVER_NAMES.flatMap((name) => kindLimits(density, name))),
    tenants: new Map(tenants),
    otherTenants: {
      quota: shared > 0 ? vector({ workloads: shared }, Number.POSITIVE_INFINITY) : UNLIMITED,
      guaranteed: vector(),
    },
    pools: pools(input),
    factor: factors(density),
  });
}

/** (capacity - kept) x overcommit, and no more than density.limit says. */
function hostLimits({ config: { density }, host, ceilings, committed, exclusiveCores }: PolicyInput): HostLimits {
  const capacity = vector({}, Number.POSITIVE_INFINITY);
  const kept = vector();
  const allocatable = vector({}, Number.POSITIVE_INFINITY);
  const set = (name: DimensionName, has: number, without: number, ratio = 1): void => {
    const at = indexOf(name);
    const most = Math.floor(Math.max(0, has - without) * ratio + 1e-6);
    if (most >= (allocatable[at] ?? 0)) return;
    [capacity[at], kept[at], allocatable[at]] = [has, Math.min(has, without), most];
  };
  set('workloads', density.max_workloads, 0);
  set('cpu', host.cores * 1000, density.reserved_cpu * 1000, density.cpu_overcommit);
  set('memory', host.memoryBytes, reservedMemory(density, host.memoryBytes), density.memory_overcommit);
  set('addresses', host.addresses, 0);
  if (host.vsockIds !== undefined) set('vsock_ids', host.vsockIds, 0);
  if (exclusiveCores !== undefined) set('cores', exclusiveCores, 0);
  if (host.disk !== undefined)
    set('disk', host.disk, Math.ceil(host.disk * density.ceiling_margin), density.disk_overcommit);
  for (const { name, limit, used } of ceilings) {
    const { dimension, shared } = CEILINGS.find((def) => def.name === name) ?? {};
    if (dimension === undefined) continue;
    const others = shared === true ? Math.max(0, (used ?? 0) - (committed[indexOf(dimension)] ?? 0)) : 0;
    set(
      dimension,
      limit,
      Math.ceil(limit * density.ceiling_margin) + others,
      dimension === 'pids' ? density.pids_overcommit : 1,
    );
  }
  for (const name of DIMENSION_NAMES) {
    const most = figure(density.limit[name]);
    const at = indexOf(name);
    if (most === undefined) continue;
    allocatable[at] = Math.min(allocatable[at] ?? 0, most * DIMENSIONS[name].scale);
    if (capacity[at] === Number.POSITIVE_INFINITY) capacity[at] = allocatable[at] ?? 0;
  }
  return { capacity, kept, allocatable };
}

function kindLimits({ kind }: DensityConfig, name: DriverName): [DriverName, Vector][] {
  const { workloads, cpu, memory } = kind[name];
  const given = { workloads, cpu, memory: figure(memory) };
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return set.length === 0 ? [] : [[name, amountsVector(Object.fromEntries(set), Number.POSITIVE_INFINITY)]];
}

function tenantLimits({ quota, guaranteed }: TenantSettings): TenantLimits {
  return { quota: amountsVector(quota, Number.POSITIVE_INFINITY), guaranteed: amountsVector(guaranteed, 0) };
}

/** Outward amounts as ledger units; `rest` for what is not named. */
export function amountsVector(amounts: Amounts, rest: number): Vector {
  const made = vector({}, rest);
  for (let at = 0; at < COUNT; at++) {
    const name = DIMENSION_NAMES[at];
    const value = name === undefined ? undefined : amounts[name];
    if (name !== undefined && value !== undefined) made[at] = Math.round(value * DIMENSIONS[name].scale);
  }
  return made;
}

function pools({ config, bridges, licences, tenants }: PolicyInput): Map<string, PoolLimit> {
  const made = new Map<string, PoolLimit>();
  const dimension = 'bridge_ports';
  for (const name of Object.keys(config.network.bridge)) {
    const kept = Math.ceil(BRIDGE_PORTS * config.density.ceiling_margin) + (bridges.get(name) ?? 0);
    made.set(`bridge/${name}`, { dimension, capacity: BRIDGE_PORTS, allocatable: Math.max(0, BRIDGE_PORTS - kept) });
  }
  for (const [name, total] of licences)
    made.set(`licence/${name}`, { dimension: 'licences', capacity: total, allocatable: total });
  for (const [tenant, settings] of tenants)
    for (const [name, most] of Object.entries(settings.licences))
      made.set(`tenant/${tenant}/licence/${name}`, {
        dimension: 'licences',
        capacity: licences.get(name) ?? null,
        allocatable: most,
      });
  return made;
}

/**
 * What is committed is counted at the host's own ratio. A workload whose class or kind has another one counts for more,
 * or less: at a ratio of 1 on a host with 4, a core counts as four. Of two, the smaller.
 */
function factors({
  cpu_overcommit: cpu,
  memory_overcommit: memory,
  class: classes,
  kind: kinds,
}: DensityConfig): Limits['factor'] {
  const made = new Map<string, ReturnType<Limits['factor']>>();
  for (const [of, a] of Object.entries(classes))
    for (const [driver, b] of Object.entries(kinds)) {
      const least = (x: number | undefined, y: number | undefined, own: number): number =>
        own / Math.min(x ?? y ?? own, y ?? x ?? own);
      made.set(`${of} ${driver}`, {
        cpu: least(a.cpu_overcommit, b.cpu_overcommit, cpu),
        memory: least(a.memory_overcommit, b.memory_overcommit, memory),
      });
    }
  const even = { cpu: 1, memory: 1 };
  return (workload) => made.get(`${workload.class} ${workload.driver}`) ?? even;
}

/**
 * Licences of one pool that a workload takes for each it asks for. `cpus`: those it may use, or undefined where nothing
 * keeps it from using all of them; `pinned`: it has them for itself, so that it is on no more sockets than it needs.
 */
export function licenceUnits(
  per: LicenceConfig['per'],
  { cpus, pinned }: { readonly cpus: number | undefined; readonly pinned: boolean },
  host: HostSize,
): number {
  const { cores: threads, physicalCores = threads, sockets = 1 } = host;
  if (per === 'instance') return 1;
  const wanted = Math.max(1, Math.ceil(cpus ?? threads));
  if (per === 'vcpu') return wanted;
  const cores = Math.min(physicalCores, Math.ceil((wanted * physicalCores) / threads));
  if (per === 'core') return Math.max(1, cores);
  return pinned ? Math.max(1, Math.ceil((cores * sockets) / physicalCores)) : sockets;
}
