// The one interface of all drivers. A driver decides WHAT is run; the sandbox around it, the start, the watch and the end are
// the same for all. It has no state, and no effects outside `prepare` and `cleanup`.
import type { Mapping } from '../../linux/smaps.js';
import type { Tap } from '../../netns/types.js';
import type { ExitRecord } from '../../systemd/supervisor/protocol.js';
import type { GrantName } from '../config/drivers.js';
import type { ExecutionRequest } from '../model/execution.js';
import type { ImageRoot } from '../model/image.js';
import type { Sandbox } from '../model/record.js';
import type { DriverName, WorkloadSpec } from '../model/spec.js';
import type { Volumes } from './volumes.js';

/** What a driver needs beside the spec. */
export interface DriverContext {
  /** Directory of this workload in the runtime directory (/run/berth/workloads/ID), made before `prepare`. */
  readonly directory: string;
  readonly sandbox: Sandbox;
  /** Absolute path of a program, or undefined when this host has none of that name. */
  readonly which: (binary: string) => string | undefined;
  readonly kvmUsable: boolean;
  /** Of a workload with an image that is here. */
  readonly image?: ImageRoot | undefined;
  /** Trees of the host whose directories and files the workload may mount. */
  readonly mountRoots: readonly string[];
  /** Of this node; a workload has those of its tenant. */
  readonly volumes: Pick<Volumes, 'make' | 'of'>;
  /** Why it is usable or not, in one sentence of the probe of this host. */
  readonly kvmReason?: string | undefined;
  /** Something that does not keep the workload from starting, in one sentence. */
  readonly warn: (message: string) => void;
  /** Directory of a snapshot: the VM begins as it was then, and waits for `resume`. Absent: it boots. */
  readonly snapshot?: string | undefined;
  /** Of who asks: what the driver waits for ends with it. */
  readonly signal?: AbortSignal | undefined;
}

/** A process for the supervisor: see SpawnRequest. No process at all (external): `null` from `prepare`. */
export interface Launch {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly pidFile?: string;
  /** False when the process must start in the host's namespace and join by itself (crun reads it from config.json). */
  readonly joinNetns: boolean;
  /** Lets go of what the process needed until it was started. To be called once, whatever came of the start. */
  readonly release?: () => Promise<void>;
}

export interface EntryContext extends DriverContext {
  /** A directory of its own, removed when the program has ended. */
  readonly into: string;
}

/** A process for the supervisor, which lasts as long as the program and ends with its exit code, 128 + N for signal N. */
export interface Entry extends Pick<Launch, 'argv' | 'env' | 'cwd' | 'joinNetns'> {
  /** One that stands between and waits for the program; absent: `argv` becomes the program. */
  readonly runtime?: {
    /** Where it writes why the program did not begin. */
    readonly log: string;
    /** Where it writes the pid of the program that has begun. */
    readonly pidFile: string;
  };
}

export type CheckContext = Pick<DriverContext, 'which' | 'kvmUsable' | 'kvmReason' | 'mountRoots'> & {
  /** It runs: what it asks for of the host, it has. */
  readonly live?: boolean;
};

/** Of the host, for all workloads of a driver. */
export interface Requirements {
  /** Name or absolute path. */
  readonly program?: string | undefined;
  /** `preferred`: without it, guests run by emulation. */
  readonly kvm?: 'needed' | 'preferred';
}

export interface Driver {
  readonly name: DriverName;
  /** Absent: nothing. */
  readonly requires?: Requirements;
  /**
   * Everything that can be known without touching the host's state: binaries, files, devices. Throws BerthError
   * (binary_missing, image_missing, device_missing, invalid_spec) and has no effect. Runs before admission.
   */
  check(spec: WorkloadSpec, context: CheckContext): Promise<void>;
  /** What the spec asks for beyond its sandbox. Rejects with `invalid_spec`; has no effect. */
  grants(spec: WorkloadSpec): Promise<readonly GrantName[]>;
  /** Asked for again at the end. Never rejects: what is not known is `open`. */
  confinement(spec: WorkloadSpec): Promise<Confinement>;
  /** Whether the sandbox gets a tap, and who owns it. */
  tap(spec: WorkloadSpec): Tap | null;
  /** Writes what the process needs into `directory`. Idempotent: run again after a crash. */
  prepare(spec: WorkloadSpec, context: DriverContext): Promise<Launch | null>;
  /**
   * Asks the workload politely to end, when there is a way better than SIGTERM to its main process. Returns false
   * when there is none. The caller kills the cgroup after the grace period in any case.
   */
  stop?(spec: WorkloadSpec, context: DriverContext): Promise<boolean>;
  /**
   * How one more program is run inside what runs, with its privileges and never more. Writes what that needs into
   * `context.into`. Throws `not_permitted` and `invalid_params` for a user that the workload could not become. Absent: there
   * is no way in.
   */
  enter?(spec: WorkloadSpec, request: ExecutionRequest, context: EntryContext): Promise<Entry>;
  /** Removes what `prepare` left outside `directory` and what a runtime keeps of it. Idempotent. */
  cleanup(spec: WorkloadSpec, context: DriverContext): Promise<void>;
  /** The same at a start of the agent, for all workloads that are not among `known`: those are gone, and their records lost. Absent: nothing. */
  sweep?(known: ReadonlySet<string>): Promise<void>;
  /** Absent: what it runs is no virtual machine. */
  readonly vm?: VmDriver;
}

