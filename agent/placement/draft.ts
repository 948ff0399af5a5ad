// An assignment while it is made.
import { formatCpuList } from '../base/cpu-list.js';
import type { Cpu, Topology } from '../host/topology.js';
import { Cores } from './cores.js';
import { NodeMemory } from './memory.js';
import { exclusiveRefusal, listedRefusal, memsRefusal } from './refusal.js';
import { count, isParticular } from './request.js';
import { type Choice, type FreeCore, freeCores, grow, largest, select } from './select.js';
import type { Assignment, PlacementRefusal, PlacementRequest, PlacementSettings, Seat } from './types.js';

export class Draft {
  readonly #host: Cores;
  readonly #settings: PlacementSettings;
  readonly #requests: readonly PlacementRequest[];
  readonly #memory: NodeMemory;
  readonly #reserved: ReadonlySet<number>;
  /** By cpu: who has it alone; by cpu: whose specs name it. */
  readonly #held = new Map<number, string>();
  readonly #listed = new Map<number, string>();
  /** What those that sit keep: cpus and memory nodes. */
  readonly #kept = new Map<string, { cpus: readonly number[]; mems: readonly number[] | null }>();
  readonly #seats = new Map<string, Seat>();
  readonly #refused = new Map<string, PlacementRefusal>();

