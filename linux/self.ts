// What a process changes about itself: limits, OOM score, image, and a lock that dies with it.
import { closeSync, constants, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { constants as os } from 'node:os';
import { SysError, sysErrorFrom } from './errors.js';
import { check, errno, func } from './libc.js';

const getrlimit = func('int getrlimit(int resource, void *limit)');
const setrlimit = func('int setrlimit(int resource, const void *limit)');
const flock = func('int flock(int fd, int operation)');
const closeRange = func('long syscall(long number, unsigned int first, unsigned int last, unsigned int flags)');
const execve = func('int execve(const char *path, const char **argv, const char **envp)');

const RLIMIT_NOFILE = 7;
// By number: glibc has the wrapper only since 2.34. The same on every architecture.
const SYS_CLOSE_RANGE = 436;
const CLOSE_RANGE_CLOEXEC = 4;
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Runs `body` with the soft limit of open files at no more than `soft`, and puts the old one back. */
export function withSoftFileLimit<T>(soft: number, body: () => T): T {
  const before = Buffer.alloc(16);
  check(getrlimit(RLIMIT_NOFILE, before), 'getrlimit', { value: 'RLIMIT_NOFILE' });
  const lowered = Buffer.from(before);
  if (before.readBigUInt64LE(0) > BigInt(soft)) lowered.writeBigUInt64LE(BigInt(soft), 0);
  check(setrlimit(RLIMIT_NOFILE, lowered), 'setrlimit', { value: `RLIMIT_NOFILE=${soft}` });
  try {
    return body();
  } finally {
    setrlimit(RLIMIT_NOFILE, before);
  }
}

/** This process's oom_score_adj, -1000 to 1000. */
export function oomScoreAdj(): number {
  return Number(readFileSync('/proc/self/oom_score_adj', 'latin1'));
}

/** Throws SysError EACCES when lowering the score is not permitted (CAP_SYS_RESOURCE). */
export function setOomScoreAdj(value: number): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', String(value));
  } catch (error) {
    throw sysErrorFrom(error, 'write', '/proc/self/oom_score_adj', String(value));
  }
}

/**
 * Takes an exclusive lock until this process ends, however it ends; false when another process has it. The file is made
 * when it is missing; of a directory the lock is on the directory itself, which takes no room on a full disk.
 */
export function lockForLife(path: string): boolean {
  const directory = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const flags = directory ? constants.O_RDONLY | constants.O_DIRECTORY : constants.O_RDWR | constants.O_CREAT;
  const fd = openSync(path, flags, 0o600);
  if (flock(fd, LOCK_EX | LOCK_NB) >= 0) return true;
  const error = errno();
  closeSync(fd);
  if (error === os.errno.EWOULDBLOCK) return false;
  throw new SysError('flock', error, { path });
}

/** Replaces this process's program; pid, children and parent stay. Returns only by throwing SysError. */
export function replaceProgram(path: string, argv: readonly string[], env: NodeJS.ProcessEnv): never {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value ?? ''}`);
  execve(path, [...argv, null], [...variables, null]);
  throw new SysError('execve', errno(), { path });
}

/** Marks every open descriptor from `first` up close-on-exec, so that none given by the parent reaches a child. */
export function keepDescriptorsFromChildren(first: number): void {
  check(closeRange(SYS_CLOSE_RANGE, first, 0xffffffff, CLOSE_RANGE_CLOEXEC), 'close_range');
}
