// What the agent can be asked, in one interface: the control room calls it, the workload and density rooms answer.
import type { PlacementDescription } from './placement/describe.js';
import type { PressureStatus } from './pressure/status.js';
import type { Desired, WorkloadState, WorkloadView } from './workload/record.js';
import type { DriverName, WorkloadSpec } from './workload/spec.js';

/** One dimension of the ledger at one scope. Units: workloads, cores, bytes, addresses. */
export interface CapacityRow {
  readonly scope: string;
  readonly dimension: 'workloads' | 'cpu' | 'memory' | 'addresses';
  /** What the host has, before reserve and overcommit. */
  readonly capacity: number;
  /** What may be committed: (capacity - reserve) x overcommit, or the quota. `null`: no limit. */
  readonly allocatable: number | null;
  readonly committed: number;
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

export interface FitsAnswer {
  readonly fits: boolean;
  readonly refusals: readonly Refusal[];
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
  readonly conditions: readonly Condition[];
}

/** A finding of the doctor or of a running check. */
export interface Condition {
  readonly code: string;
  readonly severity: 'error' | 'warning' | 'info';
  readonly title: string;
  readonly why: string;
  readonly fix: string;
}

/** Something that happened. `cursor` rises by one with every event of this host, across restarts. */
export interface BerthEvent {
  readonly cursor: number;
  /** Unix ms. */
  readonly at: number;
  /** `workload.state`, `workload.created`, `workload.updated`, `workload.deleted`, `workload.ended`,
   *  `workload.restarting`, `admission.refused`, `agent.started`, `agent.stopping`, `node.cordoned`,
   *  `node.uncordoned`, `reaper.removed`, `journal.damaged`, `scheduler.connected`, `scheduler.disconnected`,
   *  `config.reloaded`, `config.rejected`, `network.drift`, `network.repaired`. */
  readonly type: string;
  readonly workload?: string;
  readonly tenant?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface LogChunk {
  /** Bytes from the start of the current output file; pass back as `offset` to go on. */
  readonly next: number;
  readonly text: string;
  readonly end: boolean;
}

/** All methods throw BerthError; those that change something resolve when the journal is durable. */
export interface AgentService {
  describe(): NodeDescription;
  capacity(): readonly CapacityRow[];
  /** Who sits on which cpus, and why. */
  placement(): PlacementDescription;
  setCordoned(cordoned: boolean): Promise<void>;
  fits(spec: WorkloadSpec): Promise<FitsAnswer>;
  /** Same id and same spec: success, nothing changes. Another spec: `conflict`. */
  create(spec: WorkloadSpec): Promise<WorkloadView>;
  /** Live change of what workload/change.ts names MUTABLE; anything else is `immutable_field`. */
  update(id: string, spec: WorkloadSpec): Promise<WorkloadView>;
  /** Resolves when the wish is durable; the event `workload.deleted` says when nothing is left. */
  delete(id: string, options: { readonly now: boolean }): Promise<WorkloadView>;
  /** running: start a stopped one; stopped; frozen. `restart` stops and starts. */
  setDesired(
    id: string,
    desired: Exclude<Desired, 'deleted'>,
    options?: { readonly restart?: boolean },
  ): Promise<WorkloadView>;
  get(id: string): Promise<WorkloadView>;
  list(filter: { readonly tenant?: string; readonly state?: WorkloadState }): readonly WorkloadView[];
  logs(id: string, options: { readonly offset?: number; readonly limit: number }): Promise<LogChunk>;
  doctor(): Promise<readonly Condition[]>;
  /** Removes what berth owns and nothing is attached to, without waiting for the guard age. */
  cleanup(): Promise<readonly string[]>;
}
