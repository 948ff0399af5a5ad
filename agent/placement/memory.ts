// Whether a NUMA node has room for the memory of a workload. cpuset.mems is hard: a workload bound to a full node is
// reclaimed from and killed there while another node has memory (CONSTRAINT_CPUSET in mm/oom_kill.c). So one is bound only
// where what it is promised fits beside what others are bound to there and a share of all that is promised unbound.
import type { Topology } from '../host/topology.js';

export class NodeMemory {
  readonly #topology: Topology;
  readonly #bound = new Map<number, number>();
  #unbound: number;

  /** `promised`: bytes of all workloads together. */
  constructor(topology: Topology, promised: number) {
    this.#topology = topology;
    this.#unbound = promised;
  }

  /** Whether it makes a difference to bind, and these nodes have any memory. */
  matters(nodes: readonly number[]): boolean {
    const with_ = this.#topology.nodes.filter(({ memoryBytes }) => memoryBytes > 0);
    return with_.length > nodes.length && nodes.every((node) => with_.some(({ id }) => id === node));
  }

  hasRoom(nodes: readonly number[], bytes: number): boolean {
    const total = this.#topology.nodes.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
    const own = this.#topology.nodes.reduce(
      (sum, { id, memoryBytes }) => sum + (nodes.includes(id) ? memoryBytes : 0),
      0,
    );
    const bound = nodes.reduce((sum, node) => sum + (this.#bound.get(node) ?? 0), 0);
    return own - bound - (this.#unbound - bytes) * (own / total) >= bytes;
  }

  bind(nodes: readonly number[], bytes: number): void {
    this.#unbound -= bytes;
    for (const node of nodes) this.#bound.set(node, (this.#bound.get(node) ?? 0) + bytes / nodes.length);
  }
}
