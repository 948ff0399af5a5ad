// What the agent can be asked, in one interface: the sessions of this room call it, daemon/agent.ts answers.
import type { CniAnswer, CniRequest } from '../cni/request.js';
import type { GrantName } from '../config/drivers.js';
import type { AuditFilter, PlacedEntry } from '../density/audit.js';
import type { Ceiling } from '../density/ceilings.js';
import type { OverheadView } from '../density/overhead/count.js';
import type { PredictionView } from '../density/prediction/live.js';
import type { ReservationView } from '../density/reservations.js';
import type { TenantView } from '../density/tenant-admin.js';
import type { TenantChange } from '../density/tenant-settings.js';
import type { Setting } from '../density/tuner.js';
import type { WindowState } from '../density/windows.js';
import type { NodeDescription } from '../metrics/node-description.js';
import type { TopDocument } from '../metrics/top.js';
import type { AdoptedFilter, AdoptedView, EngineView } from '../model/adopted.js';
import type { CapacityPart, TenantFilter } from '../model/capacity.js';
import type { Claimant, Reach } from '../model/claimant.js';
import type { Condition } from '../model/condition.js';
import type { DrainRequest, DrainStep, DrainView } from '../model/drain.js';
import type { EventActor } from '../model/event.js';
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
import type { WorkloadSpec } from '../model/spec.js';
import type { MergePatch } from '../model/spec-change.js';
import type { PlacementDescription } from '../placement/describe.js';
import type { ListFilter } from '../workload/listed.js';
import type { LogChunk, LogOptions } from '../workload/log-chunk.js';
import type { CleanupStep } from '../workload/reaper.js';
import type { Snapshotting } from '../workload/snapshotting.js';
import type { Changed, ChangeOptions } from '../workload/updating.js';
import type { VolumeAdmin } from '../workload/volumes.js';
import type { LifeWish } from '../workload/wishes.js';
import type { StreamSource } from './stream-protocol.js';

/** What bears on capacity beside the ledger's rows. */
export interface Outlook {
  readonly windows: readonly WindowState[];
  readonly ceilings: readonly Ceiling[];
  readonly reservations: readonly ReservationView[];
  /** What the drivers need themselves, by kind and size. */
  readonly overhead: readonly OverheadView[];
  /** Null: density.prediction is off. */
  readonly prediction: PredictionView | null;
}

/** What a reload came to. */
export interface Reloaded {
  /** Sections that differ from what the agent started with, and wait for a restart. */
  readonly restart: readonly string[];
  /** Tenants whose memory cannot go down to the new limit yet, with the reason. */
  readonly unmet: readonly { readonly tenant: string; readonly why: string }[];
}

export type SnapshotService = Pick<Snapshotting, 'make' | 'list' | 'delete'>;

/**
 * All methods throw BerthError; those that change something resolve when the journal is durable. `by`: who asked, for the events
 * of the change.
 */