  constructor(topology: Topology, requests: readonly PlacementRequest[], settings: PlacementSettings) {
    this.#host = new Cores(topology);
    this.#requests = requests;
    this.#settings = settings;
    this.#reserved = reservedCpus(this.#host, settings);
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
    const refusal = listedRefusal(this.#host.topology, cpus, this.#held);
    if (refusal !== undefined) this.#refused.set(id, refusal);
    if (refusal !== undefined || this.#refused.has(id)) return;
    for (const cpu of cpus) if (!this.#listed.has(cpu)) this.#listed.set(cpu, id);
    this.#seats.set(id, { id, tenant, kind: 'listed', cpus, held: [], mems: null, reason: sentence(because) });
  }

  /** Takes what of `seat` it may still have. */
  keep(request: PlacementRequest, seat: Seat | undefined): void {
    if (seat === undefined || this.#refused.has(request.id)) return;
    const usable = (cpu: Cpu): boolean => this.#isUsable(request, cpu.id);
    const cpus = seat.cpus.filter((cpu) => {
      const core = this.#host.siblings(cpu);
      return this.#settings.smt === 'core' ? core.length > 0 && core.every(usable) : this.#host.of([cpu]).some(usable);
    });
    this.#kept.set(request.id, { cpus, mems: seat.mems });
    this.#hold(request.id, cpus);
  }

  /** As many exclusive cpus as it asks for: those kept, fewer or more of them, or others. False: it cannot have them. */
  choose(request: PlacementRequest): boolean {
    const { id, tenant, exclusive } = request;
    if (this.#refused.has(id)) return false;
    const cpus = this.#fitting(request, this.#kept.get(id)?.cpus ?? []);
    for (const [cpu, holder] of this.#held) if (holder === id) this.#held.delete(cpu);
    if (cpus === undefined) {
      this.#kept.delete(id);
      return false;
    }
    const held = this.#hold(id, cpus);
    const mems = this.#mems(request, cpus);
    const reason = sentence(`${request.because}: ${count(exclusive, 'exclusive cpu')}${this.#where(cpus, held, mems)}`);
    this.#seats.set(id, { id, tenant, kind: 'exclusive', cpus, held, mems, reason });
    return true;
  }

  /** How many still keep what they had. */
  get keeping(): number {
    return this.#kept.size;
  }

  assignment(): Assignment {
    for (const request of this.#requests)
      if (isParticular(request) && !this.#seats.has(request.id)) this.#share(request);
    const pool = this.#host.topology.cpus
      .map(({ id }) => id)
      .filter((cpu) => !this.#held.has(cpu) && !this.#host.isIsolated(cpu));
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
    const choice: Choice = { numa, nodes: mems, topology: this.#host.topology, threads: this.#host.threads };
    if (kept.length === exclusive) return [...kept];
    if (kept.length > exclusive) {
      const own = freeCores(this.#host.topology, (cpu) => kept.includes(cpu), 'thread');
      return select(own, exclusive, { ...choice, nodes: null });
    }
    const cores = this.#cores(request);
    const apart = this.#ofKind(cores, true);
    const common = this.#ofKind(cores, false);
    const near = this.#host.isIsolated(kept[0] ?? -1) ? apart : common;
    const grown = kept.length > 0 ? grow(near, kept, exclusive, choice) : undefined;
    if (grown !== undefined) return grown;
    // Threads that are pinned one by one need no load balancing: what the operator took from the scheduler is for them.
    return (vcpus > 0 ? select(apart, exclusive, choice) : undefined) ?? select(common, exclusive, choice);
  }

  /** What is there for this one, its own included. */
  #cores(request: PlacementRequest): FreeCore[] {
    return freeCores(this.#host.topology, (cpu) => this.#isUsable(request, cpu), this.#settings.smt);
  }

  /** Isolated cpus or the others, which are not mixed, also where one thread of a core is isolated and its sibling is not. */
  #ofKind(cores: readonly FreeCore[], isolated: boolean): FreeCore[] {
    return cores.flatMap((core) => {
      const free = core.free.filter((cpu) => this.#host.isIsolated(cpu) === isolated);
      return free.length === 0 ? [] : [{ ...core, free, whole: core.whole && free.length === core.free.length }];
    });
  }

  #isUsable({ id, vcpus }: PlacementRequest, cpu: number): boolean {
    const free = (this.#held.get(cpu) ?? id) === id && !this.#listed.has(cpu);
    return free && !this.#reserved.has(cpu) && (vcpus > 0 || !this.#host.isIsolated(cpu));
  }

  /** Everything nobody else may have any more. */
  #hold(id: string, cpus: readonly number[]): number[] {
    const held = this.#settings.smt === 'core' ? this.#host.whole(cpus) : [...cpus];
    for (const cpu of held) this.#held.set(cpu, id);
    return held;
  }

  #mems({ id, mems, memory }: PlacementRequest, cpus: readonly number[]): readonly number[] | null {
    const nodes = this.#host.nodes(cpus);
    if (this.#settings.numa === 'none' || mems !== null || !this.#memory.matters(nodes)) return null;
    const before = this.#kept.get(id);
    // What runs is not moved: a change of cpuset.mems copies every page.
    const same = before?.cpus.length === cpus.length;
    if (same ? before.mems === null : !this.#memory.hasRoom(nodes, memory)) return null;
    this.#memory.bind(nodes, memory);
    return nodes;
  }

  #where(cpus: readonly number[], held: readonly number[], mems: readonly number[] | null): string {
    const own = this.#host.of(cpus);
    const nodes = this.#host.nodes(cpus);
    const caches = new Set(own.map(({ node, llc }) => `${node}/${llc}`)).size;
    const cache = caches === 1 ? ' in one last-level cache' : ` in ${caches} last-level caches`;
    const place = this.#host.topology.nodes.length > 1 ? ` on NUMA node ${formatCpuList(nodes)}` : '';
    const idle = held.length > cpus.length ? `, ${count(held.length - cpus.length, 'sibling thread')} kept idle` : '';
    return `${cache}${place}${mems === null ? '' : ', memory from there'}${idle}`;
  }

  #figures(request: PlacementRequest): Parameters<typeof exclusiveRefusal>[1] {
    const within = this.#settings.numa === 'single' ? request.mems : null;
    const cores = this.#cores(request).filter(({ node }) => within?.includes(node) ?? true);
    const capable = freeCores(this.#host.topology, (cpu) => !this.#reserved.has(cpu), this.#settings.smt);
    const domain = this.#settings.numa === 'single' ? 'node' : 'host';
    // Of the kinds that it may have the one that came nearer.
    const [best] = (request.vcpus > 0 ? [false, true] : [false])
      .map((isolated) => {
        const left = this.#ofKind(cores, isolated);
        return { all: this.#ofKind(capable, isolated), left, near: largest(left, domain) };
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
}

/** The lowest cores; whole ones where siblings are not divided anyway. Cpus that are isolated do not serve the host. */
function reservedCpus(cores: Cores, { reserved, smt }: PlacementSettings): ReadonlySet<number> {
  const wanted = Math.max(1, Math.ceil(reserved));
  const taken = new Set<number>();
  for (const threads of cores.all()) {
    if (taken.size >= wanted) break;
    const cpus = threads.filter(({ id }) => !cores.isIsolated(id));
    for (const { id } of smt === 'core' ? cpus : cpus.slice(0, wanted - taken.size)) taken.add(id);
  }
  return taken;
}

/** The seat of one that asks for nothing. */
export function sharedSeat({ id, tenant, because }: PlacementRequest, reason = because): Seat {
  return { id, tenant, kind: 'shared', cpus: [], held: [], mems: null, reason: sentence(reason) };
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
