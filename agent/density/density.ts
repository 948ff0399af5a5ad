// The density room behind one door: ledger, tenants, licences, reservations, ceilings and windows of time, and what makes
// figures of them. Whatever changes, the ledger's limits are made anew as a whole; nothing is patched.

import { defined } from '../../linux/defined.js';
import { type Clock, SYSTEM_CLOCK } from '../base/clock.js';
import type { Damaged } from '../base/durable.js';
import { inRange } from '../base/pages.js';
import { parseSize } from '../base/units.js';
import type { Config } from '../config/schema.js';
import type { CapacityPart, CapacityRow, TenantFilter } from '../model/capacity.js';
import { type Vector, vector } from '../model/dimensions.js';
import { machineOf } from '../model/driver-kinds.js';
import { actorField, type EventActor } from '../model/event.js';
import type { WorkloadSpec } from '../model/spec.js';
import { Audit, type AuditEntry } from './audit.js';
import { type Ceiling, readCeilings } from './ceilings.js';
import { type Demand, demandOf, type Extra } from './demand.js';
import type { HostFiles } from './host-files.js';
import { Ledger } from './ledger.js';
import { type Lease, Licences } from './licences.js';
import { limitsOf } from './limits.js';
import { type OverheadPort, type OverheadView, overheadFor, overheadViews } from './overhead/count.js';
import { type HostSize, licenceUnits, makeLimits, perWorkload } from './policy.js';
import { Reservations } from './reservations.js';
import type { Used } from './rows.js';
import { type Status, statusOf } from './status.js';
import { Tenants } from './tenants.js';
import { type WindowState, Windows } from './windows.js';

/** Who gives out cores to one workload alone. */
export interface CoresPort {
  /** Cpus that can be given out so. */
  capacity(): number;
  /** How many this workload gets. */
  of(spec: WorkloadSpec): number;
}

/** What is measured. Outward units; undefined: it is not. */
export interface UsagePort {
  used(scope: string, dimension: CapacityRow['dimension']): number | undefined;
  /** Use over request of a workload, 1: as promised. */
  excess(id: string): number | undefined;
}

export interface DensityEvent {
  readonly type: string;
  readonly tenant?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface DensityOptions {
  readonly config: Config;
  readonly host: HostSize;
  readonly bootId: string;
  readonly clock?: Clock;
  /** Undefined: no ceilings of a kernel count. */
  readonly files?: HostFiles;
  readonly onEvent: (event: DensityEvent) => void;
  readonly onDamaged: (damaged: Damaged) => void;
  readonly onError: (error: unknown) => void;
  /** Writes what gives licences back, where the disk has no room for it. */
  readonly relief?: { replace(path: string, text: string): Promise<void> };
}

/** The host at the last look. */
interface Seen {
  readonly ceilings: readonly Ceiling[];
  /** By workloads at that moment. */
  readonly committed: Vector;
  /** By bridge, those that are not of workloads. */
  readonly foreignPorts: ReadonlyMap<string, number>;
}

export class Density {
  readonly ledger = new Ledger(limitsOf());
  readonly tenants: Tenants;
  readonly licences: Licences;
  readonly reservations: Reservations;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly #files: HostFiles | undefined;
  readonly #onEvent: (event: DensityEvent) => void;
  readonly #onError: (error: unknown) => void;
  #config: Config;
  #host: HostSize;
  #windows: Windows;
  #open: readonly WindowState[] = [];
  #seen: Seen = { ceilings: [], committed: vector(), foreignPorts: new Map() };
  #cores: CoresPort | undefined;
  #usage: UsagePort | undefined;
  #overhead: OverheadPort | undefined;
  /** Conditions that stood at the last look, by code and scope, so that each is told once. */
  #told = new Set<string>();
  #toldOpen: ReadonlySet<string> = new Set();

  constructor(options: DensityOptions) {
    const { config, host, bootId, clock = SYSTEM_CLOCK, files, onEvent, onDamaged, onError } = options;
    const directory = config.paths.state;
    const place = { directory, bootId, clock, onDamaged };
    const relief = options.relief === undefined ? {} : { relief: options.relief };
    this.clock = clock;
    this.tenants = new Tenants({ directory, config, onDamaged, ...relief });
    this.licences = new Licences({ ...place, ...relief, config: config.licence });
    this.reservations = new Reservations({ ...place, ...relief });
    this.audit = new Audit(directory, { onError });
    this.#files = files;
    this.#onEvent = onEvent;
    this.#onError = onError;
    this.#config = config;
    this.#host = host;
    this.#windows = new Windows(config.density.window);
    this.#see();
    this.refresh();
  }

  /** Before the first workload is taken over. */
  async load(): Promise<void> {
    await this.tenants.load();
    await this.licences.load();
    this.refresh();
  }

  get config(): Config {
    return this.#config;
  }

  setConfig(config: Config): void {
    this.#config = config;
    this.#windows = new Windows(config.density.window);
    this.licences.setConfig(config.licence);
    this.refresh();
  }

  /** What is known of the host only later, such as the room on its disk. */
  setHost(host: Partial<HostSize>): void {
    this.#host = { ...this.#host, ...host };
    this.refresh();
  }

