// Take-back: everything a tenant can have left in a slot is flushed; sockets and addresses are looked at once more. Only
// for workloads that could not change the namespace themselves (no CAP_NET_ADMIN in it); others' namespaces are deleted.
//
//   connections        conntrack entries of the address on the host; inside by the address translation of clones
//   neighbours         of the host link and inside, e.g. the guest's MAC
//   routes, addresses  inside and on the host; with a route go its PMTU and redirect exceptions
//   TCP metrics        never kept: tcp_no_metrics_save is set in every slot
//   sockets            those that outlived their process (FIN_WAIT) are destroyed; any other keeps the slot from reuse
//   firewall, shaping  elements with their counters; a shaped slot is not reused, as taking qdiscs off waits for RCU
//   link counters      cannot be reset: the next holder gets them as a baseline
//   sysctls            out of reach without CAP_NET_ADMIN
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';
import { applyEntries, forgetConnections } from '../firewall/index.js';
import type { HeldSlot, Host } from '../host.js';
import { deleteAddress, dumpAddresses, parseAddress } from '../netlink/address.js';
import { deleteNeighbour, dumpNeighbours, parseNeighbour } from '../netlink/neighbour.js';
import { deleteRoute } from '../netlink/route.js';
import type { Request } from '../rtnl.js';
import type { AfterStep } from '../sandbox/base.js';
import { forgetGuest } from '../sandbox/clone.js';
import { settle } from '../sandbox/face.js';
import { layoutOf, without } from '../sandbox/layout.js';
import type { SandboxNetwork } from '../types.js';
import { holdSlot } from './held.js';
import { endSockets } from './sockets.js';

const { ENOENT, ESRCH, EADDRNOTAVAIL, ENODEV } = constants.errno;

/**
 * Flushes the slot behind `network` and tags it as free. Throws SysError saying what is not as in a new slot; it must
 * then be removed.
 */
export function reclaimSlot(
  host: Host,
  network: SandboxNetwork & { readonly netns: string },
  afterStep: AfterStep = () => {},
): void {
  const { settings } = host;
  if (settings?.slots == null) throw unfit(network, 'there is no pool');
  if (network.bandwidth.ingress !== null || network.bandwidth.egress !== null) throw unfit(network, 'it is shaped');
  const slot = holdSlot(host, network.netns, network.hostLink);
  if (slot.owner !== network.owner) throw unfit(network, `it belongs to ${JSON.stringify(slot.owner)}`);
  const whole = layoutOf(network);
  const base = layoutOf({ ...network, address: null });
  const rest = without(whole, base);
  // Traffic stops first: without a group and without elements the firewall lets nothing pass.
  const index = slot.hostIndex;
  host.rtnl.transact([
    settle({ index }, { group: 0 }, network.hostLink),
    ...rest.host.routes.map((way) =>
      gone(deleteRoute({ ...way, index }), 'RTM_DELROUTE', way.destination ?? 'default'),
    ),
    gone(deleteNeighbour({ index, address: network.address }), 'RTM_DELNEIGH', network.address),
  ]);
  afterStep('closed');
  applyEntries(host, settings.table, { add: [], remove: [network] });
  afterStep('firewall');
  forgetConnections(host, [network.address]);
  afterStep('connections');
  flushInside(slot, rest);
  afterStep('inside');
  endSockets(host, slot.inside);
  // After the count: what it opens inside itself is counted until RCU has freed it, and would keep the slot from reuse for ever.
  forgetGuest(host, slot.inside, network);
  afterStep('clone');
  verify(slot, base, network);
  host.rtnl.transact([settle({ index }, { alias: settings.tags.slot }, network.hostLink)]);
  slot.owner = settings.tags.slot;
  afterStep('free');
}

function flushInside(slot: HeldSlot, rest: ReturnType<typeof layoutOf>): void {
  const { rtnl } = slot.inside;
  const { eth0, tap } = slot;
  const requests = rest.eth0.addresses.map(({ address, prefix }) =>
    gone(deleteAddress({ index: eth0, address, prefix }), 'RTM_DELADDR', address),
  );
  if (tap !== null)
    for (const way of rest.tap.routes)
      requests.push(gone(deleteRoute({ ...way, index: tap }), 'RTM_DELROUTE', way.destination ?? 'default'));
  rtnl.transact(requests);
  // Of eth0 there is only the gateway, whose MAC is the same for all; a guest can have answered for more.
  if (tap === null) return;
  const known = rtnl
    .collect(dumpNeighbours(4), 'RTM_GETNEIGH dump', parseNeighbour)
    .filter(({ index }) => index === tap);
  rtnl.transact(known.map(({ index, address }) => gone(deleteNeighbour({ index, address }), 'RTM_DELNEIGH', address)));
}

/** The addresses inside are those of a new slot: what cannot be otherwise is looked at all the same. */
function verify(slot: HeldSlot, base: ReturnType<typeof layoutOf>, network: SandboxNetwork): void {
  const expected = new Set(['127.0.0.1', ...base.eth0.addresses, ...base.tap.addresses].map(textOf));
  const dump = slot.inside.rtnl.collect(dumpAddresses(4), 'RTM_GETADDR dump', parseAddress);
  const found = new Set(dump.map(textOf));
  const extra = [...found].filter((address) => !expected.has(address));
  if (extra.length > 0) throw unfit(network, `it has addresses it should not have: ${extra.join(' ')}`);
  for (const address of expected) if (!found.has(address)) throw unfit(network, `it lacks the address ${address}`);
}

function textOf(item: string | { readonly address: string }): string {
  return typeof item === 'string' ? item : item.address;
}

function gone(message: Buffer, op: string, path: string): Request {
  return { message, op, path, tolerate: [ENOENT, ESRCH, EADDRNOTAVAIL, ENODEV] };
}

function unfit(network: SandboxNetwork, note: string): SysError {
  return new SysError('recycle', constants.errno.EBUSY, { path: network.netns ?? network.hostLink, note });
}
