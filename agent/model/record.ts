// What berth knows of one workload: intent and progress, as kept in the journal and as shown to the outside.

import type { KsmStat } from '../../linux/ksm.js';
import type { Attachment, LinkStats } from '../../netns/types.js';
import type { ErrorReport } from '../../protocol/errors.js';
import type { Deadline } from '../base/clock.js';
import type { Victim as Evictee } from './preemption.js';
import type { Saved } from './snapshot.js';
import type { WorkloadSpec } from './spec.js';
import type { StartWait } from './start-wait.js';

export const WORKLOAD_STATES = [
  'pending',
  'preparing',
  'starting',
  'running',
  'frozen',
  'stopping',
  'exited',
  'failed',
] as const;
export type WorkloadState = (typeof WORKLOAD_STATES)[number];

/** What the last word from outside wants: the reconciler works towards it, whatever happens between. */
export type Desired = 'running' | 'frozen' | 'stopped' | 'deleted';

/** Why a process is no more; a bounded word (a metric label). */
export type EndCause =
  /** The kernel killed it at its own memory limit, or at one inside it. */
  | 'limit'
  /** The kernel killed it at the memory limit of its tenant. */
  | 'tenant'
  /** The kernel killed it because the host, or a cgroup above all tenants, had no memory left. */
  | 'host'
  /** The kernel of the guest gave up: a panic, or no memory inside the VM. */
  | 'guest'
  /** The kernel killed the VMM at a limit in which its guest fits: the VMM itself needed more than it was thought to. */
  | 'vmm'
  /** berth killed it, to relieve the host or its tenant. */
  | 'pressure'
  /** berth killed it, as its health probe failed, to start it again by its restart policy. */
  | 'health'
  | 'signal'
  | 'exit'
  | 'stopped'
  /** It was written to a snapshot; its next start goes on from there. */
  | 'suspended'
  /** It was stopped to make room for a workload of a higher class or priority. */
  | 'preempted'
  /** It was stopped because its tenant had more than its quota. */
  | 'quota'
  /** It was stopped as the node is drained. */
  | 'drained'
  | 'start'
  | 'lost';

/** Who killed it. */
export type KillActor = 'kernel' | 'berth' | 'guest' | 'unknown';

/** Bytes; null: no limit, or the kernel does not count it. */
export interface MemoryFigures {
  /** memory.max. */
  readonly limit: number | null;
  /** memory.current; of a workload whose processes are dead, what is left of it. */
  readonly current: number | null;
  /** memory.peak: since the cgroup was made, runs before a restart included. */
  readonly peak: number | null;
}

/** Percent of the time that some, or all, of its processes were stalled; null: not measured. */
export interface PressureShare {
  readonly some: number | null;
  readonly full: number | null;
}

/** One look at a workload. */
export interface PressurePoint {
  /** Unix milliseconds. */
  readonly at: number;
  readonly cpu: PressureShare;
  readonly memory: PressureShare;
  readonly io: PressureShare;
  /** memory.current; null: not measured. */
  readonly bytes: number | null;
}

/** A process that the kernel killed. `memory`: bytes it had. */
export interface Victim {
  readonly pid: number;
  readonly command: string;
  readonly memory: number;
}

/** How a process ended, and why. Times in Unix milliseconds. */
export interface EndRecord {
  readonly at: number;
  readonly code: number | null;
  readonly signal: string | null;
  readonly cause: EndCause;
  /** One sentence with the figures, e.g. `killed by the kernel at its memory limit (memory.max 64Mi, ...)`. */
  readonly detail: string;
  /** What ended. Absent: no process of it ran. */
  readonly process?: ProcessRecord;
  /** Absent: it was not killed. */
  readonly actor?: KillActor;
  /** Of one that was preempted: for whom. */
  readonly by?: Preemptor;
  /** Absent: nothing was, or the kernel's log cannot be read. */
  readonly victim?: Victim;
  /** Limits and usage when the end was seen. Absent: no memory controller, or it never ran. */
  readonly memory?: MemoryFigures & { readonly tenant: MemoryFigures };
  /** The last 60 s, oldest first. Absent: not measured. */
  readonly pressure?: readonly PressurePoint[];
}

/** What was counted before a process was started: only what rises from there is its own. */
export interface Before {
  /** memory.events of the cgroup, those below it included. */
  readonly oom: number;
  readonly oomKill: number;
  readonly oomGroupKill: number;
  /** `oom` in memory.events.local of the tenant: hits of the tenant's own limit. */
  readonly tenantOom: number;
  /** Newest record of the kernel's log; null: it cannot be read. */
  readonly kernelLog: number | null;
  /** Position in the stream of its output, in bytes. */
  readonly output: number;
}

/** A kill that is decided: durable before it is carried out, so that the end has its reason whatever happens between. */
export interface Killed {
  readonly by: 'pressure' | 'health';
  /** One sentence with the figures that led to it. */
  readonly detail: string;
  readonly at: number;
  /** Milliseconds since the boot; absent: made by an older agent. */
  readonly bootMs?: number;
}

/** Processes that had left its cgroup: durable before they are killed, and gone when `workload.escaped` is told. */
export interface Escapes {
  readonly count: number;
  /** The first of them. */
  readonly processes: readonly Escaped[];
}

export interface Preemptor {
  readonly workload: string;
  readonly tenant: string;
}

