// Network namespaces of the calling thread. unshare(2) and setns(2) change that thread alone, so all of this is
// synchronous: an `await` between going and coming back would run foreign code in the wrong namespace.
import { openSync, statfsSync } from 'node:fs';
import { codeOf, SysError, sysErrorFrom } from './errors.js';
import { check, func } from './libc.js';

const CLONE_NEWNET = 0x40000000;
const NSFS_MAGIC = 0x6e736673;

/** The calling thread's network namespace; /proc/self would name the main thread's. */
export const THREAD_NETWORK_NAMESPACE = '/proc/thread-self/ns/net';

const libc = {
  unshare: func('int unshare(int flags)'),
  setns: func('int setns(int fd, int nstype)'),
};

/** Thrown when a thread could not return to the namespace it came from: it must not serve any further call. */
export class NamespaceLostError extends Error {
  constructor(cause: unknown) {
    super('this thread could not return to its network namespace and must end', { cause });
    this.name = 'NamespaceLostError';
  }
}

/** Opens a namespace file for setns or IFLA_NET_NS_FD; the caller closes it. Throws SysError. */
export function openNamespace(path: string = THREAD_NETWORK_NAMESPACE): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw sysErrorFrom(error, 'open', path);
  }
}

/** Moves the calling thread into a new, empty network namespace. */
export function unshareNetwork(): void {
  check(libc.unshare(CLONE_NEWNET), 'unshare', { path: 'CLONE_NEWNET' });
}

/** Moves the calling thread into the network namespace behind `fd`; `label` is only for the error. */
export function enterNetwork(fd: number, label?: string): void {
  check(libc.setns(fd, CLONE_NEWNET), 'setns', label === undefined ? {} : { path: label });
}

/**
 * Runs `body` after `enter` has switched the namespace, then returns to `home`. `body` must be synchronous.
 * Throws NamespaceLostError when the way back fails, whatever `body` did.
 */
export function visitNetwork<T>(home: number, enter: () => void, body: () => T): T {
  enter();
  try {
    return body();
  } finally {
    comeBack(home);
  }
}

function comeBack(home: number): void {
  try {
    enterNetwork(home, 'home');
  } catch (error) {
    throw new NamespaceLostError(error);
  }
}

/** Whether a namespace is mounted at `path`: `absent`, `file` (nothing mounted) or `namespace`. Throws SysError. */
export function namespaceAt(path: string): 'absent' | 'file' | 'namespace' {
  try {
    return statfsSync(path).type === NSFS_MAGIC ? 'namespace' : 'file';
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'absent';
    const failed = sysErrorFrom(error, 'statfs', path);
    throw failed instanceof SysError ? failed : error;
  }
}
