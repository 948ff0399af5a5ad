// A program that somebody runs inside a workload that is there already: what is asked for, and how it ended.
import { basename } from 'node:path';
import type { WindowSize } from '../../linux/pty.js';
import type { ErrorReport } from '../../protocol/errors.js';

export interface ExecutionRequest {
  /** argv; the first is looked for on PATH inside the workload. */
  readonly command: readonly string[];
  /** Added to the environment of the workload. */
  readonly env: Readonly<Record<string, string>>;
  /** Default: of the workload. */
  readonly cwd?: string;
  /** `UID`, `UID:GID`, or a name where the workload has users of the host. Default: of the workload. */
  readonly user?: string;
  /** A terminal of this size, for all three streams; absent: pipes. */
  readonly tty?: WindowSize;
  /** Absent or false: standard input is empty. */
  readonly stdin?: boolean;
}

/** Files into a workload, or out of it, as a tar stream. */
export interface CopyRequest {
  readonly direction: 'from' | 'to';
  /** Absolute, inside the workload. */
  readonly path: string;
  /** The name that the first entry of the archive has; only `from`. */
  readonly as: string;
}

/** The last part of a path, as the first entry of an archive is called; that of `/` is `.`. */
export function archiveName(path: string): string {
  const last = basename(path);
  return last === '' || last === '..' ? '.' : last;
}

/** How a program or a stream ended: by itself, or by an error. */
export interface StreamEnd {
  /** `code` and `signal` exclude each other. Null: it has not run, or how it ended is not known. */
  readonly exit: { readonly code: number | null; readonly signal: string | null } | null;
  readonly error: ErrorReport | null;
}

const INFIX = '.exec-';

/** The name by which the supervisor knows it. A workload's id has no dot. */
export function executionId(workload: string, name: string): string {
  return `${workload}${INFIX}${name}`;
}

/** Undefined: it is a workload itself. */
export function parseExecutionId(id: string): { readonly workload: string; readonly name: string } | undefined {
  const at = id.indexOf(INFIX);
  return at < 0 ? undefined : { workload: id.slice(0, at), name: id.slice(at + INFIX.length) };
}

/** Of its cgroup below that of the workload, and of its directory. */
export function executionDirectory(name: string): string {
  return `exec-${name}`;
}
