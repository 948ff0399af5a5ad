// Before the recipe makes anything: is the namespace that it wants alive without its name? A process, a thread, a
// descriptor or a socket keeps it, and traffic goes on in it. Then it gets its name back, and nothing is made anew.
import { closeSync, fstatSync } from 'node:fs';
import { constants } from 'node:os';
import { SysError } from '../linux/errors.js';
import { type NamespaceHolder, namespaceHolders, namespaceInode } from '../linux/namespace-holders.js';
import { isSameProcess } from '../linux/proc.js';
import type { Host } from './host.js';
import { bindName, inodeOfName, openName } from './namespaces.js';
import type { SandboxNetwork, Use } from './types.js';

/** What the name leads to: nothing, the namespace of the sandbox, or another one. */
export type NameState = 'unbound' | 'right' | 'other';
/** `unseen`: the far end of the veth is alive, and nobody is found who keeps its namespace. */
export type HeldState = 'found' | 'unseen' | 'none';
export type NameAction = 'keep' | 'rebind' | 'remake' | 'report';

export interface NameSituation {
  readonly name: NameState;
  readonly held: HeldState;
  /** Somebody lives in the namespace that has the name and should not. */
  readonly otherInUse: boolean;
  /** The workload runs: this is a repair, not a start. */
  readonly running: boolean;
}

/** Pure. A new object is made only where nobody holds the old one. */
export function decideName({ name, held, otherInUse, running }: NameSituation): NameAction {
  if (name === 'right') return 'keep';
  if (held === 'none') return name === 'unbound' ? 'remake' : 'keep';
  // A namespace that is being destroyed looks like this, too, for some milliseconds: a start need not wait for that.
  if (held === 'unseen') return running ? 'report' : 'remake';
  if (name === 'unbound') return 'rebind';
  return otherInUse ? 'report' : 'rebind';
}

type Named = Pick<SandboxNetwork, 'hostLink' | 'owner'> & { readonly netns: string };

/**
 * Gives the namespace of the sandbox its name back where it has lost it. Throws SysError EBUSY, saying why, where that
 * cannot be done without harm; nothing has changed then.
 */
export function keepNamespace(host: Host, sandbox: Named, use: Use | undefined): void {
  const { netns, hostLink, owner } = sandbox;
  const outer = host.rtnl.link({ name: hostLink });
  const pair = outer?.alias === owner ? outer.peerNetns : undefined;
  const process = liveProcess(host, use);
  const named = inodeOfName(netns);
  // The usual start: nothing is there yet.
  if (pair === undefined && process === undefined) return;
  const fits = named !== undefined && (pair === undefined || pair === nsidOfName(host, netns));
  const lives = process === undefined || process.inode === named;
  if (fits && lives) return;
  // A process may have made itself a namespace inside its sandbox: then others are still in that of the sandbox.
  if (fits && inUse(named)) return;
  const found = fits ? process?.open() : findHeld(host, netns, pair, process);
  try {
    const inode = found === undefined ? undefined : fstatSync(found).ino;
    const name: NameState = named === undefined ? 'unbound' : named === inode ? 'right' : 'other';
    const held = found !== undefined ? 'found' : pair === undefined ? 'none' : 'unseen';
    const otherInUse = name === 'other' && named !== undefined && inUse(named);
    const action = decideName({ name, held, otherInUse, running: use !== undefined });
    if (action === 'report') throw busy(netns, hostLink, held);
    if (action === 'rebind' && found !== undefined) bindName(host, netns, found);
  } finally {
    if (found !== undefined) closeSync(found);
  }
}

/** Whether anybody but this process is in the namespace. A mount elsewhere is only a copy of the name. */
function inUse(inode: number): boolean {
  for (const holder of namespaceHolders({ except: new Set([process.pid]) }))
    if (holder.inode === inode && holder.kind !== 'mount') return true;
  return false;
}

/** The namespace at the other end of the veth, or that of the process where there is no veth any more. */
function findHeld(
  host: Host,
  netns: string,
  pair: number | undefined,
  process: NamespaceHolder | undefined,
): number | undefined {
  if (pair === undefined) return process?.open();
  const isPair = (fd: number) => host.rtnl.nsid(fd) === pair;
  const slot = host.slots.get(netns)?.inside.fd;
  if (slot !== undefined && isPair(slot)) return openName(`/proc/thread-self/fd/${slot}`);
  const tried = new Set<number>([fstatSync(host.home).ino]);
  const candidates = process === undefined ? namespaceHolders() : [process, ...namespaceHolders()];
  for (const { inode, open } of candidates) {
    if (tried.has(inode)) continue;
    tried.add(inode);
    const fd = open();
    if (fd === undefined) continue;
    if (isPair(fd)) return fd;
    closeSync(fd);
  }
  return process?.open();
}

function liveProcess(host: Host, use: Use | undefined): NamespaceHolder | undefined {
  const known = use?.process ?? null;
  if (known === null || !isSameProcess(known.pid, known.startTime)) return undefined;
  const path = `/proc/${known.pid}/ns/net`;
  const inode = namespaceInode(path);
  // On the way into its namespace, or a helper that stays outside: it proves nothing.
  if (inode === undefined || inode === fstatSync(host.home).ino) return undefined;
  return { kind: 'process', pid: known.pid, inode, open: () => openName(path) };
}

function nsidOfName(host: Host, netns: string): number | undefined {
  const fd = openName(netns);
  if (fd === undefined) return undefined;
  try {
    return host.rtnl.nsid(fd);
  } finally {
    closeSync(fd);
  }
}

function busy(netns: string, hostLink: string, held: HeldState): SysError {
  const note =
    held === 'unseen'
      ? `the namespace behind ${hostLink} has no name, and no process is found that holds it`
      : 'another namespace has the name, and somebody uses it';
  return new SysError('bind', constants.errno.EBUSY, { path: netns, note });
}
