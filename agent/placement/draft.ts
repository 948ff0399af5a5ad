// An assignment while it is made.
import { formatCpuList } from '../host/cpu-list.js';
import type { Cpu, Topology } from '../host/topology.js';
import { NodeMemory } from './memory.js';
import { exclusiveRefusal, listedRefusal, memsRefusal } from './refusal.js';
import { count, isParticular } from './request.js';
import { type Choice, type FreeCore, freeCores, grow, largest, select } from './select.js';
import type { Assignment, PlacementRefusal, PlacementRequest, PlacementSettings, Seat } from './types.js';

export class Draft {
  readonly #topology: Topology;
  readonly #settings: PlacementSettings;
  readonly #requests: readonly PlacementRequest[];
  readonly #memory: NodeMemory;
  readonly #reserved: ReadonlySet<number>;
  readonly #isolated: ReadonlySet<number>;
  readonly #threads: ReadonlyMap<number, readonly Cpu[]>;
  /** By cpu: who has it alone; by cpu: whose specs name it. */
  readonly #held = new Map<number, string>();
  readonly #listed = new Map<number, string>();
  /** What those that sit keep: cpus and memory nodes. */
  readonly #kept = new Map<string, { cpus: readonly number[]; mems: readonly number[] | null }>();
  readonly #seats = new Map<string, Seat>();
  readonly #refused = new Map<string, PlacementRefusal>();

