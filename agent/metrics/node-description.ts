// The node as `node.describe`, the status page and the families show it.
import type { GovernorStatus } from '../density/governor/types.js';
import type { Condition } from '../model/condition.js';
import type { DrainView } from '../model/drain.js';
import type { WorkloadState } from '../model/record.js';
import type { DriverName } from '../model/spec.js';
import type { PressureStatus } from '../pressure/status.js';

export interface NodeDescription {
  readonly name: string;
  readonly version: string;
  readonly bootId: string;
  readonly startedAt: number;
  readonly ready: boolean;
  readonly cordoned: boolean;
  /** Null: the node is not drained, and was not. */
  readonly drain: DrainView | null;
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
