// The words of the ladder. All pressure is stall in milliseconds per second, 0-1000, as the triggers have it
// (Documentation/accounting/psi.rst); memory is bytes, cpu cores.
import type { Value } from '../../cgroups/types.js';
import type { STEPS } from '../config/pressure.js';

export type Resource = 'memory' | 'cpu' | 'io';
export type Step = (typeof STEPS)[number];
export type WorkloadClass = 'guaranteed' | 'burstable' | 'besteffort';
export type Level = 'calm' | 'warn' | 'act';

/** `host`, `tenant/NAME` or `workload/ID`: whose pressure it is, and on whom may be acted because of it. */
export type ScopeName = 'host' | `tenant/${string}` | `workload/${string}`;

/** A workload that runs or is frozen, as its spec has it. `null`: no such limit. */
export interface Target {
  readonly id: string;
  readonly tenant: string;
  readonly class: WorkloadClass;
  readonly priority: number;
  /** Directory of its cgroup. */
  readonly dir: string;
  readonly tenantDir: string;
  /** What the ledger counts for it. */
  readonly request: { readonly cpu: number; readonly memory: number };
  /** `io`: whether io.max bounds it on any device. `burst`: whether cpu.max.burst is set. */
  readonly limit: {
    readonly cpu: number | null;
    readonly memory: number | null;
    readonly io: boolean;
    readonly burst: boolean;
  };
  /** cpu.idle is 1: it has no weight then. */
  readonly idle: boolean;
  /** memory.high of the spec: a reason to watch for futile reclaim. */
  readonly memoryHigh: number | null;
  readonly frozen: boolean;
  readonly canBalloon: boolean;
}

/** What a workload uses. Rates are since the reading before; 0 in the first. */
export interface Usage {
  readonly memory: number;
  /** Bytes per second, negative when it shrinks. */
  readonly growth: number;
  /** Page cache, and of anonymous memory what fits into swap. */
  readonly reclaimable: number;
  readonly cpu: number;
  /** Bytes read and written per second. */
  readonly io: number;
  /** Its own stall by the resource in question. */
  readonly some: number;
  readonly full: number;
  /** It stalls at a limit of its own (memory.max, cpu.max, io.max), which nobody else's sacrifice can cure. */
  readonly selfLimited: boolean;
}

export interface Candidate extends Target {
  readonly usage: Usage;
}

/** The pressure of a scope at one moment. */
export interface Reading {
  /** Without what workloads stall at limits of their own, that of suppress included. Steps down are decided by it. */
  readonly some: number;
  readonly full: number;
  /**
   * The part of it that is felt by those for whom others give way. Steps up are decided by it: a workload with
   * cpu.weight 1 goes on to wait, and that it waits is no reason to do more to it, but to leave it so.
   */
  readonly felt: { readonly some: number; readonly full: number };
  /** MemAvailable and MemTotal; for the host and memory only. */
  readonly available: { readonly bytes: number; readonly total: number } | null;
  /** memory.current of the scope, or what of the host is in use: a step of reclaim is a share of it. */
  readonly memory: number;
  /** Of the host. */
  readonly cores: number;
  /** Whether io.weight does anything here: the file is there without a cost model, too, and is then obeyed by nobody. */
  readonly ioWeight: boolean;
}

/** One thing done to one workload, to be undone later. */
export interface Applied {
  readonly target: string;
  readonly step: 'suppress' | 'balloon' | 'freeze';
  /** What it holds in the layer `pressure`; empty for others than suppress. */
  readonly values: readonly Value[];
  /** How often suppress was made tighter. */
  readonly depth: number;
  /** Size of the balloon. */
  readonly bytes: number;
  readonly at: number;
}

/** A candidate's place in the order of victims, with the figures that put it there. */
export interface Ranked {
  readonly id: string;
  readonly tenant: string;
  readonly class: WorkloadClass;
  readonly priority: number;
  /** Use beyond the request, in bytes or cores; for io, bytes per second. */
  readonly over: number;
  readonly usage: number;
}

interface Common {
  readonly scope: ScopeName;
  readonly resource: Resource;
  readonly target: string;
  /** Why, in a sentence with the figures. */
  readonly why: string;
  readonly ranked: readonly Ranked[];
  /** Lower steps that were passed over, each with the reason. */
  readonly skipped: readonly Skipped[];
}

export interface Skipped {
  readonly step: Step;
  readonly reason: string;
}

export type Action =
  /** Take hold of, or more firmly: `applied` replaces what the state had for this target and step. */
  | (Common & { readonly kind: 'suppress' | 'balloon' | 'freeze'; readonly applied: Applied })
  | (Common & { readonly kind: 'reclaim'; readonly bytes: number })
  | (Common & { readonly kind: 'kill' })
  /** Take back: `applied` is what remains of it, null when nothing does. */
  | (Common & { readonly kind: 'release' | 'deflate' | 'thaw'; readonly applied: Applied | null });

export type ActionKind = Action['kind'];

export const ACTION_KINDS: readonly ActionKind[] = [
  ...(['suppress', 'reclaim', 'balloon', 'freeze', 'kill', 'release', 'deflate', 'thaw'] as const),
];

/** Of one scope and resource. */
export interface LadderState {
  readonly level: Level;
  /** Since when it has this level. */
  readonly since: number;
  /** Since when act-level pressure goes on; null outside level act. */
  readonly actSince: number | null;
  /** Since when pressure is below the release thresholds. */
  readonly belowSince: number | null;
  readonly lastUp: number | null;
  readonly lastDown: number | null;
  readonly lastKill: number | null;
  /** How often in a row pressure has come back soon after something was undone. */
  readonly relapses: number;
  /** How often each step was taken since it was last calm. */
  readonly rounds: Readonly<Record<Step, number>>;
  /** Workloads killed or thawed after freeze_max since then: not chosen for that again. */
  readonly killed: readonly string[];
  readonly thawed: readonly string[];
  /** In the order in which it was done. */
  readonly applied: readonly Applied[];
  /** Why the last decision under pressure did nothing; null when it did something, or there is none. */
  readonly idle: string | null;
}
