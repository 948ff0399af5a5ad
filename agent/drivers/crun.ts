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

// Its mounts are in a namespace that ends with the container.
// $1: where to show cgroup v2 alone, or nothing.
const SHOW_CGROUPS = '[ -z "$1" ] || mount -t cgroup2 cgroup2 "$1" || exit; shift';
// Up to --: what to bind, the place for it, and the agent's descriptor of what was checked. mount(8) goes by the name, which may
// be another thing's by now; -ef compares device and inode of what was mounted.
const BIND = `while [ "$1" != -- ]; do
  mount --bind -- "$1" "$2" || exit
  [ "$2" -ef "$3" ] || { echo "$1 was exchanged while it was mounted" >&2; exit 1; }
  shift 3
done; shift; exec "$@"`;

// $1: a directory for secrets; $2: their size; then up to --: what to copy, the place for it, its owner and its mode. A kernel before
// 6.4 knows no noswap.
const COPY = `{ mount -t tmpfs -o "noswap,nodev,nosuid,noexec,mode=0700,size=$2" secrets "$1" 2>/dev/null ||
  mount -t tmpfs -o "nodev,nosuid,noexec,mode=0700,size=$2" secrets "$1"; } || exit; shift 2
while [ "$1" != -- ]; do
  cat "$1" >"$2" && chown "$3" "$2" && chmod "$4" "$2" || exit
  shift 4
done; shift`;

// $1: directory of the layers; all that follows may be relative to it, so that 127 of them fit into a page. $2: what is written;
// $3: its size in memory, or nothing; $4: the layers from the top; $5: the root. The options of the new mount API are shorter.
const OVERLAY = `export LIBMOUNT_FORCE_MOUNT2=always
cd "$1" && mkdir -p "$2" && { [ -z "$3" ] || mount -t tmpfs -o "nodev,mode=0700$3" tmpfs "$2"; } &&
  mkdir -p "$2/upper" "$2/work" && chmod 0755 "$2/upper" &&
  mount -t overlay -o "nodev,lowerdir=$4,upperdir=$2/upper,workdir=$2/work" overlay "$5" && cd / || exit; shift 5`;

/** A root filesystem of layers, mounted for the container alone: with its last process it is gone. */
export interface Overlay {
  /** Absolute. */
  readonly directory: string;
  /** In `directory`, from the top. */
  readonly layers: readonly string[];
  /** From `directory`. */
  readonly writable: string;
  /** Mount options of a tmpfs for it, each with a comma in front; undefined: on disk. */
  readonly memory?: string | undefined;
  /** Absolute, an empty directory. */
  readonly root: string;
}

/** Files in the memory of the container alone: with its last process they are gone. */
export interface Memory {
  /** An empty directory of the workload's own. */
  readonly place: string;
  readonly bytes: number;
  readonly copies: readonly Copy[];
}

export interface Copy {
  /** /proc/PID/fd/N. */
  readonly from: string;
  readonly to: string;
  /** UID:GID. */
  readonly owner: string;
  readonly mode: string;
}

export interface RunOptions {
  /** Absolute path of crun. */
  readonly runtime: string;
  readonly unshare: string;
  readonly directory: string;
  readonly id: string;
  /** Made before the container, in whose config.json `place` is a source. Default: none. */
  readonly binds?: readonly Bind[];
  readonly overlay?: Overlay | undefined;
  readonly memory?: Memory | undefined;
}

/** A bind mount of something that tenants may move about. */
export interface Bind {
  readonly source: string;
  /** An empty directory or file of the workload's own. */
  readonly place: string;
  /** /proc/PID/fd/N: what `source` must be. */
  readonly held: string;
}

/**
 * The command that starts the container in the cgroup it is itself in (`--cgroup-manager=disabled`). crun refuses a
 * hybrid hierarchy; there it is shown the v2 part alone.
 */
export async function runCommand(options: RunOptions, cgroupMount = CGROUP_MOUNT): Promise<string[]> {
  const { runtime, directory, id } = options;
  const crun = [
    ...base(runtime, directory),
    ...['run', '--detach', '--pid-file', join(directory, 'pid'), '--bundle', directory, id],
  ];
  return inOwnMounts(crun, options, cgroupMount);
}

/** The command that runs one more process in the container, in the cgroup that the command is itself in, and waits for its end. */
export async function execCommand(
  options: Omit<RunOptions, 'binds' | 'overlay' | 'memory'> & {
    readonly process: string;
    readonly log: string;
    readonly pidFile: string;
  },
  cgroupMount = CGROUP_MOUNT,
): Promise<string[]> {
  const { runtime, directory, id, process, log, pidFile } = options;
  const [program = '', ...rest] = base(runtime, directory);
  const exec = ['exec', '--pid-file', pidFile, '--process', process, id];
  const crun = [program, `--log=${log}`, '--log-format=json', ...rest, ...exec];
  return inOwnMounts(crun, options, cgroupMount);
}

async function inOwnMounts(
  crun: string[],
  { unshare, binds = [], overlay, memory }: Pick<RunOptions, 'unshare' | 'binds' | 'overlay' | 'memory'>,
  cgroupMount: string,
): Promise<string[]> {
  const unified = (await statfs(cgroupMount)).type === CGROUP2_MAGIC;
  if (unified && binds.length === 0 && overlay === undefined && memory === undefined) return crun;
  const parts = [
    SHOW_CGROUPS,
    ...(overlay === undefined ? [] : [OVERLAY]),
    ...(memory === undefined ? [] : [COPY]),
    BIND,
  ];
  const wrapper = [unshare, '--mount', '--propagation', 'slave', '--', '/bin/sh', '-c', parts.join('; '), 'berth-oci'];
  const bound = binds.flatMap(({ source, place, held }) => [source, place, held]);
  const root = overlay === undefined ? [] : argumentsOf(overlay);
  return [...wrapper, unified ? '' : cgroupMount, ...root, ...copiesOf(memory), ...bound, '--', ...crun];
}

function copiesOf(memory: Memory | undefined): string[] {
  if (memory === undefined) return [];
  const { place, bytes, copies } = memory;
  return [place, String(bytes), ...copies.flatMap(({ from, to, owner, mode }) => [from, to, owner, mode]), '--'];
}

function argumentsOf({ directory, layers, writable, memory, root }: Overlay): string[] {
  return [directory, writable, memory ?? '', layers.join(':'), root];
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
