// Sockets that outlive their process: a connection that is being closed (FIN_WAIT) has none any more and keeps the
// namespace's memory of its peer. A descriptor that was passed to somebody outside keeps a socket whole.
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { SysError, sysErrorFrom } from '../../linux/errors.js';
import { enterNetwork, visitNetwork } from '../../linux/namespace.js';
import { NETLINK_SOCK_DIAG, NetlinkSocket } from '../../linux/netlink-socket.js';
import type { Host } from '../host.js';
import { destroySocket, dumpSockets, parseSocket } from '../netlink/sock-diag.js';
import type { OpenNamespace } from '../open-namespace.js';
import { Rtnl } from '../rtnl.js';

const SOCKSTAT = '/proc/thread-self/net/sockstat';
/** The one of HeldSlot. */
const OURS = 1;
const { ENOENT, EAGAIN, EPROTO } = constants.errno;

/**
 * Ends what is left. Throws SysError EAGAIN when sockets remain: most kinds are counted until RCU has freed them, some
 * 10 ms after their process, so that a later look may find none.
 */
export function endSockets(host: Host, inside: OpenNamespace): void {
  visitNetwork(
    host.home,
    () => enterNetwork(inside.fd),
    () => {
      if (count() <= OURS) return;
      destroyAll();
      const left = count() - OURS;
      if (left > 0) throw new SysError('recycle', EAGAIN, { note: `${left} sockets are left in the namespace` });
    },
  );
}

/** Sockets of user space in this namespace, ours among them (sock_inuse in net/core/sock.c). */
function count(): number {
  let text: string;
  try {
    text = readFileSync(SOCKSTAT, 'latin1');
  } catch (error) {
    throw sysErrorFrom(error, 'read', SOCKSTAT);
  }
  const used = /^sockets: used (\d+)/.exec(text)?.[1];
  // What cannot be counted is not taken for nothing.
  if (used === undefined) throw new SysError('read', EPROTO, { path: SOCKSTAT, note: 'it has no count of sockets' });
  return Number(used);
}

function destroyAll(): void {
  const diag = new Rtnl(NetlinkSocket.open(NETLINK_SOCK_DIAG));
  try {
    for (const protocol of ['tcp', 'udp'] as const)
      for (const family of [4, 6] as const) {
        const request = dumpSockets(family, protocol);
        const sockets = diag.collect(request, 'SOCK_DIAG_BY_FAMILY dump', (reply) => parseSocket(reply, protocol));
        diag.transact(
          sockets.map((socket) => {
            return { message: destroySocket(socket), op: 'SOCK_DESTROY', path: protocol, tolerate: [ENOENT] };
          }),
        );
      }
  } finally {
    diag.close();
  }
}
