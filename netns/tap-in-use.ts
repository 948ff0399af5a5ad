// A VMM keeps its tap by a descriptor. A tap that was deleted under it cannot come back: a new one of the same name is
// another, and the guest stays cut off however right everything looks. So it is told, and made only where nobody waits.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { SysError } from '../linux/errors.js';
import { namespaceHolders } from '../linux/namespace-holders.js';
import type { Host } from './host.js';
import { inodeOfName, openNamed } from './namespaces.js';
import { setLink } from './netlink/link.js';
import type { SandboxNetwork, Use } from './types.js';

const DEVICE = '/dev/net/tun';

/** Gives a renamed tap its name back. Throws SysError EBUSY when a process of the sandbox holds one that is no more. */
export function keepTap(host: Host, network: SandboxNetwork & { readonly netns: string }, use: Use | undefined): void {
  const { netns, tap, owner } = network;
  if (use === undefined || tap === null) return;
  const inside = openNamed(host, netns);
  if (inside === undefined) return;
  try {
    if (inside.rtnl.link({ name: tap.name }) !== undefined) return;
    const [renamed] = inside.rtnl.links(({ kind }) => kind === 'tun', { counters: false });
    if (renamed !== undefined) {
      const message = setLink({ index: renamed.index, name: tap.name });
      inside.rtnl.transact([{ message, op: 'RTM_SETLINK', path: renamed.name, value: tap.name }]);
      return;
    }
    const pid = orphanedBy(inodeOfName(netns));
    if (pid === undefined) return;
    const note = `process ${pid} holds the tap of ${owner} that was deleted; restart the workload to give it a new one`;
    throw new SysError('ioctl TUNSETIFF', constants.errno.EBUSY, { path: tap.name, note });
  } finally {
    inside.close();
  }
}

/** A process in the namespace with a descriptor of a tap that does not exist any more. */
function orphanedBy(inode: number | undefined): number | undefined {
  const pids = new Set<number>();
  for (const holder of namespaceHolders()) {
    if (holder.kind !== 'process') break;
    if (holder.inode === inode) pids.add(holder.pid);
  }
  return [...pids].find(holdsLostTap);
}

function holdsLostTap(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some(
      (fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === DEVICE && isLost(`/proc/${pid}/fdinfo/${fd}`),
    );
  } catch {
    // It has ended.
    return false;
  }
}

/** `iff:` names the tap of the descriptor (tun_chr_show_fdinfo in drivers/net/tun.c), and is empty without one. */
function isLost(fdinfo: string): boolean {
  return /^iff:[ \t]*$/m.test(readFileSync(fdinfo, 'latin1'));
}
