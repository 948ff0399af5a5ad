// What the agent and the supervisor say to each other over a unix stream socket, one JSON object per line.
// The supervisor outlives agents of many versions: fields are only ever added, and SUPERVISOR_PROTOCOL is raised when an
// old supervisor could no longer serve a new agent.

import type { RequestOptions } from './deadline.js';

export const SUPERVISOR_PROTOCOL = 1;

/** One process to start. `id` is the caller's key: a second spawn of an id that is still alive returns the first. */
export interface SpawnRequest {
  readonly id: string;
  /** argv[0] is an absolute path. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Absolute path of the cgroup directory the process is born into. */
  readonly cgroup: string;
  /** Absolute path of a network namespace (/run/netns/NAME); absent: the host's. */
  readonly netns?: string;
  /** Absolute path of a file that receives stdout and stderr, opened O_APPEND|O_CREAT, mode 0600. */
  readonly output: string;
  /**
   * Bytes at most in each of its two parts, at least 4096: the supervisor reads what the process writes from a FIFO, and writes it to
   * `output` with this bound. Absent, or unknown to an older supervisor: the process writes to the file itself, without a bound.
   */
  readonly outputLimit?: number;
  /**
   * The process started is a runtime that detaches and leaves the pid of the real workload in this file (crun
   * --pid-file). The supervisor, being a subreaper, inherits that pid and reports its exit under `id`.
   */
  readonly pidFile?: string;
  /** Equal pages of it, and of all that it starts, may be merged (PR_SET_MEMORY_MERGE); Linux 6.9, else EINVAL or nothing. */
  readonly memoryMerge?: boolean;
}

/** A live or ended process the supervisor knows. `startTime` is field 22 of /proc/PID/stat (clock ticks since boot). */
export interface HeldProcess {
  readonly id: string;
  readonly pid: number;
  readonly startTime: number;
  /** Unix time in milliseconds. */
  readonly startedAt: number;
  readonly exit?: ExitRecord;
}

/** How a process ended; `code` and `signal` (a name such as "SIGKILL") exclude each other. Times in Unix ms. */
export interface ExitRecord {
  readonly code: number | null;
  readonly signal: string | null;
  readonly at: number;
  /** Clock ticks since boot, as `startTime`: nobody sets this clock. Absent: a supervisor that did not note it. */
  readonly uptimeTicks?: number;
}

export interface SupervisorHello {
  readonly protocol: number;
  readonly pid: number;
  readonly version: string;
  /** Bytes of output that this supervisor has dropped since its program started; absent: one that does not count them. */
  readonly droppedBytes?: number;
}

export type SupervisorRequest =
  | { readonly seq: number; readonly op: 'hello' }
  | {
      readonly seq: number;
      readonly op: 'spawn';
      readonly spawn: SpawnRequest;
      /**
       * Names this one call. A spawn that comes again with the token of the id's last process returns that process
       * even when it has ended, so that a request repeated after a lost connection never runs a program twice.
       */
      readonly token?: string;
    }
  | { readonly seq: number; readonly op: 'list' }
  | { readonly seq: number; readonly op: 'forget'; readonly id: string };

export type SupervisorReply =
  | { readonly seq: number; readonly ok: true; readonly result: unknown }
  | {
      readonly seq: number;
      readonly ok: false;
      readonly error: { op: string; path?: string; errno: number; note: string };
    };

export interface SupervisorExitEvent {
  readonly event: 'exit';
  readonly process: HeldProcess;
}

/** The agent's view of the supervisor. */
export interface Supervisor {
  /** Every request rejects with SysError ETIMEDOUT at its deadline, and with the reason of its signal. */
  hello(options?: RequestOptions): Promise<SupervisorHello>;
  /**
   * Rejects with SysError (ENOENT: no such executable, EACCES: not executable, ...) and then nothing was started; after a
   * deadline or an abort something may have been: then `onLate` tells of it.
   */
  spawn(request: SpawnRequest, options?: RequestOptions): Promise<HeldProcess>;
  /** All live processes, and the ended ones not yet forgotten. */
  list(options?: RequestOptions): Promise<HeldProcess[]>;
  /** Drops the exit record of an ended process. Idempotent. */
  forget(id: string, options?: RequestOptions): Promise<void>;
  /** Called with a process whose spawn was given up before its answer came. */
  onLate(listener: (process: HeldProcess) => void): () => void;
  onExit(listener: (process: HeldProcess) => void): () => void;
  /** Called when the connection is lost; the client reconnects by itself and the caller should `list` again. */
  onReconnect(listener: () => void): () => void;
  close(): void;
}
