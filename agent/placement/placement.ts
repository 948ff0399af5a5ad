// The face of the room: who sits where now, and the writes that make it so. Decisions are synchronous, on the main loop,
// so that two admissions cannot be promised the same cpu; writes follow.
import type { Value } from '../../cgroups/types.js';
import { parseCpuList } from '../base/cpu-list.js';
import type { Topology } from '../host/topology.js';
import { capacity, type PlacementCapacity } from './capacity.js';
import { sharedSeat } from './draft.js';
import { NOBODY, place, roomFor } from './place.js';
import { inForce } from './promised.js';
import { type LayerPort, Rebalance, type RebalanceOptions, type WriteFailure } from './rebalance.js';
import { isParticular } from './request.js';
import type { Assignment, PlacementRefusal, PlacementRequest, PlacementSettings, Seat } from './types.js';
import { overWritten, ownValues, sharedValues, widestValues } from './values.js';

/** A workload from the journal whose cgroup may still be there. */
export interface Remembered {
  readonly request: PlacementRequest;
  /** What this layer wrote for it before, empty: nothing; undefined: it has no cgroup now. */
  readonly values: readonly Value[] | undefined;
}

/** How it stands when a workload may begin. */
export interface Seated {
  readonly seat: Seat;
  /** Why it is not where it should be, or not alone there, in sentences; none: all is well. What failed is tried again. */
  readonly problems: readonly string[];
}

/** Workloads tend to leave together, and nobody waits for cpus that have become free. */
const GROW_MS = 250;

export class Placement {
  #topology: Topology;
  #settings: PlacementSettings;
  /** With the seats of those to come; in force are the others. */
  #plan: Assignment;
  #assignment: Assignment;
  /** One and the same list for all that share: it is compared a thousand times. */
  #shared: readonly Value[] = [];
  readonly #requests = new Map<string, PlacementRequest>();
  readonly #promised = new Map<string, PlacementRequest>();
  readonly #rebalance: Rebalance;

  constructor(topology: Topology, settings: PlacementSettings, port: LayerPort, options: RebalanceOptions) {
    this.#topology = topology;
    this.#settings = settings;
    this.#plan = place(topology, [], NOBODY, settings);
    this.#assignment = this.#plan;
    const leaves = (from: readonly Value[], to: readonly Value[]): boolean => this.#leaves(from, to);
    this.#rebalance = new Rebalance(port, { valuesOf: (id) => this.valuesOf(id), leaves }, options);
  }

  get topology(): Topology {
    return this.#topology;
  }

  get settings(): PlacementSettings {
    return this.#settings;
  }

  get assignment(): Assignment {
    return this.#assignment;
  }