/** It has to go for others, or for a drain of the node: durable before it is asked to stop, so that its end has its reason whatever happens between. */
export interface Evicted {
  readonly cause: 'preempted' | 'quota' | 'drained';
  readonly by?: Preemptor;
  /** Milliseconds between signal and kill; absent: see graceOf. */
  readonly graceMs?: number;
  /** What was wanted before, and is wanted again when the drain is lifted; absent: it stays stopped. */
  readonly resumes?: 'running' | 'frozen';
  /** One sentence with the figures that led to it. */
  readonly detail: string;
  readonly at: number;
}

/** What had to be done for this workload to have room. */
export interface Preemption {
  readonly at: number;
  readonly victims: readonly Evictee[];
  /** What was short, as a sentence. */
  readonly why: string;
  /** Victims that are not known to be gone. Its room is set aside, and it does not start, until there are none. */
  readonly waitingFor: readonly string[];
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
  /** What the guest takes for its address, where that is another one: it began with a snapshot. */
  readonly guestAddress?: string | null;
  /** The guest's number for AF_VSOCK. */
  readonly vsockId: number | null;
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
  vsockId: null,
  baseline: null,
};

/** The tenant's number is all that outlasts the objects; the names may be those of a slot that others have by now. */
export function emptied({ cgroup, group }: Sandbox): Sandbox {
  return { ...NO_NETWORK, cgroup, group };
}

/** A workload of which nothing has run in this boot. */
export const NEVER_RUN = { process: null, before: null, killed: null } as const satisfies Partial<WorkloadRecord>;

/** A process that had left its cgroup. */
export interface Escaped {
  readonly pid: number;
  readonly command: string;
}

export interface ProcessRecord {
  readonly pid: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat: with the boot id it names a process for ever. */
  readonly startTime: number;
  readonly startedAt: number;
}

/** How its restart policy stands. */
export interface RestartState {
  /** Starts by the policy since the last good run, or since somebody started it. */
  readonly attempts: number;
  /** Before it the next one does not begin; null: none waits. */
  readonly next: Deadline | null;
  /** The policy would start it again, and `maxRetries` does not allow it. */
  readonly gaveUp: boolean;
}

export interface RestartView extends Omit<RestartState, 'next'> {
  /** When the next start begins, in Unix milliseconds; null: none waits. */
  readonly nextAt: number | null;
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
  /** Written before the process is started, so that a crash in between takes nothing for its own. Null: never started. */
  readonly before: Before | null;
  readonly killed: Killed | null;
  /** By its policy, ever: a counter for metrics. What the policy goes by is `restart`. */
  readonly restarts: number;
  /** Absent: as nothing was tried yet. */
  readonly restart?: RestartState;
  /** A restart was asked for and has not happened yet. */
  readonly restartRequested: boolean;
  readonly end: EndRecord | null;
  /** Why it failed or waits; null when all is well. */
  readonly error: ErrorReport | null;
  /** Licences it was admitted without, as none was left and the pool allows it. */
  readonly downgraded?: readonly string[];
  /** Bytes that the ledger counts for the driver's own memory, as at admission; absent: what is configured. */
  readonly overhead?: number;
  /** Its image, once the digest is known: what it was started with, whatever the name means later. */
  readonly image?: { readonly name: string; readonly digest: string };
  /** Set: it is stopping for others, or has, and was not started since. */
  readonly evicted?: Evicted | null;
  readonly preemption?: Preemption | null;
  readonly escaped?: Escapes | null;
  /** Set: its state is being written to a snapshot, or is there. */
  readonly saved?: Saved | null;
  /** Number of its newest snapshot, deleted ones included: what is deleted is never taken for another one. Absent: it has had none. */
  readonly lastSnapshot?: number;
}

/** Accepted, and its room is still in use by those who go for it. */
export function waitsForRoom({ state, preemption }: Pick<WorkloadRecord, 'state' | 'preemption'>): boolean {
  return state === 'pending' && (preemption?.waitingFor.length ?? 0) > 0;
}

/** Where a start stands whose room is not free yet. */
export interface RoomWait {
  readonly reason: 'preemption';
  readonly waitedMs: number;
  /** `problem`: why one does not go. */
  readonly for: readonly {
    readonly id: string;
    readonly tenant: string;
    readonly state: WorkloadState;
    readonly problem: string | null;
  }[];
}

/** Fields of a record that are not shown. */
type Unseen = 'bootId' | 'before' | 'escaped' | 'lastSnapshot';

/** The view of `workload.get`, `workload.list`: the record, plus what the kernel says now where it was asked. */
export interface WorkloadView extends Omit<WorkloadRecord, Unseen | 'sandbox' | 'restart'> {
  readonly restart: RestartView;
  readonly sandbox: Sandbox & {
    readonly cgroupPath: string;
    readonly netnsPath: string | null;
    /** `ip=` for the kernel of a guest behind the tap; null without one. */
    readonly kernelIp: string | null;
  };
  readonly limits?: Readonly<Record<string, string>>;
  /** What merging of equal pages has saved, where it was asked for (`resources.memory.ksm`) and something runs. */
  readonly ksm?: KsmStat;
  /** Whether its health probe succeeds; absent: its spec has none. */
  readonly ready?: boolean;
  /** While it waits for its room, for its turn to start, or to be thawed. */
  readonly waiting?: StartWait | RoomWait;
}
