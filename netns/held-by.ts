// Who is in the namespaces of what nobody explains, and who made them: they must not be removed under either.
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { type Members, type NamespaceHolder, namespaceHolders, processesIn } from '../linux/namespace-holders.js';
import { signalProcess } from '../linux/pidfd.js';
import { tagInside } from './foreign.js';
import type { Host } from './host.js';
import { inodeOfName, openNamed } from './namespaces.js';
import type { Stray, StrayState } from './types.js';

const { SIGKILL } = constants.signals;

/** Throws SysError. */
export function heldBy(host: Host, strays: readonly Stray[]): StrayState[] {
  if (strays.length === 0) return [];
  const holders = new Map<number, NamespaceHolder>();
  // A mount is only a name: every mount namespace made meanwhile has a copy of /run/netns.
  for (const holder of namespaceHolders({ except: new Set([process.pid]) }))
    if (holder.kind !== 'mount' && !holders.has(holder.inode)) holders.set(holder.inode, holder);
  const byNumber = numbered(host, strays, holders);
  return strays.map(({ netns, hostLink }) => {
    const inode = netns === null ? undefined : inodeOfName(netns);
    const far = hostLink === null ? undefined : host.rtnl.link({ name: hostLink })?.peerNetns;
    const holder =
      (inode === undefined ? undefined : holders.get(inode)) ?? (far === undefined ? far : byNumber.get(far));
    const tag = netns === null ? null : tagOf(host, netns);
    return { heldBy: holder === undefined ? null : wordsOf(holder), tag };
  });
}

/** The processes in the namespace of this name; none where nothing has the name. `kill`: those that are bound, at sight. */
export function membersOf(netns: string, kill: boolean): Members {
  const inode = inodeOfName(netns);
  if (inode === undefined) return { pids: [], bound: [], complete: true };
  return processesIn(inode, '/proc', kill ? (seen) => void signalProcess(seen, SIGKILL) : undefined);
}

/** By the number that the host has for the namespace, which is how a veth names that of its far end. */
function numbered(
  host: Host,
  strays: readonly Stray[],
  holders: ReadonlyMap<number, NamespaceHolder>,
): ReadonlyMap<number, NamespaceHolder> {
  const found = new Map<number, NamespaceHolder>();
  if (strays.every(({ hostLink }) => hostLink === null)) return found;
  for (const holder of holders.values()) {
    const fd = holder.open();
    if (fd === undefined) continue;
    try {
      const nsid = host.rtnl.nsid(fd);
      if (nsid !== undefined) found.set(nsid, holder);
    } finally {
      closeSync(fd);
    }
  }
  return found;
}

function tagOf(host: Host, netns: string): string | null {
  const inside = openNamed(host, netns);
  try {
    return inside === undefined ? null : (tagInside(inside.rtnl) ?? null);
  } finally {
    inside?.close();
  }
}

function wordsOf({ kind, pid }: NamespaceHolder): string {
  return kind === 'process' ? `process ${pid} is in it` : `process ${pid} holds a ${kind} of it`;
}