  /** Why `request` cannot be had now, or undefined. A known id is asked about as if it left what it holds. */
  admit(request: PlacementRequest): PlacementRefusal | undefined {
    return roomFor(this.#topology, this.#all(), this.#plan, this.#settings, request);
  }

  /**
   * Keeps a seat for a workload to come, right after `admit` said yes, until `add` takes it or `remove` gives it back. Those
   * that share run on its cpus meanwhile. Not for one that sits.
   */
  promise(request: PlacementRequest): void {
    this.#promised.set(request.id, request);
    if (isParticular(request)) this.#settle();
  }

  /**
   * Takes the seat, or changes it for a known id; right after `admit` said yes, in the same turn. All others begin to leave
   * its cpus at once; its own values are written when `seat` is called.
   */
  add(request: PlacementRequest): Seat {
    const before = this.#requests.get(request.id);
    this.#promised.delete(request.id);
    this.#requests.set(request.id, request);
    if (isParticular(request) || (before !== undefined && isParticular(before))) {
      this.#settle();
      void this.#rebalance.run();
    }
    return this.seatOf(request);
  }

  /** When its cgroup is made, and before its first process: resolves when all others have left its cpus. */
  async seat(id: string): Promise<Seated> {
    const request = this.#requests.get(id);
    if (request === undefined) throw new Error(`${id} was not added`);
    this.#rebalance.enter(id);
    await this.#rebalance.run();
    const seat = this.seatOf(request);
    return { seat, problems: this.#problemsOf(seat) };
  }

  seatOf(request: PlacementRequest): Seat {
    return this.#assignment.seats.get(request.id) ?? sharedSeat(request);
  }

  /** When its cgroup is empty or gone. The pool grows a little later, once for all that leave together. */
  remove(id: string): void {
    const request = this.#requests.get(id) ?? this.#promised.get(id);
    this.#requests.delete(id);
    this.#promised.delete(id);
    this.#rebalance.leave(id);
    if (request === undefined || !isParticular(request)) return;
    this.#settle();
    this.#rebalance.runLater(GROW_MS);
  }

  /** At start, once: all that is known of the time before, so that what runs stays where it is. */
  restore(all: readonly Remembered[]): Promise<void> {
    const seats = new Map(all.flatMap(({ request, values }) => rememberedSeat(request, values)));
    for (const { request, values } of all) {
      this.#requests.set(request.id, request);
      if (values !== undefined) this.#rebalance.enter(request.id, values);
    }
    this.#plan = { ...this.#plan, seats };
    this.#settle();
    return this.#rebalance.run();
  }

  /** A reload of the configuration, or cpus that came or went. Those that sit stay where they may. */
  change(to: { readonly topology?: Topology; readonly settings?: PlacementSettings }): Promise<void> {
    this.#topology = to.topology ?? this.#topology;
    this.#settings = to.settings ?? this.#settings;
    this.#settle();
    return this.#rebalance.run();
  }

  get requests(): readonly PlacementRequest[] {
    return [...this.#requests.values()];
  }

  /** What should be in this layer of a workload's cgroup. */
  valuesOf(id: string): readonly Value[] {
    const seat = this.#assignment.seats.get(id);
    const wanted = seat === undefined || seat.kind === 'shared' ? this.#shared : ownValues(seat);
    const written = this.#rebalance.written(id);
    if (written === wanted) return wanted;
    const request = this.#requests.get(id);
    return overWritten(wanted, written, () =>
      widestValues(this.#topology, this.#assignment, request ?? { listed: null, mems: null }),
    );
  }

  /** What is promised is neither held nor free. */
  capacity(): PlacementCapacity {
    const { held, pool } = capacity(this.#topology, this.#assignment, this.#settings);
    return { ...capacity(this.#topology, this.#plan, this.#settings), held, pool };
  }

  /** Writes that failed and are tried again. */
  failures(): readonly WriteFailure[] {
    return this.#rebalance.failures();
  }

  /** Resolves when nothing is left to write but what failed. */
  settled(): Promise<void> {
    return this.#rebalance.run();
  }

  close(): Promise<void> {
    return this.#rebalance.close();
  }

  #all(): PlacementRequest[] {
    return [...this.#requests.values(), ...this.#promised.values()];
  }

  #settle(): void {
    this.#plan = place(this.#topology, this.#all(), this.#plan, this.#settings);
    this.#assignment = inForce(this.#topology, this.#plan, new Set(this.#promised.keys()));
    this.#shared = sharedValues(this.#assignment);
  }

  #problemsOf({ id, held }: Seat): string[] {
    const own = this.failures().filter((failure) => failure.id === id || this.#mayRunOn(failure.id, held));
    const refusal = this.#assignment.refused.get(id);
    return [
      ...(refusal === undefined ? [] : [refusal.reason]),
      ...own.map((failure) =>
        failure.id === id ? failure.reason : `${failure.id} may still run on its cpus: ${failure.reason}`,
      ),
    ];
  }

  #mayRunOn(id: string, cpus: readonly number[]): boolean {
    const where = listed(this.#rebalance.written(id)) ?? this.#topology.cpus.map((cpu) => cpu.id);
    return cpus.some((cpu) => where.includes(cpu));
  }

  #leaves(from: readonly Value[], to: readonly Value[]): boolean {
    const after = listed(to);
    if (after === undefined) return false;
    const before = listed(from) ?? this.#topology.cpus.map((cpu) => cpu.id);
    return before.some((cpu) => !after.includes(cpu));
  }
}

/** The cpus that values name; undefined when they name none, which is all. */
function listed(values: readonly Value[]): number[] | undefined {
  const text = values.find(({ file }) => file === 'cpuset.cpus')?.value;
  return text === undefined ? undefined : parseCpuList(text);
}

/** As far as the values of this layer tell: enough for it to keep its seat. */
function rememberedSeat(request: PlacementRequest, values: readonly Value[] | undefined): [string, Seat][] {
  const { id, tenant, exclusive, listed: named } = request;
  const seat = { id, tenant, held: [], mems: null, reason: '' };
  if (named !== null) return values === undefined ? [] : [[id, { ...seat, kind: 'listed', cpus: named }]];
  const cpus = listed(values ?? []);
  const text = values?.find(({ file }) => file === 'cpuset.mems')?.value;
  const mems = text === undefined ? null : (parseCpuList(text) ?? null);
  // What shared had the pool, or nothing: another number than it asks for.
  if (exclusive === 0 || cpus === undefined || cpus.length !== exclusive) return [];
  return [[id, { ...seat, kind: 'exclusive', cpus, mems }]];
}
