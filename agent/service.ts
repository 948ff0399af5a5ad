// What the agent can be asked, in one interface: the control room calls it, the workload and density rooms answer.
import type { GrantName } from './config/drivers.js';
import type { AuditFilter, PlacedEntry } from './density/audit.js';
import type { Ceiling } from './density/ceilings.js';
import type { DimensionName, PoolDimension } from './density/dimensions.js';
import type { GovernorStatus } from './density/governor/types.js';
import type { LeaseView } from './density/licences.js';
import type { OverheadView } from './density/overhead/count.js';
import type { PredictionView } from './density/prediction/live.js';
import type { ReservationView } from './density/reservations.js';
import type { TenantFilter, TenantView } from './density/tenant-admin.js';
import type { TenantChange } from './density/tenant-settings.js';
import type { Setting } from './density/tuner.js';
import type { WindowState } from './density/windows.js';
import type { TopDocument } from './metrics/top.js';
import type { PlacementDescription } from './placement/describe.js';
import type { PressureStatus } from './pressure/status.js';
import type { ListFilter } from './workload/listed.js';
import type { WorkloadState, WorkloadView } from './workload/record.js';
import type { Claimant, Reach } from './workload/reserving.js';
import type { DriverName, WorkloadSpec } from './workload/spec.js';
import type { LifeWish } from './workload/wishes.js';

/** What a cleanup would do with one object that no record of this agent explains. */
export interface CleanupStep {
  /** `cgroup`, `netns`, `link`, `process`, `directory`. */
  readonly kind: string;
  readonly name: string;
  /** Id of the installation whose tag it carries; null: no tag, or one of a version without ids. */
  readonly installation: string | null;
  readonly action: 'remove' | 'keep';
  readonly why: string;
}

/** One dimension of the ledger at one scope. Units: pieces, cores, bytes; see density/dimensions.ts. */
export interface CapacityRow {
  /** `host`, `tenant/NAME`, `kind/DRIVER`, `bridge/NAME`, `licence/NAME`, `tenant/NAME/licence/NAME`. */
  readonly scope: string;
  readonly dimension: DimensionName | PoolDimension;
  /** What the host or the pool has, before reserve and overcommit. `null`: not known, or without end. */
  readonly capacity: number | null;
  /** Of the capacity, what is not given out: the reserve, what others use, the margin below a ceiling. */
  readonly kept: number;
  /** What may be committed: (capacity - kept) x overcommit, or the quota. `null`: no limit. */
  readonly allocatable: number | null;
  /** Promised to workloads. */
  readonly committed: number;
  /** Set aside by reservations, beside what is committed. */
  readonly reserved: number;
  /** As measured; `null`: it is not. */
  readonly used: number | null;
  /** Kept free for this tenant. */
  readonly guaranteed?: number;
}

/** A refusal in the shape of design section 7; quantities of memory as text ("256Mi"), others as numbers. */
export interface Refusal {
  readonly code: 'admission_refused';
  readonly dimension: CapacityRow['dimension'] | 'ports' | 'exclusive_cpus' | 'cpus' | 'mems';
  readonly scope: string;
  readonly limit: number | string;
  readonly used: number | string;
  readonly requested: number | string;
  readonly shortBy: number | string;
  readonly retryAfterMs: number | null;
  readonly hint: string;
  /** The workload that holds what was asked for, where it is one. */
  readonly holder?: string;
}

/** How many more of a shape there is room for. */
export interface Room {
  readonly scope: string;
  readonly dimension: Refusal['dimension'];
  readonly more: number;
}

/** A workload that would have to make room. */
export interface Victim {
  readonly id: string;
  readonly tenant: string;
  readonly class: WorkloadSpec['class'];
  readonly priority: number;
}

export interface PlannedVictim extends Victim {
  /** Use over request as measured; null: not measured. */
  readonly excess: number | null;
  /** It is on its way out already, and is waited for only. */
  readonly leaving: boolean;
  /** Of what is short, what its going frees; amounts as in a refusal. */
  readonly frees: readonly {
    readonly scope: string;
    readonly dimension: Refusal['dimension'];
    readonly amount: Refusal['requested'];
  }[];
}

/** Who would be evicted for a workload. A dry run has it from the same function as the real thing. */
export interface PreemptionPlan {
  /** density.preemption of this node. */
  readonly mode: 'off' | 'class' | 'priority';
  /** In the order in which they are asked to stop; empty: nobody is. */
  readonly victims: readonly PlannedVictim[];
  /** What would stand in the way even so; none: it would be admitted. */
  readonly left: readonly Refusal[];
}

export interface FitsAnswer {
  readonly fits: boolean;
  /** The first is what the workload would be refused for. */
  readonly refusals: readonly Refusal[];
  /** How many of this shape could be admitted now, one after the other; `null`: nothing limits them. */
  readonly more: number | null;
  /** The same by dimension, the scarcest first. */
  readonly room: readonly Room[];
  /** Workloads of a lower class or priority without which it would fit; `null`: it fits, or no such set would do. */
  readonly wouldGo: readonly Victim[] | null;
  /** Asked with `preempt`, and it does not fit: what preemption would do about that. Null otherwise. */
  readonly preemption: PreemptionPlan | null;
  /** Licences it would run without, as their pools are exhausted and allow it. */
  readonly downgraded: readonly string[];
}

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

