// Workloads that another manager of this host, an engine, has started, as berth tells of them. What an engine itself says
// (names, images, labels) is text of strangers: it is cleaned and cut before it is here.
import type { Range } from '../base/pages.js';
import type { EndCause } from './record.js';

/** One line an engine; what berth knows of it is its file in agent/discovery/engines. */
export const ENGINE_NAMES = ['docker', 'podman', 'containerd', 'crio', 'lxc', 'libvirt', 'nspawn'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];
/** Of the ledger: what an engine has, beside the kinds of drivers. */
export type EngineKind = `engine/${EngineName}`;
/** Those that berth asks by a socket; the others are found by the names of their cgroups. */
export const ENGINES_WITH_SOCKET = ['docker', 'podman'] as const satisfies readonly EngineName[];

/** off: not looked at. observe: found, counted and shown. advise: conditions with the command that cures them, as well. */
export const AUTHORITIES = ['off', 'observe', 'advise'] as const;
export type Authority = (typeof AUTHORITIES)[number];

/** Cores, bytes, processes. `null`: no limit. */
export interface AdoptedLimits {
  readonly cpu: number | null;
  readonly memory: number | null;
  readonly pids: number | null;
}

export interface AdoptedWorkload {
  readonly engine: EngineName;
  /** As the engine has it; of one that is found by its cgroup, from the name of that. */
  readonly id: string;
  /** Of all workloads of this engine no other has it. */
  readonly name: string;
  readonly tenant: string;
  readonly image: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly paused: boolean;
  /** From the mount of cgroup v2; null: not found, as where the engine uses cgroup v1. */
  readonly cgroup: string | null;
  readonly limits: AdoptedLimits;
  /** Why the ledger does not count it: what holds it is counted already. Null: it is counted. */
  readonly within: string | null;
}

/** Cores over the last half minute or more, bytes, processes. `null`: not measured. */
export type AdoptedUse = AdoptedLimits;

/** As it is told. */
export interface AdoptedView extends AdoptedWorkload {
  readonly use: AdoptedUse;
}

/** The end of one as its engine tells it, with what was known of it. */
export interface EndedWorkload extends Pick<AdoptedWorkload, 'engine' | 'id' | 'name' | 'tenant' | 'image'> {
  /** Of its first process; null: not known. */
  readonly pid: number | null;
  /** Its memory limit in bytes; null: none, or not known. */
  readonly memory: number | null;
  /** 128 and the number of the signal where a signal has ended it; null: the engine does not say. */
  readonly code: number | null;
  /** Somebody has stopped or killed it through the engine. */
  readonly asked: boolean;
  /** The engine has seen an OOM-kill in it. */
  readonly oom: boolean;
}

/** Since the agent has started. */
export interface AdoptedEndCount {
  readonly engine: EngineName;
  readonly cause: EndCause;
  readonly count: number;
}

/** up: it answers. names: no socket is there, or berth asks none, and its workloads are found by the names of their cgroups. */
export type EngineState = 'up' | 'names' | 'unreachable' | 'absent' | 'off';

export interface EngineView {
  readonly name: EngineName;
  readonly authority: Authority;
  readonly state: EngineState;
  /** Why it is unreachable. */
  readonly why: string | null;
  readonly socket: string | null;
  readonly workloads: number;
  /** Found and not kept: more than MOST_ADOPTED on this host. */
  readonly dropped: number;
}

export interface AdoptedFilter extends Range {
  readonly engine: EngineName;
  /** Whether this tenant may be told. */
  readonly sees: (tenant: string) => boolean;
}

/** Of all engines together. */
export const MOST_ADOPTED = 5000;
