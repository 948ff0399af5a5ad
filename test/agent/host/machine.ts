// Machines that are not here: a shape, the topology it should be read as, and its sysfs.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { formatCpuList } from '../../../agent/base/cpu-list.js';
import type { Cpu, NumaNode, Topology } from '../../../agent/host/topology.js';

export interface Shape {
  readonly sockets?: number;
  readonly nodesPerSocket?: number;
  readonly cachesPerNode?: number;
  readonly coresPerCache: number;
  readonly threads?: number;
  readonly isolated?: readonly number[];
  readonly offline?: readonly number[];
  readonly nodeBytes?: number;
}

const GIB = 2 ** 30;

/** Numbered as x86 firmware does: first all cores, then their second threads in the same order. */
export function machine(shape: Shape): Topology {
  const { sockets = 1, nodesPerSocket = 1, cachesPerNode = 1, coresPerCache, threads = 1 } = shape;
  const { isolated = [], offline = [], nodeBytes = 64 * GIB } = shape;
  const cores = sockets * nodesPerSocket * cachesPerNode * coresPerCache;
  const all = Array.from({ length: cores * threads }, (_, id): Cpu => {
    const core = id % cores;
    const llc = Math.floor(core / coresPerCache);
    const node = Math.floor(llc / cachesPerNode);
    return { id, core, llc, node, socket: Math.floor(node / nodesPerSocket) };
  });
  const cpus = renumber(all.filter(({ id }) => !offline.includes(id)));
  const nodes = Array.from({ length: sockets * nodesPerSocket }, (_, id): NumaNode => {
    const far = (other: number): number =>
      other === id ? 10 : Math.floor(other / nodesPerSocket) === Math.floor(id / nodesPerSocket) ? 12 : 32;
    const distances = new Map(Array.from({ length: sockets * nodesPerSocket }, (_, other) => [other, far(other)]));
    return { id, cpus: cpus.filter(({ node }) => node === id).map((cpu) => cpu.id), memoryBytes: nodeBytes, distances };
  });
  return { cpus, nodes, isolated };
}

/** Cores and caches are counted in the order of their lowest cpu that is online. */
function renumber(cpus: readonly Cpu[]): Cpu[] {
  const numbers = new Map<string, number>();
  const next = { core: 0, llc: 0 };
  const number = (kind: 'core' | 'llc', old: number): number => {
    const known = numbers.get(`${kind}${old}`) ?? next[kind]++;
    numbers.set(`${kind}${old}`, known);
    return known;
  };
  return cpus.map((cpu) => ({ ...cpu, core: number('core', cpu.core), llc: number('llc', cpu.llc) }));
}

/** A tree of files, given as text by path. */
export async function sysfs(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'berth-topology-'));
  t.teardown(() => rm(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), `${text}\n`);
  }
  return root;
}

/** What the kernel would show of `topology`. */
export function filesOf({ cpus, nodes, isolated }: Topology, offline: readonly number[] = []): Record<string, string> {
  const base = 'devices/system/cpu';
  const ids = cpus.map(({ id }) => id);
  const list = (is: (cpu: Cpu) => boolean): string => formatCpuList(cpus.filter(is).map(({ id }) => id));
  const files: Record<string, string> = {
    [`${base}/online`]: formatCpuList(ids),
    [`${base}/possible`]: formatCpuList([...ids, ...offline]),
    [`${base}/isolated`]: formatCpuList(isolated),
  };
  // One that is offline keeps its directory, and loses topology and cache.
  for (const id of offline) files[`${base}/cpu${id}/online`] = '0';
  for (const { id, core, llc, socket, node } of cpus) {
    const own = `${base}/cpu${id}`;
    files[`${own}/topology/core_id`] = String(core % 8);
    files[`${own}/topology/physical_package_id`] = String(socket);
    files[`${own}/topology/thread_siblings_list`] = list((cpu) => cpu.core === core);
    files[`${own}/topology/core_siblings_list`] = list((cpu) => cpu.socket === socket);
    files[`${own}/cache/index0/level`] = '1';
    files[`${own}/cache/index0/shared_cpu_list`] = list((cpu) => cpu.core === core);
    files[`${own}/cache/index3/level`] = '3';
    files[`${own}/cache/index3/shared_cpu_list`] = list((cpu) => cpu.llc === llc && cpu.node === node);
  }
  for (const node of nodes) {
    const own = `devices/system/node/node${node.id}`;
    files[`${own}/cpulist`] = formatCpuList(node.cpus);
    files[`${own}/distance`] = nodes.map(({ id }) => node.distances.get(id)).join(' ');
    const kib = node.memoryBytes / 1024;
    files[`${own}/meminfo`] =
      `\nNode ${node.id} MemTotal:       ${kib} kB\nNode ${node.id} MemFree:        ${kib / 2} kB`;
  }
  return files;
}
