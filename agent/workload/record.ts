// What berth knows of one workload: intent and progress, as kept in the journal and as shown to the outside.
import type { Attachment, LinkStats } from '../../netns/types.js';
import type { StartWait } from '../density/governor/types.js';
import type { ErrorReport } from '../errors.js';
import type { WorkloadSpec } from './spec.js';

export type WorkloadState =
  | 'pending'
  | 'preparing'
  | 'starting'
  | 'running'
  | 'frozen'
  | 'stopping'
  | 'exited'
  | 'failed';

/** What the last word from outside wants: the reconciler works towards it, whatever happens between. */
export type Desired = 'running' | 'frozen' | 'stopped' | 'deleted';

/** Why a process is no more. `cause` is a bounded word (a metric label). Times in Unix milliseconds. */
export interface EndRecord {
  readonly at: number;
  readonly code: number | null;
  readonly signal: string | null;
  readonly cause: 'exit' | 'signal' | 'limit' | 'stopped' | 'start' | 'lost';
  /** One sentence with the figures, e.g. `killed by the kernel at its memory limit 64Mi (memory.events oom_kill 1)`. */
  readonly detail: string;
}

/** Names and leases of the sandbox: deterministic or leased once, before anything is made in the kernel. */
export interface Sandbox {
  readonly cgroup: string;
  readonly netns: string | null;
  readonly hostLink: string | null;
  readonly tap: string | null;
  readonly address: string | null;
  readonly address6: string | null;
  readonly mac: string | null;
  /** The three below are kept as they were at admission; null: it has no link. */
  readonly mtu: number | null;
  /** IFLA_GROUP of its links: the number of its tenant. */
  readonly group: number | null;
  readonly attachment: Attachment | null;
  /** Counters of the link when it was handed out ready-made: they are of others. Null: it was made for this workload. */
  readonly baseline: LinkStats | null;
}

/** A sandbox that is a cgroup and nothing else. */
export const NO_NETWORK: Omit<Sandbox, 'cgroup'> = {
  netns: null,
  hostLink: null,
  tap: null,
  address: null,
  address6: null,
  mac: null,
  mtu: null,
  group: null,
  attachment: null,
  baseline: null,
};

export interface ProcessRecord {
  readonly pid: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat: with the boot id it names a process for ever. */
  readonly startTime: number;
  readonly startedAt: number;
  /** memory.events oom_kill when it started, so that only later kills are counted as its own. */
  readonly oomKillsBefore: number;
}

/** The journal entry, one file per workload. */
export interface WorkloadRecord {
  readonly id: string;
  readonly spec: WorkloadSpec;
  readonly desired: Desired;
  readonly state: WorkloadState;
  /** Unix ms of the last change of state. */
  readonly since: number;
  readonly createdAt: number;
  /** Raised by every accepted create and update. */
  readonly generation: number;
  /** Boot in which sandbox and process were made; from another boot neither exists any more. */
  readonly bootId: string;
  readonly sandbox: Sandbox;
  readonly process: ProcessRecord | null;
  readonly restarts: number;
  /** A restart was asked for and has not happened yet. */
  readonly restartRequested: boolean;
  readonly end: EndRecord | null;
  /** Why it failed or waits; null when all is well. */
  readonly error: ErrorReport | null;
}

/** The view of `workload.get`, `workload.list`: the record, plus what the kernel says now where it was asked. */
export interface WorkloadView extends Omit<WorkloadRecord, 'bootId' | 'sandbox'> {
  readonly sandbox: Sandbox & {
    readonly cgroupPath: string;
    readonly netnsPath: string | null;
    /** `ip=` for the kernel of a guest behind the tap; null without one. */
    readonly kernelIp: string | null;
  };
  readonly limits?: Readonly<Record<string, string>>;
  /** While it waits for its turn to start, or to be thawed. */
  readonly waiting?: StartWait;
}