export interface LicenceView {
  readonly name: string;
  readonly per: 'instance' | 'vcpu' | 'core' | 'socket';
  readonly onExhausted: 'refuse' | 'downgrade';
  /** Locked to this node. */
  readonly count: number;
  readonly leases: readonly LeaseView[];
  /** Of both together. */
  readonly total: number;
  readonly inUse: number;
  readonly reserved: number;
  readonly holders: readonly { readonly workload: string; readonly tenant: string; readonly count: number }[];
}

/** What a reload came to. */
export interface Reloaded {
  /** Sections that differ from what the agent started with, and wait for a restart. */
  readonly restart: readonly string[];
  /** Tenants whose memory cannot go down to the new limit yet, with the reason. */
  readonly unmet: readonly { readonly tenant: string; readonly why: string }[];
}

export interface NodeDescription {
  readonly name: string;
  readonly version: string;
  readonly bootId: string;
  readonly startedAt: number;
  readonly ready: boolean;
  readonly cordoned: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly drivers: readonly { readonly name: DriverName; readonly usable: boolean; readonly reason: string }[];
  readonly workloads: Readonly<Record<WorkloadState, number>>;
  readonly leaked: number;
  readonly host: Readonly<Record<string, unknown>>;
  readonly pressure: PressureStatus;
  /** How fast workloads start, what waits for its turn, and what has slowed it down. */
  readonly starts: GovernorStatus;
  readonly conditions: readonly Condition[];
}

/** A finding of the doctor or of a running check. */
export interface Condition {
  readonly code: string;
  readonly severity: 'error' | 'warning' | 'info';
  readonly title: string;
  readonly why: string;
  readonly fix: string;
  /** The node cannot do its work while this holds: readyz answers 503. */
  readonly blocksReady?: true;
}

/** Something that happened. `cursor` rises by one with every event of this host, across restarts. */
export interface BerthEvent {
  readonly cursor: number;
  /** Unix ms. */
  readonly at: number;
  /** A key of EVENTS (control/events.ts). */
  readonly type: string;
  readonly workload?: string;
  readonly tenant?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface LogChunk {
  /** Position in bytes in all that was ever written, counted on over rotations; pass back as `offset` to go on. */
  readonly next: number;
  /** UTF-8, whole characters only; what is no UTF-8 becomes U+FFFD. Empty with `encoding: "base64"`. */
  readonly text: string;
  /** The bytes as they were written, with `encoding: "base64"`. */
  readonly base64?: string;
  readonly end: boolean;
  /** Bytes from `offset` on that are no longer kept; absent: none. What follows is the oldest that is. */
  readonly missing?: number;
}

export interface LogOptions {
  readonly offset?: number;
  readonly limit: number;
  readonly encoding: 'text' | 'base64';
}

/** All methods throw BerthError; those that change something resolve when the journal is durable. */
export interface AgentService {
  describe(): NodeDescription;
  capacity(): readonly CapacityRow[];
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
  ): Promise<{ readonly tenant: TenantView; readonly evicted: readonly string[] }>;
  deleteTenant(name: string): Promise<void>;
  licences(): readonly LicenceView[];
  /** `ttl` in milliseconds; a count of 0 gives them back. */
  leaseLicence(name: string, scheduler: string, count: number, ttl: number): Promise<LicenceView>;
  /** Oldest first. */
  licenceAudit(filter: AuditFilter): Promise<readonly PlacedEntry[]>;
  /** plan: what `fix` would change. */
  tune(action: 'plan' | 'fix' | 'rollback'): Promise<readonly Setting[]>;
  /** Takes the configuration as it is in the files now. Throws config_invalid. */
  reload(): Promise<Reloaded>;
  setCordoned(cordoned: boolean): Promise<void>;
  /** What a spec asks for beyond its sandbox, and what of it its tenant is granted. */
  grants(spec: WorkloadSpec): Promise<{ readonly needed: readonly GrantName[]; readonly tenant: readonly GrantName[] }>;
  /** `reach`: preemption is asked for, and how far it may go. */
  fits(spec: WorkloadSpec, reach?: Reach): Promise<FitsAnswer>;
  /** Same id and same spec: success, nothing changes. Another spec: `conflict`. */
  create(spec: WorkloadSpec, claimant?: Claimant): Promise<WorkloadView>;
  /** Room set aside for a workload of this id, `ttl` in milliseconds. */
  reserve(spec: WorkloadSpec, scheduler: string | null, ttl: number): Promise<ReservationView>;
  /** By id or by token. */
  release(reservation: string, scheduler: string | null): Promise<ReservationView>;
  /** Live change of what workload/change.ts names MUTABLE; anything else is `immutable_field`. */
  /** An abort before all of it is in force leaves the old limits and the old record. */
  update(id: string, spec: WorkloadSpec, signal?: AbortSignal): Promise<WorkloadView>;
  /** Resolves when the wish is durable; the event `workload.deleted` says when nothing is left. */
  delete(id: string, options: { readonly now: boolean }): Promise<WorkloadView>;
  /** See WISHES in workload/lifecycle.ts for what follows in which state. Resolves with what is durable. */
  wish(id: string, wish: Exclude<LifeWish, 'delete'>): Promise<WorkloadView>;
  get(id: string): Promise<WorkloadView>;
  /** By id. */
  list(filter: ListFilter): readonly WorkloadView[];
  logs(id: string, options: LogOptions): Promise<LogChunk>;
  doctor(): Promise<readonly Condition[]>;
  /** Removes what berth owns and nothing is attached to, without waiting for the guard age. */
  cleanup(signal?: AbortSignal): Promise<readonly string[]>;
  /** The dry run of `cleanup`. */
  cleanupPlan(): Promise<readonly CleanupStep[]>;
}