export interface AgentService {
  describe(): NodeDescription;
  capacity(filter: TenantFilter): CapacityPart;
  /** Who uses what, as of the last samples. */
  top(filter: ListFilter): TopDocument;
  /** Who sits on which cpus, and why. */
  placement(): PlacementDescription;
  outlook(): Outlook;
  /** By name. */
  tenants(filter: TenantFilter): readonly TenantView[];
  /** Whose a name is: of a workload or of a reservation its tenant, of a tenant itself; undefined: nobody's. Cheap. */
  ownerOf(name: string): string | undefined;
  /** `evict`: stops workloads of the tenant, lowest promise first, until its quotas hold. */
  setTenant(
    name: string,
    change: TenantChange,
    options: { readonly create: boolean; readonly evict: boolean },
    by?: EventActor,
  ): Promise<{ readonly tenant: TenantView; readonly evicted: readonly string[] }>;
  deleteTenant(name: string, by?: EventActor): Promise<void>;
  licences(filter: LicenceFilter): readonly LicenceView[];
  /** `ttl` in milliseconds; a count of 0 gives them back. */
  leaseLicence(name: string, scheduler: string, count: number, ttl: number, by?: EventActor): Promise<LicenceView>;
  /** Oldest first. */
  licenceAudit(filter: AuditFilter): Promise<readonly PlacedEntry[]>;
  /** plan: what `fix` would change. */
  tune(action: 'plan' | 'fix' | 'rollback', by?: EventActor): Promise<readonly Setting[]>;
  /** Takes the configuration as it is in the files now. Throws config_invalid. */
  reload(by?: EventActor): Promise<Reloaded>;
  /** False: lifts a drain, too; resolves with how many workloads start again. */
  setCordoned(cordoned: boolean, by?: EventActor): Promise<number>;
  /** Cordons, and stops workloads from now on; resolves when that is durable. */
  drain(request: DrainRequest, by?: EventActor): Promise<DrainView | null>;
  /** The dry run of `drain`. */
  drainPlan(request: DrainRequest): readonly DrainStep[];
  /** What a spec asks for beyond its sandbox, and what of it its tenant is granted. */
  grants(spec: WorkloadSpec): Promise<{ readonly needed: readonly GrantName[]; readonly tenant: readonly GrantName[] }>;
  /** `reach`: preemption is asked for, and how far it may go. */
  fits(spec: WorkloadSpec, reach?: Reach): Promise<FitsAnswer>;
  /** Same id and same spec: success, nothing changes. Another spec: `conflict`. */
  create(spec: WorkloadSpec, claimant?: Claimant): Promise<WorkloadView>;
  /** Room set aside for a workload of this id, `ttl` in milliseconds. */
  reserve(spec: WorkloadSpec, scheduler: string | null, ttl: number, by?: EventActor): Promise<ReservationView>;
  /** By id or by token. */
  release(reservation: string, scheduler: string | null, by?: EventActor): Promise<ReservationView>;
  /**
   * Live change of what workload/change.ts names MUTABLE; anything else is `immutable_field`. An abort before all of it is in
   * force leaves the old limits and the old record.
   */
  update(id: string, spec: WorkloadSpec, options?: ChangeOptions): Promise<WorkloadView & Changed>;
  /** As `update`, with a JSON merge patch (RFC 7386) of the stored specification. */
  patch(id: string, patch: MergePatch, options?: ChangeOptions): Promise<WorkloadView & Changed>;
  /** Resolves when the wish is durable; the event `workload.deleted` says when nothing is left. */
  delete(id: string, options: { readonly now: boolean; readonly by?: EventActor }): Promise<WorkloadView>;
  /** See WISHES in model/lifecycle.ts for what follows in which state. Resolves with what is durable. */
  wish(id: string, wish: Exclude<LifeWish, 'delete'>, by?: EventActor): Promise<WorkloadView>;
  get(id: string): Promise<WorkloadView>;
  /** By id. */
  list(filter: ListFilter): readonly WorkloadView[];
  logs(id: string, options: LogOptions): Promise<LogChunk>;
  /** Runs a program inside a workload, with what the workload may and no more. Resolves when it has its streams. */
  exec(id: string, request: ExecutionRequest, by?: EventActor): Promise<StreamSource>;
  /** Copies files into a workload or out of it, as its main process could. */
  copy(id: string, request: CopyRequest, by?: EventActor): Promise<StreamSource>;
  readonly snapshots: SnapshotService;
  readonly volumes: Pick<VolumeAdmin, 'list' | 'delete' | 'prune'>;
  /** By digest. */
  images(filter: ImageFilter): readonly ImageView[];
  /** Pulls under way. */
  imagePulls(scope: ImageScope): readonly PullView[];
  /** Resolves when the image is here as a whole. Those who ask for the same image wait for one pull, which ends with the last of them. */
  pullImage(name: string, request: PullRequest): Promise<ImageView>;
  /** A name, or by its digest an image with all its names. */
  deleteImage(image: string, by?: EventActor): Promise<RemovedImages>;
  pruneImages(request: PruneRequest): Promise<RemovedImages>;
  /** Every engine that berth knows, in the order of the table. */
  engines(): readonly EngineView[];
  /** What an engine runs, by name. */
  adopted(filter: AdoptedFilter): readonly AdoptedView[];
  /** What a container runtime asks of the network plugin. An error is an answer. `signal`: of who asks. */
  cni(request: CniRequest, signal: AbortSignal, by: EventActor): Promise<CniAnswer>;
  /** The serial console of a virtual machine. */
  console(id: string, by?: EventActor): Promise<StreamSource>;
  doctor(): Promise<readonly Condition[]>;
  /** Removes what berth owns and nothing is attached to, without waiting for the guard age. */
  cleanup(signal?: AbortSignal, by?: EventActor): Promise<readonly string[]>;
  /** The dry run of `cleanup`. */
  cleanupPlan(): Promise<readonly CleanupStep[]>;
}
