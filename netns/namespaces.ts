// Named network namespaces in /run/netns, in the way of `ip netns` (ip-netns(8)), so that both see each other's.
import { closeSync, mkdirSync, openSync, readdirSync, statSync, unlinkSync } from 'node:fs';
import { codeOf, sysErrorFrom } from '../linux/errors.js';
import { bindMount, detachMount, makeShared } from '../linux/mount.js';
import {
  enterNetwork,
  namespaceAt,
  openNamespace,
  THREAD_NETWORK_NAMESPACE,
  unshareNetwork,
  visitNetwork,
} from '../linux/namespace.js';
import type { Host } from './host.js';
import type { OpenNamespace } from './open-namespace.js';
import { Rtnl } from './rtnl.js';

const DIRECTORY = '/run/netns';

export function namespacePath(name: string): string {
  return `${DIRECTORY}/${name}`;
}

/**
 * Opens the namespace `name`, making it when it is absent or when a crash left its file without a mount. `prepare`
 * runs inside it, also in one that existed; in a new one before it gets its name. Throws SysError.
 */
export function provideNamespace(
  host: Host,
  name: string,
  prepare: (inside: Rtnl) => void,
  afterStep: (step: string) => void,
): OpenNamespace {
  const path = namespacePath(name);
  if (namespaceAt(path) === 'namespace') return enterNamed(host, path, prepare);
  provideFile(host, path);
  afterStep('netns-file');
  return visitNetwork(host.home, unshareNetwork, () =>
    hold((inside) => {
      prepare(inside);
      // Only the mount keeps the namespace alive: after a failure before it, nothing is left but the empty file.
      bindMount(THREAD_NETWORK_NAMESPACE, path);
      afterStep('netns-mount');
    }),
  );
}

/** Opens the namespace `name`, or undefined when there is none. */
export function openNamed(host: Host, name: string): OpenNamespace | undefined {
  const path = namespacePath(name);
  return namespaceAt(path) === 'namespace' ? enterNamed(host, path, () => {}) : undefined;
}

/** Inode of the namespace that has this name; undefined: none has. Throws SysError. */
export function inodeOfName(name: string): number | undefined {
  const path = namespacePath(name);
  return namespaceAt(path) === 'namespace' ? statSync(path, { throwIfNoEntry: false })?.ino : undefined;
}

/** Opens the namespace by its name or by a path; undefined: it is gone. The caller closes it. */
export function openName(name: string): number | undefined {
  try {
    return openNamespace(name.startsWith('/') ? name : namespacePath(name));
  } catch {
    return undefined;
  }
}

/** Gives the namespace behind `fd` this name, in place of any other that has it. Throws SysError. */
export function bindName(host: Host, name: string, fd: number): void {
  const path = namespacePath(name);
  detachAll(path);
  provideFile(host, path);
  bindMount(`/proc/thread-self/fd/${fd}`, path);
}

/** Takes the name away; the kernel destroys the namespace when no process is left in it. Missing is fine. */
export function removeNamespace(name: string): void {
  const path = namespacePath(name);
  detachAll(path);
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw sysErrorFrom(error, 'unlink', path);
  }
}

/** Names that start with `prefix`, mounted or not. */
export function listNamespaces(prefix: string): string[] {
  try {
    return readdirSync(DIRECTORY).filter((name) => name.startsWith(prefix));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw sysErrorFrom(error, 'readdir', DIRECTORY);
  }
}

function enterNamed(host: Host, path: string, prepare: (inside: Rtnl) => void): OpenNamespace {
  const fd = openNamespace(path);
  try {
    return visitNetwork(
      host.home,
      () => enterNetwork(fd, path),
      () => hold(prepare),
    );
  } finally {
    closeSync(fd);
  }
}

// A socket opened in here keeps serving this namespace after the thread has left it.
function hold(prepare: (inside: Rtnl) => void): OpenNamespace {
  const fd = openNamespace();
  let rtnl: Rtnl | undefined;
  try {
    const socket = new Rtnl();
    rtnl = socket;
    prepare(socket);
    return {
      fd,
      rtnl: socket,
      close() {
        socket.close();
        closeSync(fd);
      },
    };
  } catch (error) {
    rtnl?.close();
    closeSync(fd);
    throw error;
  }
}

function detachAll(path: string): void {
  while (detachMount(path)) {
    // A second mount may lie on the same file when someone else's `ip netns` raced with us.
  }
}

function provideFile(host: Host, path: string): void {
  if (!host.directoryShared) provideDirectory();
  host.directoryShared = true;
  createFile(path);
}

// Shared, so that a name made or removed in another mount namespace (a service with its own) is made or removed in
// all; `ip netns add` does the same, and whichever comes first sets it up for both.
function provideDirectory(): void {
  try {
    mkdirSync(DIRECTORY, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw sysErrorFrom(error, 'mkdir', DIRECTORY);
  }
  if (makeShared(DIRECTORY)) return;
  bindMount(DIRECTORY, DIRECTORY, { recursive: true });
  makeShared(DIRECTORY);
}

function createFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o444));
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw sysErrorFrom(error, 'creat', path);
  }
}