  setCores(port: CoresPort): void {
    this.#cores = port;
    this.refresh();
  }

  setUsage(port: UsagePort): void {
    this.#usage = port;
  }

  setOverhead(port: OverheadPort): void {
    this.#overhead = port;
  }

  /** New limits from everything there is. */
  refresh(): void {
    this.#expireLeases();
    const now = this.clock.wall();
    const { density, tenants: overlay } = this.#windows.apply(this.#config.density, now);
    this.#open = this.#windows.at(now);
    this.tenants.setConfig({ tenant: this.#config.tenant, density }, overlay);
    const limits = makeLimits({
      config: { ...this.#config, density },
      host: this.#host,
      ceilings: this.#seen.ceilings,
      committed: this.#seen.committed,
      bridges: this.#seen.foreignPorts,
      tenants: this.tenants.settings(),
      licences: this.licences.totals(),
      exclusiveCores: this.#cores?.capacity(),
    });
    this.ledger.setLimits(limits);
  }

  /** Before every decision: a window may have opened or closed, a lease run out, this very moment. */
  upToDate(): void {
    if (this.licences.untilNext() === 0 || this.#windows.at(this.clock.wall()) !== this.#open) this.refresh();
  }

  /** Every minute: the kernel's ceilings as they are now, and what has come to stand or ceased to. */
  look(): void {
    this.#see();
    this.refresh();
    const now = new Map(this.status().events.map((event) => [`${event.type} ${event.key}`, event]));
    for (const [key, { type, tenant, data }] of now)
      if (!this.#told.has(key)) this.#onEvent({ type, ...defined({ tenant }), data });
    this.#told = new Set(now.keys());
    this.#tellWindows();
  }

  #tellWindows(): void {
    const open = new Map(this.#open.flatMap((window) => (window.active ? [[window.name, window]] : [])));
    for (const [window, { until, changes }] of open)
      if (!this.#toldOpen.has(window)) this.#onEvent({ type: 'window.opened', data: { window, until, changes } });
    for (const window of this.#toldOpen)
      if (!open.has(window)) this.#onEvent({ type: 'window.closed', data: { window } });
    this.#toldOpen = new Set(open.keys());
  }

  /** `counted`: the overhead that this very workload was admitted with, where the ledger does not know that by itself. */
  demand(
    spec: WorkloadSpec,
    driver: { readonly overhead: number; readonly tap: boolean },
    downgraded: readonly string[] = [],
    counted = this.ledger.hold(spec.id)?.demand.overhead,
  ): Demand {
    const exclusiveCores = this.#cores?.of(spec) ?? 0;
    return demandOf(spec, perWorkload(this.#config), {
      overhead: counted ?? this.#overheadFor(spec, driver.overhead),
      surcharge: parseSize(this.#config.density.kind[spec.driver].surcharge) ?? 0,
      tap: driver.tap,
      exclusiveCores,
      licences: this.#licencesOf(spec, exclusiveCores, downgraded),
    });
  }

  /** Grants, and writes down the licences that go with it. */
  commit(id: string, demand: Demand): void {
    const before = this.ledger.hold(id);
    this.ledger.commit(id, demand);
    const had = before?.phase === 'committed' ? licencesIn(before.demand) : new Map<string, number>();
    this.#account(id, demand.tenant, had, licencesIn(demand));
  }

  release(id: string): void {
    const before = this.ledger.hold(id);
    this.ledger.release(id);
    if (before?.phase === 'committed') this.#account(id, before.demand.tenant, licencesIn(before.demand), new Map());
  }

  /** After the workloads of before were taken over, without a word about each: what the audit does not know yet. */
  async reconcileAudit(): Promise<void> {
    const known = await this.audit.outstanding();
    const note = 'found at the start of the agent';
    const at = this.clock.wall();
    const grants: AuditEntry[] = [];
    for (const [id, { demand, phase }] of this.ledger.holds()) {
      if (phase !== 'committed') continue;
      const of = known.get(id);
      for (const [licence, count] of licencesIn(demand))
        if (of?.get(licence)?.count === count) of.delete(licence);
        else grants.push({ at, type: 'grant', licence, count, workload: id, tenant: demand.tenant, note });
    }
    // Returns first: of a licence of which there are more now, or fewer, the grant is what holds.
    for (const of of known.values())
      for (const entry of of.values()) this.audit.append({ ...entry, at, type: 'return', note });
    for (const grant of grants) this.audit.append(grant);
  }

  /** Takes over what ran before, whose grants are in the audit already. */
  adopt(id: string, demand: Demand): void {
    this.ledger.commit(id, demand);
  }

  rows(): CapacityRow[] {
    this.upToDate();
    return this.ledger.rows(this.#used());
  }

  /** As `rows`, of the tenants in the range alone. */
  rowsInRange({ sees = () => true, ...range }: TenantFilter): CapacityPart {
    this.upToDate();
    const used = this.#used();
    const names = inRange(this.ledger.tenants().filter(sees), (name) => name, range);
    return {
      shared: this.ledger.sharedRows(used),
      tenants: [...this.ledger.rowsOfTenants(names, used)].map(([name, rows]) => ({ name, rows })),
    };
  }

  rowsOfTenants(names: readonly string[]): Map<string, CapacityRow[]> {
    this.upToDate();
    return this.ledger.rowsOfTenants(names, this.#used());
  }

  overheads(): OverheadView[] {
    return overheadViews(this.#config, this.#overhead);
  }

  windows(): readonly WindowState[] {
    this.upToDate();
    return this.#open;
  }

  ceilings(): readonly Ceiling[] {
    return this.#seen.ceilings;
  }

  excess(id: string): number | undefined {
    return this.#usage?.excess(id);
  }

  status(): Status {
    return statusOf(this.ledger, this.licences, this.#seen.ceilings, this.#config.density);
  }

  #used(): Used {
    const ceilings = new Map(this.#seen.ceilings.map((ceiling) => [ceiling.name, ceiling]));
    return (scope, dimension) => this.#usage?.used(scope, dimension) ?? usedOf(scope, dimension, ceilings);
  }

  #overheadFor(spec: WorkloadSpec, configured: number): number {
    return overheadFor(spec.class, configured, this.#config.density.overhead, this.#overhead?.known(spec));
  }

  /** One for the pool, and one for the share of the tenant in it. */
  #licencesOf(spec: WorkloadSpec, exclusiveCores: number, downgraded: readonly string[]): Extra[] {
    const { licences = {}, cpu } = spec.resources;
    const names = Object.keys(licences).filter((name) => !downgraded.includes(name));
    return names.flatMap((name) => {
      const { per } = this.#config.licence[name] ?? { per: 'instance' };
      const cpus = exclusiveCores > 0 ? exclusiveCores : (machineOf(spec)?.vcpus ?? cpu?.limit);
      const amount = (licences[name] ?? 0) * licenceUnits(per, { cpus, pinned: exclusiveCores > 0 }, this.#host);
      const of = { dimension: 'licences', amount } as const;
      return [
        { scope: `licence/${name}`, ...of },
        { scope: `tenant/${spec.tenant}/licence/${name}`, ...of },
      ];
    });
  }

  #account(id: string, tenant: string, had: ReadonlyMap<string, number>, has: ReadonlyMap<string, number>): void {
    const at = this.clock.wall();
    const write = (type: 'grant' | 'return', licence: string, count: number): void =>
      this.audit.append({ at, type, licence, count, workload: id, tenant });
    for (const [licence, count] of had) if (has.get(licence) !== count) write('return', licence, count);
    for (const [licence, count] of has) if (had.get(licence) !== count) write('grant', licence, count);
  }

  #expireLeases(): void {
    const gone = this.licences.takeExpired();
    for (const { licence, scheduler, count } of gone) {
      this.audit.append({ at: this.clock.wall(), type: 'expire', licence, count, scheduler });
      this.#onEvent({ type: 'licence.expired', data: { licence, scheduler, count } });
    }
    // After the word about it: a crash between the two tells twice, and never not at all.
    if (gone.length > 0)
      this.audit
        .written()
        .then(() => this.licences.save())
        .catch(this.#onError);
  }

  /** A lease begins, changes or is given back. Throws what Licences.lease throws. */
  async lease(licence: string, scheduler: string, count: number, ttl: number, by?: EventActor): Promise<Lease> {
    const lease = await this.licences.lease(licence, scheduler, count, ttl);
    this.audit.append({ at: this.clock.wall(), type: 'lease', licence, count, scheduler });
    this.#onEvent({ type: 'licence.leased', data: { licence, scheduler, count, ttl }, ...actorField(by) });
    this.refresh();
    return lease;
  }

  /** What is used and what is committed are read together: the difference is what others have, until the next look. */
  #see(): void {
    if (this.#files === undefined) return;
    const ceilings = readCeilings(this.#files);
    this.#seen = { ceilings, committed: this.ledger.committed(), foreignPorts: this.#foreignPorts(this.#files) };
  }

  #foreignPorts(files: HostFiles): Map<string, number> {
    return new Map(
      files
        .bridges()
        .map(({ name, ports }) => [name, Math.max(0, ports - this.ledger.pool(`bridge/${name}`).committed)]),
    );
  }
}

function licencesIn(demand: Demand): Map<string, number> {
  return new Map(
    demand.extras.flatMap(({ scope, amount }) =>
      scope.startsWith('licence/') ? [[scope.slice('licence/'.length), amount] as const] : [],
    ),
  );
}

/** Ceilings that say how much of a dimension the whole host uses. */
const MEASURED: Readonly<Partial<Record<CapacityRow['dimension'], string>>> = {
  neighbours: 'neighbours',
  keys: 'keys',
  pids: 'threads_max',
  fds: 'agent_files',
  cgroups: 'memory_cgroups',
};

function usedOf(
  scope: string,
  dimension: CapacityRow['dimension'],
  ceilings: ReadonlyMap<string, Ceiling>,
): number | undefined {
  if (scope !== 'host') return undefined;
  return ceilings.get(MEASURED[dimension] ?? '')?.used ?? undefined;
}
