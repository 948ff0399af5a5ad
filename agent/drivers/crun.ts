// How crun is called, and what it keeps. Its state lies in the workload's own directory, so that nothing is shared.

import { readFile, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../linux/errors.js';
import { readPlain } from '../../linux/plain-file.js';
import { readStat } from '../../linux/proc.js';
import { runProgram } from '../../linux/run-program.js';
import type { DriverContext } from './driver.js';
import { DEFAULT_PATH } from './environment.js';
import { requireBinary } from './files.js';

const CGROUP_MOUNT = '/sys/fs/cgroup';
const CGROUP2_MAGIC = 0x63677270;
const DELETE_TIMEOUT_MS = 30_000;
const MAX_FILES = 524_288;

// $1: where to show cgroup v2 alone. The mount is in a namespace that ends with the container.
const WRAPPER = 'mount -t cgroup2 cgroup2 "$1" && shift && exec "$@"';

export interface RunOptions {
  /** Absolute path of crun. */
  readonly runtime: string;
  readonly unshare: string;
  readonly directory: string;
  readonly id: string;
}

/**
 * The command that starts the container in the cgroup it is itself in (`--cgroup-manager=disabled`). crun refuses a
 * hybrid hierarchy; there it is shown the v2 part alone.
 */
export async function runCommand(options: RunOptions, cgroupMount = CGROUP_MOUNT): Promise<string[]> {
  const { runtime, unshare, directory, id } = options;
  const crun = [
    ...base(runtime, directory),
    ...['run', '--detach', '--pid-file', join(directory, 'pid'), '--bundle', directory, id],
  ];
  if ((await statfs(cgroupMount)).type === CGROUP2_MAGIC) return crun;
  const wrapper = [unshare, '--mount', '--propagation', 'slave', '--', '/bin/sh', '-c', WRAPPER, 'berth-oci'];
  return [...wrapper, cgroupMount, ...crun];
}

/** Whether crun remembers a container whose process has ended; it would refuse to run the same id again. */
export async function hasEnded(directory: string, id: string): Promise<boolean> {
  try {
    const status: unknown = JSON.parse(
      (await readPlain(join(stateDirectory(directory), id, 'status'), 1 << 20)).toString('utf8'),
    );
    if (typeof status !== 'object' || status === null || !('pid' in status)) return false;
    const found = readStat(Number(status.pid));
    const startTime = 'process-start-time' in status ? status['process-start-time'] : undefined;
    return found === undefined || found.state === 'Z' || found.startTime !== startTime;
  } catch {
    return false;
  }
}

export interface DeleteOptions {
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: number;
  readonly warn: (message: string) => void;
}

/**
 * Kills what is left, runs the bundle's poststop hooks, and removes all state. Idempotent. `runtime`: undefined when gone. One
 * that hangs is killed at its deadline, and its state is removed all the same: nothing of the container runs by then.
 */
export async function deleteContainer(
  runtime: string | undefined,
  directory: string,
  id: string,
  { signal, deadlineMs = DELETE_TIMEOUT_MS, warn }: DeleteOptions,
): Promise<void> {
  if (runtime !== undefined) {
    const [program = '', ...args] = [...base(runtime, directory), 'delete', '--force', id];
    try {
      // Without a container of that name crun fails or not, by version; what matters is the directory.
      await runProgram(program, args, { env: { PATH: DEFAULT_PATH }, deadlineMs, signal });
    } catch (error) {
      signal?.throwIfAborted();
      warn(`the runtime did not delete the container: ${messageOf(error)}`);
    }
  }
  await rm(stateDirectory(directory), { recursive: true, force: true });
}

export function stateDirectory(directory: string): string {
  return join(directory, 'crun');
}

/** No more than this host gives, which a runtime without CAP_SYS_RESOURCE could not raise. */
export async function maxFiles(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'latin1');
  const hard = Number(/^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1] ?? MAX_FILES);
  return Math.min(hard, MAX_FILES);
}

export function requireUnshare(which: DriverContext['which']): string {
  return requireBinary('unshare', which, 'separates the mounts of a container (package util-linux)');
}

function base(runtime: string, directory: string): string[] {
  return [runtime, '--root', stateDirectory(directory), '--cgroup-manager=disabled'];
}
