// The agent as the control room sees it: workloads, ledger, host and reaper behind the one interface of service.ts.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defined } from '../../linux/defined.js';
import { sumKsm } from '../../linux/ksm.js';
import { Cni } from '../cni/cni.js';
import type { CniAnswer, CniRequest } from '../cni/request.js';
import type { AgentService, Outlook, Reloaded } from '../control/service.js';
import type { StreamSource } from '../control/stream-protocol.js';
import type { AuditFilter, PlacedEntry } from '../density/audit.js';
import { licenceViews } from '../density/licence-views.js';
import type { ReservationView } from '../density/reservations.js';
import type { TenantView } from '../density/tenant-admin.js';
import type { TenantChange } from '../density/tenant-settings.js';
import type { Setting } from '../density/tuner.js';
import { requireNodeGrants } from '../drivers/grants.js';
import type { NodeDescription } from '../metrics/node-description.js';
import { type TopDocument, topRow } from '../metrics/top.js';
import type { AdoptedFilter, AdoptedView, EngineView } from '../model/adopted.js';
import type { CapacityPart, TenantFilter } from '../model/capacity.js';
import type { Claimant, Reach } from '../model/claimant.js';
import type { Condition } from '../model/condition.js';
import type { DrainRequest, DrainStep, DrainView } from '../model/drain.js';
import { actorField, type EventActor } from '../model/event.js';
import type { CopyRequest, ExecutionRequest } from '../model/execution.js';
import type {
  ImageFilter,
  ImageScope,
  ImageView,
  PruneRequest,
  PullRequest,
  PullView,
  RemovedImages,
} from '../model/image-view.js';
import type { LicenceFilter, LicenceView } from '../model/licence.js';
import type { FitsAnswer } from '../model/preemption.js';
import type { WorkloadView } from '../model/record.js';
import { specOfImage, type WorkloadSpec } from '../model/spec.js';
import type { MergePatch } from '../model/spec-change.js';
import { describe, type PlacementDescription } from '../placement/describe.js';
import { type ListFilter, listed } from '../workload/listed.js';
import { type LogChunk, type LogOptions, readLog } from '../workload/log-chunk.js';
import type { CleanupStep } from '../workload/reaper.js';
import type { ChangeOptions } from '../workload/updating.js';
import { VolumeAdmin } from '../workload/volumes.js';
import type { LifeWish } from '../workload/wishes.js';
import { CniWorkloads } from './adapters/cni-workloads.js';
import type { AgentParts } from './agent-parts.js';
import { Diagnosis } from './diagnosis.js';
import { Maintenance } from './maintenance.js';
import { usableDrivers } from './usable-drivers.js';

/** Files shown of a workload, as the kernel has them now. */
const SHOWN = [
  ...['cpu.max', 'cpu.max.burst', 'cpu.weight', 'cpu.idle', 'cpuset.cpus.effective', 'cpuset.mems.effective'],
  ...['memory.min', 'memory.low', 'memory.high', 'memory.max', 'memory.swap.max', 'memory.current', 'memory.peak'],
  ...['io.max', 'io.weight', 'pids.max', 'pids.current', 'pids.peak'],
];