  constructor(topology: Topology, requests: readonly PlacementRequest[], settings: PlacementSettings) {
    this.#topology = topology;
    this.#requests = requests;
    this.#settings = settings;
    this.#threads = coresOf(topology);
    this.#isolated = isolatedOf(topology);
    this.#reserved = reservedCpus(topology, settings);
    this.#memory = new NodeMemory(
      topology,
      requests.reduce((sum, { memory }) => sum + memory, 0),
    );
    for (const { id, mems } of requests) {
      const refusal = mems === null ? undefined : memsRefusal(topology, mems);
      if (refusal !== undefined) this.#refused.set(id, refusal);
    }
  }

  /** Where its spec says, with whoever else may be there. */
  list({ id, tenant, listed, because }: PlacementRequest): void {
    const cpus = listed ?? [];
    const refusal = listedRefusal(this.#topology, cpus, this.#held);
    if (refusal !== undefined) this.#refused.set(id, refusal);
    if (refusal !== undefined || this.#refused.has(id)) return;
    for (const cpu of cpus) if (!this.#listed.has(cpu)) this.#listed.set(cpu, id);
    this.#seats.set(id, { id, tenant, kind: 'listed', cpus, held: [], mems: null, reason: sentence(because) });
  }

  /** Takes what of `seat` it may still have. */
  keep(request: PlacementRequest, seat: Seat | undefined): void {
    if (seat === undefined || this.#refused.has(request.id)) return;
    const free = new Set(this.#cores(request).flatMap((core) => core.free));
    const cpus = seat.cpus.filter((cpu) => free.has(cpu));
    this.#kept.set(request.id, { cpus, mems: seat.mems });
    this.#hold(request.id, cpus);
  }

  /** As many exclusive cpus as it asks for: those kept, fewer or more of them, or others. False: it cannot have them. */
  choose(request: PlacementRequest): boolean {
    const { id, tenant, exclusive } = request;
    if (this.#refused.has(id)) return false;
    const cpus = this.#fitting(request, this.#kept.get(id)?.cpus ?? []);
    for (const [cpu, holder] of this.#held) if (holder === id) this.#held.delete(cpu);
    if (cpus === undefined) return false;
    const held = this.#hold(id, cpus);
    const mems = this.#mems(request, cpus);
    const reason = sentence(`${request.because}: ${count(exclusive, 'exclusive cpu')}${this.#where(cpus, held, mems)}`);
    this.#seats.set(id, { id, tenant, kind: 'exclusive', cpus, held, mems, reason });
    return true;
  }

  assignment(): Assignment {
    for (const request of this.#requests)
      if (isParticular(request) && !this.#seats.has(request.id)) this.#share(request);
    const pool = this.#topology.cpus
      .map(({ id }) => id)
      .filter((cpu) => !this.#held.has(cpu) && !this.#isolated.has(cpu));
    return { seats: this.#seats, pool, reserved: [...this.#reserved].sort((a, b) => a - b), refused: this.#refused };
  }

  #share(request: PlacementRequest): void {
    const { id, exclusive, because } = request;
    const { policy, cpuset } = this.#settings;
    if (exclusive > 0 && policy === 'static' && cpuset && !this.#refused.has(id))
      this.#refused.set(id, exclusiveRefusal(request, this.#figures(request), this.#settings));
    const refusal = this.#refused.get(id);
    const none = policy === 'none' ? 'placement.policy is "none"' : cpuset ? '' : 'the cpuset controller is missing';
    const reason = [because, refusal?.reason ?? (exclusive > 0 ? none : '')]
      .filter((part) => part !== '')
      .join(', but ');
    this.#seats.set(id, sharedSeat(request, reason));
  }

  #fitting(request: PlacementRequest, kept: readonly number[]): number[] | undefined {
    const { exclusive, vcpus, mems } = request;
    const { numa } = this.#settings;
    const choice: Choice = { numa, nodes: mems, topology: this.#topology, threads: this.#widest() };
    if (kept.length === exclusive) return [...kept];
    if (kept.length > exclusive) {
      const own = freeCores(this.#topology, (cpu) => kept.includes(cpu), 'thread');
      return select(own, exclusive, { ...choice, nodes: null });
    }
    const cores = this.#cores(request);
    const apart = cores.filter((core) => this.#isolated.has(core.id));
    const common = cores.filter((core) => !this.#isolated.has(core.id));
    const near = this.#isolated.has(kept[0] ?? -1) ? apart : common;
    const grown = kept.length > 0 ? grow(near, kept, exclusive, choice) : undefined;
    if (grown !== undefined) return grown;
    // Threads that are pinned one by one need no load balancing: what the operator took from the scheduler is for them.
    return (vcpus > 0 ? select(apart, exclusive, choice) : undefined) ?? select(common, exclusive, choice);
  }

  /** What is there for this one, its own included. */
  #cores({ id, vcpus }: PlacementRequest): FreeCore[] {
    const usable = (cpu: number): boolean =>
      !this.#reserved.has(cpu) &&
      (vcpus > 0 || !this.#isolated.has(cpu)) &&
      !this.#listed.has(cpu) &&
      (this.#held.get(cpu) ?? id) === id;
    return freeCores(this.#topology, usable, this.#settings.smt);
  }

  /** Everything nobody else may have any more. */
  #hold(id: string, cpus: readonly number[]): number[] {
    const { smt } = this.#settings;
    const cores = new Set(this.#topology.cpus.filter((cpu) => cpus.includes(cpu.id)).map(({ core }) => core));
    const whole = this.#topology.cpus.filter((cpu) => cores.has(cpu.core)).map((cpu) => cpu.id);
    const held = smt === 'core' ? whole : [...cpus];
    for (const cpu of held) this.#held.set(cpu, id);
    return held;
  }

  #mems({ id, mems, memory }: PlacementRequest, cpus: readonly number[]): readonly number[] | null {
    const nodes = nodesOf(this.#topology, cpus);
    if (this.#settings.numa === 'none' || mems !== null || !this.#memory.matters(nodes)) return null;
    const before = this.#kept.get(id);
    // What runs is not moved: a change of cpuset.mems copies every page.
    const same = before?.cpus.length === cpus.length;
    if (same ? before.mems === null : !this.#memory.hasRoom(nodes, memory)) return null;
    this.#memory.bind(nodes, memory);
    return nodes;
  }

  #where(cpus: readonly number[], held: readonly number[], mems: readonly number[] | null): string {
    const own = this.#topology.cpus.filter(({ id }) => cpus.includes(id));
    const nodes = nodesOf(this.#topology, cpus);
    const caches = new Set(own.map(({ node, llc }) => `${node}/${llc}`)).size;
    const cache = caches === 1 ? ' in one last-level cache' : ` in ${caches} last-level caches`;
    const place = this.#topology.nodes.length > 1 ? ` on NUMA node ${formatCpuList(nodes)}` : '';
    const idle = held.length > cpus.length ? `, ${count(held.length - cpus.length, 'sibling thread')} kept idle` : '';
    return `${cache}${place}${mems === null ? '' : ', memory from there'}${idle}`;
  }

  #figures(request: PlacementRequest): Parameters<typeof exclusiveRefusal>[1] {
    const within = this.#settings.numa === 'single' ? request.mems : null;
    const cores = this.#cores(request).filter(({ node }) => within?.includes(node) ?? true);
    const capable = freeCores(this.#topology, (cpu) => !this.#reserved.has(cpu), this.#settings.smt);
    const domain = this.#settings.numa === 'single' ? 'node' : 'host';
    // Of the two kinds that are not mixed the one that came nearer.
    const [best] = [false, true]
      .map((isolated) => {
        const kind = (core: FreeCore): boolean => this.#isolated.has(core.id) === isolated;
        return { all: capable.filter(kind), left: cores.filter(kind), near: largest(cores.filter(kind), domain) };
      })
      .sort((a, b) => b.near - a.near);
    const { all = [], left = [] } = best ?? {};
    return {
      capable: largest(all, 'host'),
      free: largest(left, 'host'),
      largestNode: largest(left, 'node'),
      listedBy: [...new Set(all.flatMap((core) => core.free.flatMap((cpu) => this.#listed.get(cpu) ?? [])))].sort(),
    };
  }

  #widest(): number {
    return Math.max(...[...this.#threads.values()].map((threads) => threads.length));
  }
}

/** The lowest cores; whole ones where siblings are not divided anyway. Cpus that are isolated do not serve the host. */
export function reservedCpus(
  topology: Topology,
  { reserved, smt }: Pick<PlacementSettings, 'reserved' | 'smt'>,
): ReadonlySet<number> {
  const wanted = Math.max(1, Math.ceil(reserved));
  const isolated = isolatedOf(topology);
  const taken = new Set<number>();
  for (const threads of coresOf(topology).values()) {
    const cpus = threads.filter(({ id }) => !isolated.has(id));
    for (const { id } of smt === 'core' && taken.size < wanted ? cpus : cpus.slice(0, wanted - taken.size))
      taken.add(id);
    if (taken.size >= wanted) break;
  }
  return taken;
}

/** The seat of one that asks for nothing. */
export function sharedSeat({ id, tenant, because }: PlacementRequest, reason = because): Seat {
  return { id, tenant, kind: 'shared', cpus: [], held: [], mems: null, reason: sentence(reason) };
}

export function nodesOf(topology: Topology, cpus: readonly number[]): number[] {
  const nodes = topology.cpus.filter(({ id }) => cpus.includes(id)).map(({ node }) => node);
  return [...new Set(nodes)].sort((a, b) => a - b);
}

/** None where nothing else is left: somebody has to serve the host. */
export function isolatedOf({ cpus, isolated }: Topology): ReadonlySet<number> {
  return new Set(isolated.length < cpus.length ? isolated : []);
}

function coresOf(topology: Topology): Map<number, Cpu[]> {
  const cores = new Map<number, Cpu[]>();
  for (const cpu of topology.cpus) cores.set(cpu.core, [...(cores.get(cpu.core) ?? []), cpu]);
  return cores;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
