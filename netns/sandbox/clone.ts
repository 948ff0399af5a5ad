// What the namespace of a guest filters and translates itself. Of snapshot clones, the same guest address in many namespaces,
// each translated to the address of its sandbox.
import { enterNetwork, visitNetwork } from '../../linux/namespace.js';
import { boundDiscovery, provideCloneNat, removeCloneNat } from '../firewall/index.js';
import type { Host } from '../host.js';
import { flushConnections } from '../netlink/conntrack.js';
import { Nfnl } from '../nfnl.js';
import type { OpenNamespace } from '../open-namespace.js';
import type { SandboxNetwork } from '../types.js';

/** Sets up what the sandbox has of both; idempotent. Without IPv6 and of no clone: nothing is sent. Throws SysError. */
export function guardGuest(host: Host, inside: OpenNamespace, network: SandboxNetwork): void {
  const { address, address6, tap, attachment } = network;
  const guestAddress = tap?.guestAddress ?? null;
  // On a bridge the tap is a wire, and the host's filter of the bridge sees all of it.
  const meetsGuest = tap !== null && address6 !== null && attachment.mode === 'routed';
  if (guestAddress === null && !meetsGuest) return;
  withFilter(host, inside, (nfnl) => {
    if (guestAddress !== null) provideCloneNat(nfnl, { address, guestAddress });
    if (meetsGuest) boundDiscovery(nfnl, { tap: tap.name, address6 });
  });
}

/** Takes it away with all connections it knows. Throws SysError. */
export function forgetGuest(host: Host, inside: OpenNamespace, { tap }: SandboxNetwork): void {
  if (tap?.guestAddress == null) return;
  withFilter(host, inside, (nfnl) => {
    removeCloneNat(nfnl);
    nfnl.transact([{ message: flushConnections(), op: 'IPCTNL_MSG_CT_DELETE', path: 'all' }]);
  });
}

function withFilter(host: Host, inside: OpenNamespace, use: (nfnl: Nfnl) => void): void {
  visitNetwork(
    host.home,
    () => enterNetwork(inside.fd),
    () => {
      const nfnl = new Nfnl();
      try {
        use(nfnl);
      } finally {
        nfnl.close();
      }
    },
  );
}
