// One line of the table behind `berth doctor`.
import type { DensityStatus } from '../density/status.js';
import type { HostFacts } from '../host/facts.js';
import type { LimitStatus } from '../limits/conditions.js';
import type { Condition } from '../model/condition.js';
import type { NetworkStatus } from '../network/health.js';

/** What the running agent adds; all of it optional, so that `berth doctor` also works beside a dead agent. */
export interface AgentStatus {
  /** Most workloads this host is meant to hold (density.max_workloads). Default 1000. */
  readonly workloadLimit?: number;
  readonly leakedObjects?: number;
  /** Who else has ids that workloads get, by the key of the configuration. */
  readonly sharedIds?: readonly string[];
  /** Names of schedulers without connection. */
  readonly schedulersDown?: readonly string[];
  readonly density?: DensityStatus;
  readonly network?: NetworkStatus;
  readonly limits?: LimitStatus;
  /** Findings that others have put into words. */
  readonly conditions?: readonly Condition[];
  /** Controllers berth wanted and did not get below its own root (`tree.missing`). */
  readonly missingControllers?: readonly { readonly controller: string; readonly reason: string }[];
}

export interface Check extends Condition {
  /** Undefined: all is well. Otherwise what is to be added to the title, possibly nothing (`''`). */
  when(facts: HostFacts, status: AgentStatus): string | undefined;
}
