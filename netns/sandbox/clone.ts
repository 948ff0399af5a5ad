// Snapshot clones: the same guest address in many namespaces, each translated to the address of its sandbox.
import { enterNetwork, visitNetwork } from '../../linux/namespace.js';
import { provideCloneNat, removeCloneNat } from '../firewall/index.js';
import type { Host } from '../host.js';
import { flushConnections } from '../netlink/conntrack.js';
import { Nfnl } from '../nfnl.js';
import type { OpenNamespace } from '../open-namespace.js';
import type { SandboxNetwork } from '../types.js';

/** Sets the translation up, if the sandbox has one; idempotent. Throws SysError. */
export function translateGuest(host: Host, inside: OpenNamespace, { address, tap }: SandboxNetwork): void {
  const guestAddress = tap?.guestAddress;
  if (guestAddress == null) return;
  withFilter(host, inside, (nfnl) => provideCloneNat(nfnl, { address, guestAddress }));
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
