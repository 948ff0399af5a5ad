// Which cpus share what: sysfs (Documentation/ABI/stable/sysfs-devices-system-cpu, sysfs-devices-node) as a plain model.
// Some two files a cpu and three a node are read, synchronously: at start, not for a request.
import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { codeOf, SysError, sysErrorFrom } from '../../linux/errors.js';
import { parseMemInfo, readOptional } from '../../linux/proc.js';
import { parseCpuList } from '../base/cpu-list.js';

/** One hardware thread that is online. */
export interface Cpu {
  /** The kernel's number. */
  readonly id: number;
  /** Physical core, last-level cache: counted from 0 in the order of their lowest cpu, as lscpu does. */
  readonly core: number;
  readonly llc: number;
  /** The kernel's numbers: physical_package_id, NUMA node. */
  readonly socket: number;
  readonly node: number;
}

export interface NumaNode {
  readonly id: number;
  /** Those that are online; none: memory only (CXL, say). */
  readonly cpus: readonly number[];
  /** MemTotal of the node; 0: none, or not known. */
  readonly memoryBytes: number;
  /** To other nodes by their number, in the units of ACPI SLIT: 10 is itself. */
  readonly distances: ReadonlyMap<number, number>;
}

export interface Topology {
  /** Ascending. */
  readonly cpus: readonly Cpu[];
  /** Ascending; never empty. */
  readonly nodes: readonly NumaNode[];
  /** Taken from the scheduler at boot (isolcpus=): no load is balanced onto or between them. */
  readonly isolated: readonly number[];
}

/** Throws SysError when `sys` has no cpus at all. What a VM or an old kernel does not tell is taken to be shared by all. */
export function readTopology(sys = '/sys'): Topology {
  const base = join(sys, 'devices/system/cpu');
  const online = listAt(join(base, 'online')) ?? numbered(base, 'cpu');
  if (online.length === 0) throw new SysError('read', constants.errno.ENOENT, { path: join(base, 'online') });
  const cores = new Groups();
  const caches = new Groups();
  const nodes = readNodes(join(sys, 'devices/system/node'), online);
  const nodeOf = new Map(nodes.flatMap(({ id, cpus }) => cpus.map((cpu) => [cpu, id] as const)));
  const cpus = online.map((id): Cpu => {
    const directory = join(base, `cpu${id}`);
    const topology = join(directory, 'topology');
    // core_cpus_list is the newer name of thread_siblings_list, package_cpus_list that of core_siblings_list (5.3).
    const siblings = listAt(join(topology, 'core_cpus_list')) ?? listAt(join(topology, 'thread_siblings_list')) ?? [id];
    const shared = lastLevelCache(join(directory, 'cache')) ?? packageOf(topology) ?? online;
    return {
      id,
      core: cores.of(id, siblings),
      llc: caches.of(id, shared),
      // -1 where the firmware does not tell.
      socket: Math.max(0, Number(readOptional(join(topology, 'physical_package_id')) ?? 0)),
      node: nodeOf.get(id) ?? nodes[0]?.id ?? 0,
    };
  });
  const isolated = (listAt(join(base, 'isolated')) ?? []).filter((cpu) => online.includes(cpu));
  return { cpus, nodes, isolated };
}

/** Numbers groups in the order in which their first member is met. Members that are offline are in the kernel's lists of no use. */
class Groups {
  readonly #numbers = new Map<number, number>();
  #next = 0;

  of(cpu: number, members: readonly number[]): number {
    const known = this.#numbers.get(cpu);
    if (known !== undefined) return known;
    const number = this.#next++;
    for (const member of [cpu, ...members]) this.#numbers.set(member, number);
    return number;
  }
}

/** The cpus below the cache of the highest level: index3 on most, index2 where there is no L3. */
function lastLevelCache(directory: string): number[] | undefined {
  let best = { level: 0, cpus: undefined as number[] | undefined };
  for (const index of numbered(directory, 'index')) {
    const level = Number(readOptional(join(directory, `index${index}`, 'level')) ?? 0);
    const cpus = listAt(join(directory, `index${index}`, 'shared_cpu_list'));
    if (level > best.level && cpus !== undefined) best = { level, cpus };
  }
  return best.cpus;
}

function packageOf(topology: string): number[] | undefined {
  for (const name of ['die_cpus_list', 'package_cpus_list', 'core_siblings_list']) {
    const cpus = listAt(join(topology, name));
    if (cpus !== undefined) return cpus;
  }
  return undefined;
}

function readNodes(base: string, online: readonly number[]): NumaNode[] {
  // In this order the columns of `distance` are: of nodes that are online, ascending.
  const ids = numbered(base, 'node');
  if (ids.length === 0) return [{ id: 0, cpus: online, memoryBytes: 0, distances: new Map() }];
  return ids.map((id) => {
    const directory = join(base, `node${id}`);
    const distances = (readOptional(join(directory, 'distance')) ?? '').split(/\s+/).filter((word) => word !== '');
    const meminfo = parseMemInfo((readOptional(join(directory, 'meminfo')) ?? '').replace(/^Node \d+ /gm, ''));
    return {
      id,
      cpus: (listAt(join(directory, 'cpulist')) ?? []).filter((cpu) => online.includes(cpu)),
      memoryBytes: meminfo.get('MemTotal') ?? 0,
      distances: new Map(distances.flatMap((word, at) => (ids[at] === undefined ? [] : [[ids[at], Number(word)]]))),
    };
  });
}

/** Undefined when the file is not there, or holds nothing that can be read as a list; an empty file is an empty list. */
function listAt(path: string): number[] | undefined {
  const text = readOptional(path);
  return text === undefined ? undefined : parseCpuList(text);
}

/** The numbers of the entries `NAME0`, `NAME1`, ... in a directory; none when it is not there. */
function numbered(directory: string, name: string): number[] {
  try {
    return readdirSync(directory)
      .flatMap((entry) =>
        entry.startsWith(name) && /^\d+$/.test(entry.slice(name.length)) ? [Number(entry.slice(name.length))] : [],
      )
      .sort((a, b) => a - b);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw sysErrorFrom(error, 'readdir', directory);
  }
}