/** What only a driver of virtual machines has. */
export interface VmDriver {
  /** Bytes that the VMM needs inside the cgroup, on top of the guest's memory. */
  overhead(spec: WorkloadSpec): number;
  /** Bytes that the cgroup is expected to need (memory.max), guest and VMM. A kill within them is the VMM's. */
  charged(spec: WorkloadSpec): number;
  /** Bytes of the process that are the VMM's and not the guest's; undefined when they cannot be told apart. Pure. */
  ownMemory(spec: WorkloadSpec, mappings: readonly Mapping[]): number | undefined;
  /** The thread of each vCPU by its index, as the host numbers them, of process `pid`. Rejects when the VMM does not tell. */
  vcpuThreads(
    spec: WorkloadSpec,
    context: Pick<DriverContext, 'directory' | 'signal'> & { readonly pid: number },
  ): Promise<readonly number[]>;
  /** Takes so many bytes away from the running guest; 0 gives all back. How much the guest gives shows later. */
  balloon(spec: WorkloadSpec, context: DriverContext, bytes: number): Promise<void>;
  /** Its serial console: a unix stream socket that one client at a time may connect to. Absent: it has none. Pure. */
  console?(context: Pick<DriverContext, 'directory'>): string;
  /**
   * Exit code of the program of its image, from the last output of this run; undefined when the guest does not tell. Absent: the VMM
   * itself is what ends. Pure.
   */
  exitCode?(spec: WorkloadSpec, tail: string): number | undefined;
  /** Why it ended, from the last output of this run and the exit of the VMM; undefined when neither tells. Pure. */
  explainEnd(spec: WorkloadSpec, tail: string, exit: Pick<ExitRecord, 'code' | 'signal'>): VmEnd | undefined;
  /** Absent: its VMs cannot be saved. */
  readonly snapshots?: VmSnapshots;
}

/** How the state of a VM gets to disk and back. Each may be repeated, also when an earlier agent died in the middle of it. */
export interface VmSnapshots {
  /** Why a VM of this spec cannot be saved; undefined: it can. `live`: it goes on afterwards. Pure. */
  problem(spec: WorkloadSpec, live: boolean): string | undefined;
  /** What a snapshot and the VM that is made from it must have in common: names and values to compare. */
  fit(spec: WorkloadSpec, context: CheckContext): Promise<Readonly<Record<string, string>>>;
  /**
   * Stops the guest and writes its state into the empty directory `into`; names of the files. The guest stands still when it
   * resolves, and may when it rejects.
   */
  save(spec: WorkloadSpec, context: DriverContext, into: string): Promise<readonly string[]>;
  /** Resolves when a VM that began with `context.snapshot` has read it. `alive`: its process is there. */
  loaded(spec: WorkloadSpec, context: DriverContext, alive: () => boolean): Promise<void>;
  /** Lets the guest go on, whatever came of `save` or `loaded`. */
  resume(spec: WorkloadSpec, context: DriverContext): Promise<void>;
}

/** `guest`: by what its own console says. `vmm`: by what the program that runs it says. */
export interface VmEnd {
  readonly by: 'guest' | 'vmm';
  readonly detail: string;
}

/** Bytes that the driver itself needs inside the cgroup: 0 unless it runs a VMM. */
export function overheadOf({ vm }: Pick<Driver, 'vm'>, spec: WorkloadSpec): number {
  return vm?.overhead(spec) ?? 0;
}

/**
 * What holds the processes of a workload where they are.
 * `closed`: they can neither leave their cgroup nor change their network namespace, whatever user they are.
 * `open`: they can do both, as root of the host with its files can: its end is looked for beyond the cgroup.
 * `foreign`: others start and end them.
 */
export type Confinement = 'closed' | 'open' | 'foreign';
