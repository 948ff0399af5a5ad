// All workloads of the host: what may be asked of them, checked and made durable here, done by their actors.
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Demand, demandOf } from '../density/demand.js';
import { BerthError } from '../errors.js';
import type { CapacityRow, FitsAnswer, Refusal } from '../service.js';
import { Actor } from './actor.js';
import { isSettled } from './lifecycle.js';
import { limitsOf, requireControllers, sandboxFor } from './plan.js';
import type { Desired, WorkloadRecord, WorkloadState, WorkloadView } from './record.js';
import { type Recovery, recover } from './recover.js';
import { resize } from './resize.js';
import type { WorkloadSpec } from './spec.js';
import { parseSize } from './units.js';
import { driverOf, type World } from './world.js';

/** What an update may change while the workload runs. */
const MUTABLE = ['resources', 'labels', 'priority', 'restart'] as const;

export class Manager {
  readonly #world: World;
  readonly #actors = new Map<string, Actor>();
  #cordoned = false;

  constructor(world: World) {
    this.#world = world;
  }

  /** Takes over what the journal and the holder know. Resolves when every workload has its actor, running ones adopted. */
  async recover(): Promise<Recovery> {
    const recovery = await recover(this.#world, (record) => this.#adopt(record));
    return recovery;
  }

  get cordoned(): boolean {
    return this.#cordoned;
  }

  setCordoned(cordoned: boolean): void {
    this.#cordoned = cordoned;
  }

  capacity(): CapacityRow[] {
    return this.#world.ledger.rows();
  }

  has(id: string): boolean {
    return this.#actors.has(id);
  }

  actor(id: string): Actor {
    const actor = this.#actors.get(id);
    if (!actor) throw new BerthError('not_found', `there is no workload "${id}"`, { data: { id } });
    return actor;
  }

  records(): WorkloadRecord[] {
    return [...this.#actors.values()].map((actor) => actor.record);
  }

  /** Addresses that belong to a workload. */
  addresses(): Set<string> {
    return new Set(this.records().flatMap(({ sandbox }) => (sandbox.address === null ? [] : [sandbox.address])));
  }

  /** The dry run of `create`, on the same code path. Throws what is not a question of room. */
  async fits(spec: WorkloadSpec): Promise<FitsAnswer> {
    await this.#check(spec);
    const refusals = this.#refusals(spec);
    return { fits: refusals.length === 0, refusals };
  }

  async create(spec: WorkloadSpec): Promise<WorkloadView> {
    const known = this.#actors.get(spec.id);
    if (known) return this.#same(known, spec);
    await this.#check(spec);
    // From here to the registration nothing is awaited: two creates of one id cannot pass each other.
    const raced = this.#actors.get(spec.id);
    if (raced) return this.#same(raced, spec);
    const record = this.#admit(spec, { createdAt: Date.now(), generation: 1, restarts: 0 });
    const actor = this.#adopt(record);
    try {
      await this.#world.journal.write(record);
    } catch (error) {
      this.#drop(actor);
      throw error;
    }
    actor.event('workload.created', { driver: spec.driver, generation: 1 });
    actor.wake();
    return this.view(actor.record);
  }

  async update(id: string, spec: WorkloadSpec): Promise<WorkloadView> {
    const actor = this.actor(id);
    if (spec.id !== id) throw new BerthError('invalid_spec', `the spec is of "${spec.id}", not of "${id}"`);
    await actor.exclusive(() => this.#update(actor, spec));
    actor.wake();
    return this.view(actor.record);
  }

  async setDesired(
    id: string,
    desired: Desired,
    options: { readonly now?: boolean; readonly restart?: boolean } = {},
  ): Promise<WorkloadView> {
    const actor = this.actor(id);
    const { state, spec, desired: before } = actor.record;
    if (before === 'deleted' && desired !== 'deleted')
      throw new BerthError('invalid_state', `workload "${id}" is being deleted`);
    const again = isSettled(state) && (desired === 'running' || desired === 'frozen');
    if (desired === 'running' && state === 'stopping')
      throw new BerthError('invalid_state', `workload "${id}" is stopping; start it when it has`);
    if (again) {
      await this.#check(spec);
      const { createdAt, generation } = actor.record;
      const admitted = this.#admit(spec, { createdAt, generation, restarts: 0 });
      await actor.patch({ ...admitted, desired }).catch((error: unknown) => {
        this.#release(id);
        throw error;
      });
    } else {
      const restartRequested = options.restart === true && (state === 'running' || state === 'frozen');
      if (before !== desired || restartRequested) await actor.patch({ desired, restartRequested });
    }
    actor.wake({ killNow: options.now ?? false });
    return this.view(actor.record);
  }

  view(record: WorkloadRecord): WorkloadView {
    const { bootId: _bootId, sandbox, ...rest } = record;
    const netnsPath = sandbox.netns === null ? null : join('/run/netns', sandbox.netns);
    return { ...rest, sandbox: { ...sandbox, cgroupPath: this.#world.cgroups.path(sandbox.cgroup), netnsPath } };
  }

  counts(): Record<WorkloadState, number> {
    const counts = { pending: 0, preparing: 0, starting: 0, running: 0, frozen: 0, stopping: 0, exited: 0, failed: 0 };
    for (const { state } of this.records()) counts[state] += 1;
    return counts;
  }

  close(): void {
    for (const actor of this.#actors.values()) actor.close();
  }

  #adopt(record: WorkloadRecord): Actor {
    const actor = new Actor(this.#world, (gone) => this.#drop(gone), record);
    this.#actors.set(record.id, actor);
    if (!isSettled(record.state)) {
      this.#world.ledger.commit(record.id, this.#demand(record.spec));
      if (record.sandbox.address !== null) this.#world.addresses.restore(record.id, record.sandbox.address);
    }
    return actor;
  }

  #drop(actor: Actor): void {
    this.#actors.delete(actor.record.id);
    this.#release(actor.record.id);
  }

  #release(id: string): void {
    this.#world.ledger.release(id);
    this.#world.addresses.release(id);
  }

  /** All that can be known of a spec on this host without changing anything. */
  async #check(spec: WorkloadSpec): Promise<void> {
    const driver = driverOf(this.#world, spec.driver);
    requireControllers(
      limitsOf(spec, driver.overhead(spec), new Set(this.#world.cgroups.controllers)),
      new Set(this.#world.cgroups.controllers),
    );
    await driver.check(spec, { which: this.#world.which, kvmUsable: this.#world.kvmUsable });
  }

  #demand(spec: WorkloadSpec): Demand {
    const { default_cpu_request: cpu, default_memory_request: memory } = this.#world.config.density;
    const driver = driverOf(this.#world, spec.driver);
    return demandOf(spec, { cpu, memory: parseSize(memory) ?? 0 }, driver.overhead(spec));
  }

  #refusals(spec: WorkloadSpec): readonly Refusal[] {
    return this.#world.ledger.check(spec.id, this.#demand(spec));
  }

  /** Grants room and names, in memory; the caller makes it durable. Throws cordoned, admission_refused, address_pool_exhausted. */
  #admit(spec: WorkloadSpec, kept: Pick<WorkloadRecord, 'createdAt' | 'generation' | 'restarts'>): WorkloadRecord {
    const begun = performance.now();
    if (this.#cordoned) throw new BerthError('cordoned', 'this node is cordoned and takes no new workloads');
    this.#grant(spec, begun);
    const address = spec.network.mode === 'routed' ? this.#world.addresses.lease(spec.id) : null;
    if (address === undefined) {
      this.#world.ledger.release(spec.id);
      throw new BerthError('address_pool_exhausted', `no address of ${this.#world.config.network.pool} is free`);
    }
    const sandbox = sandboxFor(
      spec,
      driverOf(this.#world, spec.driver),
      this.#world.config.network.link_prefix,
      address,
    );
    return {
      id: spec.id,
      spec,
      desired: 'running',
      state: 'pending',
      since: Date.now(),
      bootId: this.#world.bootId,
      sandbox,
      process: null,
      restartRequested: false,
      end: null,
      error: null,
      ...kept,
    };
  }

  #grant(spec: WorkloadSpec, begun: number): void {
    const [first, ...others] = this.#refusals(spec);
    const { observer, events, ledger } = this.#world;
    if (!first) {
      ledger.commit(spec.id, this.#demand(spec));
      observer.admission('admitted', 'none', (performance.now() - begun) / 1000);
      return;
    }
    observer.admission('refused', first.dimension, (performance.now() - begun) / 1000);
    events.append({ type: 'admission.refused', workload: spec.id, tenant: spec.tenant, data: { ...first } });
    throw new BerthError(
      first.dimension === 'addresses' ? 'address_pool_exhausted' : 'admission_refused',
      `"${spec.id}" does not fit: ${first.scope} has ${first.used} of ${first.limit} ${first.dimension} in use, ${first.requested} asked for, short by ${first.shortBy}`,
      { hint: first.hint, data: { ...first, others } },
    );
  }

  #same(actor: Actor, spec: WorkloadSpec): WorkloadView {
    if (actor.record.desired !== 'deleted' && isDeepStrictEqual(actor.record.spec, spec))
      return this.view(actor.record);
    const why = actor.record.desired === 'deleted' ? 'and is being deleted' : 'with another spec';
    throw new BerthError('conflict', `workload "${spec.id}" exists ${why}`, { data: { id: spec.id } });
  }

  async #update(actor: Actor, spec: WorkloadSpec): Promise<void> {
    const { record } = actor;
    if (record.desired === 'deleted') throw new BerthError('invalid_state', `workload "${record.id}" is being deleted`);
    const fixed = Object.keys(spec).filter(
      (key) => !(MUTABLE as readonly string[]).includes(key),
    ) as (keyof WorkloadSpec)[];
    const changed = fixed.filter((key) => !isDeepStrictEqual(spec[key], record.spec[key]));
    if (changed.length > 0)
      throw new BerthError('immutable_field', `${changed.join(', ')} cannot be changed while the workload exists`, {
        data: { changed, mutable: MUTABLE },
      });
    if (isDeepStrictEqual(spec, record.spec)) return;
    await this.#check(spec);
    const live = !isSettled(record.state);
    if (live) this.#grant(spec, performance.now());
    try {
      if (record.state === 'running' || record.state === 'frozen') await this.#resize(record, spec);
      await actor.patch({ spec, generation: record.generation + 1 });
    } catch (error) {
      if (live) this.#world.ledger.commit(record.id, this.#demand(record.spec));
      throw error;
    }
    actor.event('workload.updated', { generation: record.generation + 1, resources: spec.resources });
  }

  /** The kernel first, the journal after: a crash in between leaves the old intent, which recovery writes back. */
  async #resize(record: WorkloadRecord, spec: WorkloadSpec): Promise<void> {
    const overhead = driverOf(this.#world, spec.driver).overhead(spec);
    const controllers = new Set(this.#world.cgroups.controllers);
    const limits = (of: WorkloadSpec) => limitsOf(of, overhead, controllers);
    await resize(this.#world.cgroups, record.sandbox.cgroup, limits(record.spec), limits(spec));
  }
}
