// posix_spawn(3) straight into a cgroup and a network namespace. Node's child_process can do neither: it would need
// a helper process per workload, and moving a process into a cgroup afterwards waits for RCU (20 to 40 ms).
import { closeSync, constants, openSync } from 'node:fs';
import { SysError } from './errors.js';
import { check, func, optionalFunc } from './libc.js';

const posixSpawn = func(
  'int posix_spawn(void *pid, const char *path, void *actions, void *attr, const char **argv, const char **envp)',
);
const attrInit = func('int posix_spawnattr_init(void *attr)');
const attrDestroy = func('int posix_spawnattr_destroy(void *attr)');
const attrSetFlags = func('int posix_spawnattr_setflags(void *attr, short flags)');
const attrSetSigmask = func('int posix_spawnattr_setsigmask(void *attr, const void *set)');
const attrSetSigdefault = func('int posix_spawnattr_setsigdefault(void *attr, const void *set)');
const attrSetCgroup = optionalFunc('int posix_spawnattr_setcgroup_np(void *attr, int fd)');
const actionsInit = func('int posix_spawn_file_actions_init(void *actions)');
const actionsDestroy = func('int posix_spawn_file_actions_destroy(void *actions)');
const actionsDup2 = func('int posix_spawn_file_actions_adddup2(void *actions, int fd, int to)');
const actionsChdir = func('int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)');
const setns = func('int setns(int fd, int nstype)');

const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;
const SETCGROUP = 0x100;
const CLONE_NEWNET = 0x40000000;
// posix_spawnattr_t is 336 bytes and posix_spawn_file_actions_t 80 on 64-bit glibc; sigset_t is 128.
const OPAQUE_SIZE = 512;
const SIGSET_SIZE = 128;

/** Whether this libc can clone into a cgroup (POSIX_SPAWN_SETCGROUP, glibc >= 2.39). */
export const canSpawnIntoCgroup: boolean = attrSetCgroup !== undefined;

/** `fds[i]` becomes descriptor i of the child; everything else must be close-on-exec, as all of Node's are. */
export interface SpawnOptions {
  /** Absolute path of the executable; argv[0] may differ. */
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly fds: readonly number[];
  /** Descriptor of the cgroup directory to be born in; only where `canSpawnIntoCgroup`. */
  readonly cgroupFd?: number;
}

/**
 * Starts a process in a session of its own, with no signal blocked or ignored, and returns its pid. Returns after the
 * exec has succeeded; throws SysError with the errno of whatever failed (exec, chdir, clone), and then nothing runs.
 */
export function spawnProcess(options: SpawnOptions): number {
  const attr = Buffer.alloc(OPAQUE_SIZE);
  const actions = Buffer.alloc(OPAQUE_SIZE);
  must(attrInit(attr), 'posix_spawnattr_init');
  must(actionsInit(actions), 'posix_spawn_file_actions_init');
  try {
    setAttributes(attr, options.cgroupFd);
    // The C library runs the actions in order in the child. dup2 onto itself clears close-on-exec, onto another
    // number it could overwrite a source that is still needed: callers pass descriptors above the targets.
    for (const [target, fd] of options.fds.entries()) {
      must(actionsDup2(actions, fd, target), 'posix_spawn_file_actions_adddup2');
    }
    if (options.cwd !== undefined) must(actionsChdir(actions, options.cwd), 'posix_spawn_file_actions_addchdir_np');
    const env = Object.entries(options.env).map(([name, value]) => `${name}=${value}`);
    const pid = Buffer.alloc(4);
    const error = posixSpawn(pid, options.path, actions, attr, [...options.argv, null], [...env, null]);
    if (error !== 0) throw new SysError('posix_spawn', error, { path: options.path });
    return pid.readInt32LE(0);
  } finally {
    actionsDestroy(actions);
    attrDestroy(attr);
  }
}

/**
 * Runs `body` with this thread in the network namespace at `path`. `body` must be synchronous: an await would let other
 * code run in the wrong namespace. Aborts the process when the way back fails, because from then on every socket and
 * every child would silently be in the workload's namespace.
 */
export function inNetworkNamespace<T>(path: string, body: () => T): T {
  const home = openSync('/proc/thread-self/ns/net', constants.O_RDONLY);
  try {
    const target = openSync(path, constants.O_RDONLY);
    try {
      check(setns(target, CLONE_NEWNET), 'setns', { path });
    } finally {
      closeSync(target);
    }
    try {
      return body();
    } finally {
      if (setns(home, CLONE_NEWNET) < 0) process.abort();
    }
  } finally {
    closeSync(home);
  }
}

function setAttributes(attr: Buffer, cgroupFd: number | undefined): void {
  let flags = SETSID | SETSIGMASK | SETSIGDEF;
  if (cgroupFd !== undefined) {
    if (attrSetCgroup === undefined) throw new Error('this libc has no posix_spawnattr_setcgroup_np');
    must(attrSetCgroup(attr, cgroupFd), 'posix_spawnattr_setcgroup_np');
    flags |= SETCGROUP;
  }
  must(attrSetFlags(attr, flags), 'posix_spawnattr_setflags');
  must(attrSetSigmask(attr, Buffer.alloc(SIGSET_SIZE)), 'posix_spawnattr_setsigmask');
  // Node ignores SIGPIPE, and an ignored signal stays ignored across exec: a workload's `yes | head` would never end.
  must(attrSetSigdefault(attr, Buffer.alloc(SIGSET_SIZE, 0xff)), 'posix_spawnattr_setsigdefault');
}

// The posix_spawn family returns the error number instead of setting errno.
function must(error: number, op: string): void {
  if (error !== 0) throw new SysError(op, error);
}