export class Agent implements AgentService {
  readonly maintenance: Maintenance;
  readonly snapshots: AgentService['snapshots'];
  readonly volumes: AgentService['volumes'];
  readonly #parts: AgentParts;
  readonly #diagnosis: Diagnosis;
  readonly #cni: Cni;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.#diagnosis = new Diagnosis(parts);
    this.maintenance = new Maintenance(parts);
    this.snapshots = parts.manager.snapshots;
    this.volumes = new VolumeAdmin(parts.world.volumes, () => parts.manager.records(), parts.world.events);
    this.#cni = new Cni(new CniWorkloads({ ...parts, conditions: () => this.#diagnosis.of(parts.facts) }));
  }

  describe(): NodeDescription {
    const { world, manager, version, startedAt, reaper, facts } = this.#parts;
    const { node } = world.config;
    return {
      name: this.#name(),
      version,
      bootId: world.bootId,
      startedAt,
      ready: this.#ready(),
      cordoned: manager.cordoned,
      drain: manager.draining.view(),
      labels: node.labels,
      drivers: usableDrivers(world.drivers, facts),
      workloads: manager.counts(),
      leaked: reaper.orphans.length,
      host: {
        kernel: facts.kernel,
        arch: facts.arch,
        cpus: facts.cpusOnline,
        ...this.#parts.inventory(),
        foreign: this.#parts.engines.counts(),
      },
      pressure: this.#parts.pressure.status(),
      starts: this.#parts.governor.status(),
      conditions: this.#diagnosis.of(facts),
    };
  }

  capacity(filter: TenantFilter): CapacityPart {
    return this.#parts.world.density.rowsInRange(filter);
  }

  top(filter: ListFilter): TopDocument {
    const { manager, governor } = this.#parts;
    const samples = this.#parts.samples();
    const waiting = governor.allWaiting();
    return {
      at: Date.now(),
      sampleAgeMs: samples.ageMs(),
      node: { name: this.#name(), ready: this.#ready(), cordoned: manager.cordoned },
      host: samples.host(),
      starts: governor.status(),
      workloads: listed(manager.records(), filter).map((record) => topRow(record, samples, waiting.get(record.id))),
    };
  }

  placement(): PlacementDescription {
    const { facts, world } = this.#parts;
    return describe(world.placement, this.#diagnosis.violations(facts));
  }

  outlook(): Outlook {
    const { density } = this.#parts.world;
    const reservations = density.reservations.all().map((one) => density.reservations.view(one));
    return {
      ...{ windows: density.windows(), ceilings: density.ceilings(), reservations },
      ...{ overhead: density.overheads(), prediction: this.#parts.prediction() },
    };
  }

  ownerOf(name: string): string | undefined {
    const { manager, world } = this.#parts;
    const { reservations, tenants, ledger } = world.density;
    const spec = manager.has(name) ? manager.actor(name).record.spec : reservations.get(name)?.spec;
    return spec?.tenant ?? (tenants.known(name) || ledger.tenantInUse(name) ? name : undefined);
  }

  tenants(filter: TenantFilter): readonly TenantView[] {
    return this.#parts.tenants.list(filter);
  }

  async setTenant(
    name: string,
    change: TenantChange,
    { create, evict }: { readonly create: boolean; readonly evict: boolean },
    by?: EventActor,
  ): Promise<{ readonly tenant: TenantView; readonly evicted: readonly string[] }> {
    const { manager, tenants, world } = this.#parts;
    const tenant = await tenants.set(name, change, create);
    world.events.append({ type: 'tenant.changed', tenant: name, data: { change }, ...actorField(by) });
    const victims = evict ? tenants.overdue(name) : [];
    const evicted: string[] = [];
    for (const { id } of victims) {
      const detail = `stopped because tenant ${name} had more ${tenant.over.join(', ')} than its quota`;
      if (!(await manager.evict(id, { cause: 'quota', detail, at: Date.now() }))) continue;
      evicted.push(id);
      const data = { over: tenant.over };
      world.events.append({ type: 'workload.evicted', workload: id, tenant: name, data, ...actorField(by) });
    }
    return { tenant, evicted };
  }

  async deleteTenant(name: string, by?: EventActor): Promise<void> {
    await this.#parts.tenants.delete(name);
    this.#parts.world.events.append({ type: 'tenant.deleted', tenant: name, data: {}, ...actorField(by) });
  }

  licences(filter: LicenceFilter): readonly LicenceView[] {
    return licenceViews(this.#parts.world.density, filter);
  }

  async leaseLicence(
    name: string,
    scheduler: string,
    count: number,
    ttl: number,
    by?: EventActor,
  ): Promise<LicenceView> {
    const { density } = this.#parts.world;
    await density.lease(name, scheduler, count, ttl, by);
    return licenceViews(density, { only: name })[0] as LicenceView;
  }

  licenceAudit(filter: AuditFilter): Promise<readonly PlacedEntry[]> {
    return this.#parts.world.density.audit.find(filter);
  }

  async tune(action: 'plan' | 'fix' | 'rollback', by?: EventActor): Promise<readonly Setting[]> {
    const { tuner, world } = this.#parts;
    const workloads = world.density.config.density.max_workloads;
    if (action === 'plan') return (await tuner.plan(workloads)).map((one) => ({ ...one, now: one.before }));
    const settings = await (action === 'fix' ? tuner.apply(workloads) : tuner.rollback());
    world.density.look();
    this.#diagnosis.forget();
    if (settings.length > 0) world.events.append({ type: 'host.tuned', data: { action, settings }, ...actorField(by) });
    return settings;
  }

  reload(by?: EventActor): Promise<Reloaded> {
    this.#diagnosis.forget();
    return this.#parts.reload(by);
  }

  setCordoned(cordoned: boolean, by?: EventActor): Promise<number> {
    return this.maintenance.setCordoned(cordoned, by);
  }

  drain(request: DrainRequest, by?: EventActor): Promise<DrainView | null> {
    return this.maintenance.drain(request, by);
  }

  drainPlan(request: DrainRequest): readonly DrainStep[] {
    return this.maintenance.plan(request);
  }

  async grants(spec: WorkloadSpec): ReturnType<AgentService['grants']> {
    const { world } = this.#parts;
    const needed = await world.drivers.of(spec.driver).grants(spec);
    return { needed, tenant: world.density.config.tenant[spec.tenant]?.allow ?? [] };
  }

  fits(spec: WorkloadSpec, reach?: Reach): Promise<FitsAnswer> {
    return this.#parts.manager.fits(spec, reach);
  }

  create(spec: WorkloadSpec, claimant?: Claimant): Promise<WorkloadView> {
    return this.#parts.manager.create(spec, claimant);
  }

  reserve(spec: WorkloadSpec, scheduler: string | null, ttl: number, by?: EventActor): Promise<ReservationView> {
    return this.#parts.manager.reserve(spec, scheduler, ttl, by);
  }

  release(reservation: string, scheduler: string | null, by?: EventActor): Promise<ReservationView> {
    return this.#parts.manager.releaseReservation(reservation, scheduler, by);
  }

  update(id: string, spec: WorkloadSpec, options?: ChangeOptions): ReturnType<AgentService['update']> {
    return this.#parts.manager.update(id, spec, options);
  }

  patch(id: string, patch: MergePatch, options?: ChangeOptions): ReturnType<AgentService['patch']> {
    return this.#parts.manager.patch(id, patch, options);
  }

  delete(id: string, options: { readonly now: boolean; readonly by?: EventActor }): Promise<WorkloadView> {
    return this.#parts.manager.wish(id, 'delete', options);
  }

  wish(id: string, wish: Exclude<LifeWish, 'delete'>, by?: EventActor): Promise<WorkloadView> {
    return this.#parts.manager.wish(id, wish, by === undefined ? {} : { by });
  }

  async get(id: string): Promise<WorkloadView> {
    const { manager, world } = this.#parts;
    const { record } = manager.actor(id);
    const directory = world.cgroups.path(record.sandbox.cgroup);
    const read = async (file: string) => {
      const text = await readFile(join(directory, file), 'latin1').catch(() => undefined);
      return text === undefined || text.trim() === '' ? [] : [[file, text.trim()] as const];
    };
    const limits = Object.fromEntries((await Promise.all(SHOWN.map(read))).flat());
    const asked = record.spec.resources.memory?.ksm === true;
    const ksm = asked ? await sumKsm(world.cgroups.processes(record.sandbox.cgroup)) : undefined;
    return { ...manager.view(record), limits, ...defined({ ksm }) };
  }

  list(filter: ListFilter): readonly WorkloadView[] {
    const { manager, governor } = this.#parts;
    const waiting = governor.allWaiting();
    return listed(manager.records(), filter).map((record) => manager.view(record, waiting.get(record.id)));
  }

  async logs(id: string, options: LogOptions): Promise<LogChunk> {
    this.#parts.manager.actor(id);
    return readLog(this.#parts.world.output, id, options);
  }

  exec(id: string, request: ExecutionRequest, by?: EventActor): Promise<StreamSource> {
    return this.#parts.executions.open(id, request, by);
  }

  copy(id: string, request: CopyRequest, by?: EventActor): Promise<StreamSource> {
    return this.#parts.executions.copy(id, request, by);
  }

  images(filter: ImageFilter): readonly ImageView[] {
    return this.#parts.images.list(filter);
  }

  imagePulls(scope: ImageScope): readonly PullView[] {
    return this.#parts.images.pulls(scope);
  }

  async pullImage(name: string, request: PullRequest): Promise<ImageView> {
    const { images, world } = this.#parts;
    const spec = specOfImage(name);
    requireNodeGrants(await world.drivers.of(spec.driver).grants(spec), world.config.drivers);
    return images.pull(name, request);
  }

  deleteImage(image: string, by?: EventActor): Promise<RemovedImages> {
    return this.#parts.images.delete(image, by);
  }

  pruneImages(request: PruneRequest): Promise<RemovedImages> {
    return this.#parts.images.prune(request);
  }

  engines(): readonly EngineView[] {
    return this.#parts.engines.views();
  }

  adopted(filter: AdoptedFilter): readonly AdoptedView[] {
    return this.#parts.engines.list(filter);
  }

  cni(request: CniRequest, signal: AbortSignal, by: EventActor): Promise<CniAnswer> {
    return this.#cni.call(request, { signal, by });
  }

  console(id: string, by?: EventActor): Promise<StreamSource> {
    return this.#parts.consoles.open(id, by);
  }

  doctor(): Promise<readonly Condition[]> {
    return this.#diagnosis.look();
  }

  async cleanup(signal?: AbortSignal, by?: EventActor): Promise<readonly string[]> {
    this.#diagnosis.forget();
    const { reaper, world } = this.#parts;
    const removed = await reaper.sweep({ now: true, ...defined({ signal }) });
    if (removed.length > 0)
      world.events.append({ type: 'host.cleaned', data: { removed: removed.length }, ...actorField(by) });
    return removed;
  }

  cleanupPlan(): Promise<readonly CleanupStep[]> {
    return this.#parts.reaper.plan();
  }

  /** A source of the node's conditions. */
  networkConditions(): readonly Condition[] {
    return this.#diagnosis.networkConditions();
  }

  #ready(): boolean {
    return this.#parts.ready() && this.#parts.conditions.ready;
  }

  #name(): string {
    const { facts, world } = this.#parts;
    const { name } = world.config.node;
    return name === '' ? facts.hostname : name;
  }
}
