// All workloads of the host: what may be asked of them, checked and made durable here, done by their actors.
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { SandboxNetwork } from '../../netns/types.js';
import { type Demand, demandOf } from '../density/demand.js';
import { BerthError, type ErrorCode } from '../errors.js';
import { requireNetwork, requireRates } from '../network/attachment.js';
import { portRefusal } from '../network/claims.js';
import { givenResolver } from '../network/dns.js';
import type { Subject } from '../network/drift.js';
import { kernelIp } from '../network/kernel-ip.js';
import { keyOf } from '../network/published.js';
import type { CapacityRow, FitsAnswer, Refusal } from '../service.js';
import { Actor } from './actor.js';
import { changeLive, fixedChanges, MUTABLE } from './change.js';
import { isSettled } from './lifecycle.js';
import { limitsOf, networkFor, requireControllers, sandboxFor, slotKind } from './plan.js';
import type { Known } from './quarantine.js';
import type { Desired, Sandbox, WorkloadRecord, WorkloadState, WorkloadView } from './record.js';
import { type Recovery, recover } from './recover.js';
import type { WorkloadSpec } from './spec.js';
import { parseSize } from './units.js';
import { driverOf, type World } from './world.js';

/** Refusals with a code of their own. */
const CODES: Readonly<Partial<Record<Refusal['dimension'], ErrorCode>>> = {
  addresses: 'address_pool_exhausted',
  ports: 'port_in_use',
};

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

  /** Addresses and links that belong to a workload. */
  known(): Known {
    const sandboxes = this.records().map(({ sandbox }) => sandbox);
    const present = <T>(values: readonly (T | null)[]) => new Set(values.filter((value) => value !== null));
    return {
      addresses: present(sandboxes.flatMap(({ address, address6 }) => [address, address6])),
      links: present(sandboxes.map(({ hostLink }) => hostLink)),
      netns: present(sandboxes.map(({ netns }) => netns)),
    };
  }

  /** Networks of all workloads that hold anything: what is in the firewall and not of them is nobody's. */
  networks(): SandboxNetwork[] {
    const held = this.records().filter(({ state }) => !isSettled(state));
    return held.flatMap((record) => this.#network(record) ?? []);
  }

  /** Those that should be in the kernel right now. */
  subjects(): Subject[] {
    const running = this.records().filter(({ state }) => state === 'running' || state === 'frozen');
    return running.flatMap((record) => {
      const network = this.#network(record);
      const { id, spec } = record;
      return network === null ? [] : [{ id, tenant: spec.tenant, network, version: record }];
    });
  }

  /** Makes the network of a workload again, unless it is another one by now. */
  repairNetwork({ id, version, network }: Subject): Promise<boolean> {
    const actor = this.#actors.get(id);
    if (actor === undefined) return Promise.resolve(false);
    return actor.exclusive(async () => {
      if (actor.record !== version) return false;
      await this.#world.network.create(network);
      return true;
    });
  }

  #network({ spec, sandbox }: WorkloadRecord): SandboxNetwork | null {
    return networkFor(spec, sandbox, driverOf(this.#world, spec.driver), this.#world.config.network);
  }

  /** The dry run of `create`, on the same code path. Throws what is not a question of room. */
  async fits(spec: WorkloadSpec): Promise<FitsAnswer> {
    await this.#check(spec);
    const refusals = this.#refusals(spec, await this.#occupiedPorts(spec));
    return { fits: refusals.length === 0, refusals };
  }

  async create(spec: WorkloadSpec): Promise<WorkloadView> {
    const known = this.#actors.get(spec.id);
    if (known) return this.#same(known, spec);
    await this.#check(spec);
    const occupied = await this.#occupiedPorts(spec);
    // From here to the registration nothing is awaited: two creates of one id cannot pass each other.
    const raced = this.#actors.get(spec.id);
    if (raced) return this.#same(raced, spec);
    const record = this.#admit(spec, occupied, { createdAt: Date.now(), generation: 1, restarts: 0 });
    const actor = this.#adopt(record);
    try {
      await this.#world.journal.write(record);
    } catch (error) {
      this.#giveBack(record.sandbox);
      this.#drop(actor);
      throw error;
    }
    actor.event('workload.created', { driver: spec.driver, generation: 1 });
    actor.wake({ cold: true });
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
      const occupied = await this.#occupiedPorts(spec);
      const { createdAt, generation } = actor.record;
      const admitted = this.#admit(spec, occupied, { createdAt, generation, restarts: 0 });
      await actor.patch({ ...admitted, desired }).catch((error: unknown) => {
        this.#giveBack(admitted.sandbox);
        this.#release(id);
        throw error;
      });
    } else {
      const restartRequested = options.restart === true && (state === 'running' || state === 'frozen');
      if (before !== desired || restartRequested) await actor.patch({ desired, restartRequested });
    }
    actor.wake({ killNow: options.now ?? false, cold: again });
    return this.view(actor.record);
  }

  view(record: WorkloadRecord): WorkloadView {
    const { bootId: _bootId, sandbox, ...rest } = record;
    const netnsPath = sandbox.netns === null ? null : join('/run/netns', sandbox.netns);
    const { cgroups, config } = this.#world;
    const { servers } = givenResolver(rest.spec, config.network.dns);
    const { guestAddress } = rest.spec.external ?? {};
    const ip = kernelIp(sandbox, { hostname: rest.id, servers, guestAddress });
    const waiting = this.#world.governor?.waiting(rest.id);
    return {
      ...rest,
      sandbox: { ...sandbox, cgroupPath: cgroups.path(sandbox.cgroup), netnsPath, kernelIp: ip },
      ...(waiting === undefined ? {} : { waiting }),
    };
  }

  counts(): Record<WorkloadState, number> {
    const counts = { pending: 0, preparing: 0, starting: 0, running: 0, frozen: 0, stopping: 0, exited: 0, failed: 0 };
    for (const { state } of this.records()) counts[state] += 1;
    return counts;
  }

  close(): void {
    for (const actor of this.#actors.values()) actor.close();
  }

  #adopt(found: WorkloadRecord): Actor {
    const { claims, ledger } = this.#world;
    const settled = isSettled(found.state);
    const sandbox = claims.restore(found.spec, found.sandbox, settled);
    const record = sandbox === found.sandbox ? found : { ...found, sandbox };
    const actor = new Actor(this.#world, (gone) => this.#drop(gone), record);
    this.#actors.set(record.id, actor);
    if (!settled) ledger.commit(record.id, this.#demand(record.spec));
    return actor;
  }

  #drop(actor: Actor): void {
    this.#actors.delete(actor.record.id);
    this.#release(actor.record.id);
    this.#world.claims.forget(actor.record.id);
  }

  /** A slot of an admission that did not become durable: nothing was made of it. */
  #giveBack({ netns, hostLink, mac, baseline }: Sandbox): void {
    if (netns !== null && hostLink !== null && mac !== null && baseline !== null)
      this.#world.network.giveBack({ netns, hostLink, mac, baseline });
  }

  #release(id: string): void {
    this.#world.ledger.release(id);
    this.#world.claims.release(id);
  }

  /** All that can be known of a spec on this host without changing anything. */
  async #check(spec: WorkloadSpec): Promise<void> {
    const driver = driverOf(this.#world, spec.driver);
    requireControllers(
      limitsOf(spec, driver.overhead(spec), new Set(this.#world.cgroups.controllers)),
      new Set(this.#world.cgroups.controllers),
    );
    requireNetwork(spec.network, this.#world.config.network);
    requireRates(spec.network, this.#world.config.network);
    await driver.check(spec, { which: this.#world.which, kvmUsable: this.#world.kvmUsable });
  }

  #demand(spec: WorkloadSpec): Demand {
    const { default_cpu_request: cpu, default_memory_request: memory } = this.#world.config.density;
    const driver = driverOf(this.#world, spec.driver);
    return demandOf(spec, { cpu, memory: parseSize(memory) ?? 0 }, driver.overhead(spec));
  }

  /** Ports asked for, and not held already, that a process of this host listens on. */
  async #occupiedPorts({ id, network }: WorkloadSpec): Promise<readonly Refusal[]> {
    const { claims, portTaken } = this.#world;
    const held = new Set(claims.portsOf(id).map(keyOf));
    const asked = network.ports.filter((port) => !held.has(keyOf(port)));
    const taken = await Promise.all(asked.map((port) => portTaken(port)));
    return asked.filter((_, at) => taken[at]).map((port) => portRefusal(port, null));
  }

  #refusals(spec: WorkloadSpec, occupied: readonly Refusal[]): readonly Refusal[] {
    const { ledger, claims } = this.#world;
    return [...ledger.check(spec.id, this.#demand(spec)), ...claims.refusals(spec), ...occupied];
  }

  /**
   * Grants room, names, addresses and ports, in memory; the caller makes it durable. Throws cordoned, admission_refused,
   * address_pool_exhausted, port_in_use, start_queue_full.
   */
  #admit(
    spec: WorkloadSpec,
    occupied: readonly Refusal[],
    kept: Pick<WorkloadRecord, 'createdAt' | 'generation' | 'restarts'>,
  ): WorkloadRecord {
    const begun = performance.now();
    if (this.#cordoned) throw new BerthError('cordoned', 'this node is cordoned and takes no new workloads');
    this.#world.governor?.requireRoom(spec);
    this.#grant(spec, occupied, begun);
    const sandbox = this.#sandbox(spec);
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

  #sandbox(spec: WorkloadSpec): Sandbox {
    const { claims, config, ledger, network } = this.#world;
    const driver = driverOf(this.#world, spec.driver);
    try {
      const claim = claims.claim(spec);
      const kind = slotKind(spec, driver, config.network, claim);
      const slot = kind === null ? undefined : network.acquire(kind);
      return sandboxFor(spec, driver, config.network.link_prefix, claim, slot);
    } catch (error) {
      ledger.release(spec.id);
      throw error;
    }
  }

  #grant(spec: WorkloadSpec, occupied: readonly Refusal[], begun: number): void {
    const [first, ...others] = this.#refusals(spec, occupied);
    const { observer, events, ledger } = this.#world;
    if (!first) {
      ledger.commit(spec.id, this.#demand(spec));
      observer.admission('admitted', 'none', (performance.now() - begun) / 1000);
      return;
    }
    observer.admission('refused', first.dimension, (performance.now() - begun) / 1000);
    events.append({ type: 'admission.refused', workload: spec.id, tenant: spec.tenant, data: { ...first } });
    const code = CODES[first.dimension] ?? 'admission_refused';
    const why =
      first.dimension === 'ports'
        ? `port ${first.scope} is in use`
        : `${first.scope} has ${first.used} of ${first.limit} ${first.dimension} in use, ${first.requested} asked for, short by ${first.shortBy}`;
    throw new BerthError(code, `"${spec.id}" does not fit: ${why}`, { hint: first.hint, data: { ...first, others } });
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
    const changed = fixedChanges(record.spec, spec);
    if (changed.length > 0)
      throw new BerthError('immutable_field', `${changed.join(', ')} cannot be changed while the workload exists`, {
        data: { changed, mutable: MUTABLE },
      });
    if (isDeepStrictEqual(spec, record.spec)) return;
    await this.#check(spec);
    const { claims, ledger } = this.#world;
    const { id, state } = record;
    const live = !isSettled(state);
    if (live) this.#grant(spec, await this.#occupiedPorts(spec), performance.now());
    if (live) claims.holdPorts(id, spec.network.ports);
    let undo = async (): Promise<void> => undefined;
    try {
      if (state === 'running' || state === 'frozen') undo = await changeLive(this.#world, record, spec);
      await actor.patch({ spec, generation: record.generation + 1 });
    } catch (error) {
      await undo().catch((err: unknown) => this.#world.log.error({ workload: id, err }, 'could not be put back'));
      if (live) ledger.commit(id, this.#demand(record.spec));
      if (live) claims.holdPorts(id, record.spec.network.ports);
      throw error;
    }
    const { resources, network } = spec;
    actor.event('workload.updated', { generation: record.generation + 1, resources, network });
  }
}
