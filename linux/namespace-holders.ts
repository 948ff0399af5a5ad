// Who keeps a network namespace alive that has no name (any more): processes and threads in it, descriptors of it,
// mounts elsewhere, sockets. One walk through /proc, the cheap witnesses first; for repairs and removals, never on a timer.
import { openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { closeDescriptor } from './fd.js';
import { hasNoNewPrivileges, type ProcessStat, readStat } from './proc.js';
import { openNamespaceOfSocket } from './socket-namespace.js';

export interface NamespaceHolder {
  readonly kind: 'process' | 'descriptor' | 'mount' | 'socket';
  readonly pid: number;
  /** Inode of the namespace. */
  readonly inode: number;
  /** Opens the namespace; undefined when it has gone meanwhile. The caller closes it. */
  readonly open: () => number | undefined;
}

export interface WalkOptions {
  readonly proc?: string;
  /** These processes are left out: the one that asks holds what it works with. */
  readonly except?: ReadonlySet<number>;
}

/** Every holder of every network namespace, some more than once. */
export function* namespaceHolders({
  proc = '/proc',
  except = new Set(),
}: WalkOptions = {}): Generator<NamespaceHolder> {
  const pids = numbersIn(proc).filter((pid) => !except.has(pid));
  for (const pid of pids) yield* at('process', pid, `${proc}/${pid}/ns/net`);
  for (const pid of pids)
    for (const thread of numbersIn(`${proc}/${pid}/task`))
      if (thread !== pid) yield* at('process', pid, `${proc}/${pid}/task/${thread}/ns/net`);
  const sockets: [pid: number, fd: number][] = [];
  for (const pid of pids)
    for (const fd of numbersIn(`${proc}/${pid}/fd`)) {
      const path = `${proc}/${pid}/fd/${fd}`;
      const target = linkOf(path);
      if (target?.startsWith('net:[') === true) yield* at('descriptor', pid, path);
      else if (target?.startsWith('socket:[') === true) sockets.push([pid, fd]);
    }
  yield* mounted(proc, pids);
  for (const [pid, fd] of sockets) yield* behind(pid, fd);
}

/** A process that cannot take off no_new_privs, as it was at the moment at which it was seen. */
export type Bound = Pick<ProcessStat, 'pid' | 'startTime' | 'comm'>;

export interface Members {
  readonly pids: readonly number[];
  /** Those of them with no_new_privs. They may have ended since. */
  readonly bound: readonly Bound[];
  /** False: a process ended before it was looked at, so that one that it had started may be missing. */
  readonly complete: boolean;
}

/**
 * The processes in the network namespace with this inode. One look at each process of the host, the newest first: one that goes
 * on in a new process every few milliseconds is still there. `atSight` is called with each that is bound.
 */
export function processesIn(inode: number, proc = '/proc', atSight: (seen: Bound) => void = () => undefined): Members {
  let complete = true;
  const bound: Bound[] = [];
  const pids = numbersIn(proc)
    .sort((a, b) => b - a)
    .filter((pid) => {
      const found = namespaceInode(`${proc}/${pid}/ns/net`);
      if (found === inode) {
        const seen = boundAt(pid, proc);
        if (seen !== undefined) {
          atSight(seen);
          bound.push(seen);
        }
        return true;
      }
      // A zombie has no namespace, and starts nothing any more.
      if (found === undefined && attempt(() => readStat(pid, proc)) === undefined) complete = false;
      return false;
    });
  return { pids, bound, complete };
}

/** Undefined: it has gone, or may gain privileges. */
export function boundAt(pid: number, proc = '/proc'): Bound | undefined {
  const stat = attempt(() => readStat(pid, proc));
  return stat !== undefined && hasNoNewPrivileges(pid, proc)
    ? { pid, startTime: stat.startTime, comm: stat.comm }
    : undefined;
}

/** Inode of the network namespace behind a link of /proc (`net:[4026531840]`); undefined where there is none. */
export function namespaceInode(path: string): number | undefined {
  const inode = /^net:\[(\d+)\]$/.exec(linkOf(path) ?? '')?.[1];
  return inode === undefined ? undefined : Number(inode);
}

function* at(kind: NamespaceHolder['kind'], pid: number, path: string): Generator<NamespaceHolder> {
  const inode = namespaceInode(path);
  if (inode !== undefined) yield { kind, pid, inode, open: () => opened(path) };
}

/** Names in other mount namespaces; one process of each is enough. The root of such a mount is `net:[INODE]`. */
function* mounted(proc: string, pids: readonly number[]): Generator<NamespaceHolder> {
  const seen = new Set([linkOf(`${proc}/self/ns/mnt`)]);
  for (const pid of pids) {
    const tree = linkOf(`${proc}/${pid}/ns/mnt`);
    if (tree === undefined || seen.has(tree)) continue;
    seen.add(tree);
    for (const line of textOf(`${proc}/${pid}/mountinfo`).split('\n')) {
      const [, , , root = '', point = ''] = line.split(' ');
      const inode = /^net:\[(\d+)\]$/.exec(root)?.[1];
      if (inode === undefined) continue;
      const path = `${proc}/${pid}/root${unescaped(point)}`;
      yield { kind: 'mount', pid, inode: Number(inode), open: () => opened(path) };
    }
  }
}

function* behind(pid: number, fd: number): Generator<NamespaceHolder> {
  const namespace = attempt(() => openNamespaceOfSocket(pid, fd));
  if (namespace === undefined) return;
  try {
    const inode = namespaceInode(`/proc/self/fd/${namespace}`);
    if (inode !== undefined) yield { kind: 'socket', pid, inode, open: () => reopened(pid, fd) };
  } finally {
    closeDescriptor(namespace);
  }
}

/** By fs, as the others are: whoever closes it need not know the difference. */
function reopened(pid: number, fd: number): number | undefined {
  const namespace = attempt(() => openNamespaceOfSocket(pid, fd));
  if (namespace === undefined) return undefined;
  const fileDescriptor = opened(`/proc/self/fd/${namespace}`);
  closeDescriptor(namespace);
  return fileDescriptor;
}

function opened(path: string): number | undefined {
  return attempt(() => openSync(path, 'r'));
}

function linkOf(path: string): string | undefined {
  return attempt(() => readlinkSync(path));
}

function textOf(path: string): string {
  return attempt(() => readFileSync(path, 'utf8')) ?? '';
}

function numbersIn(directory: string): number[] {
  const names = attempt(() => readdirSync(directory)) ?? [];
  return names.map(Number).filter(Number.isSafeInteger);
}

/** A space in a path is `\040` there (proc_pid_mountinfo(5)). */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Processes come and go while one looks; what cannot be looked at is not there. */
function attempt<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch {
    return undefined;
  }
}
