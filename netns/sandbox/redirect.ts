// A tap behind a bridged eth0: each takes what the other receives, so that the guest itself is on the bridge, with its
// own MAC and address. No bridge inside, which would learn, flood and filter what is a wire.
import { constants } from 'node:os';
import { deleteFilters, dumpFilters, newRedirect, parseFilter } from '../netlink/filter.js';
import { newIngress } from '../netlink/traffic.js';
import type { Rtnl } from '../rtnl.js';

const PRIORITY = 1;
const { EEXIST } = constants.errno;

/** Joins the two links of the namespace of `inside`; idempotent. Throws SysError. */
export function redirect(inside: Rtnl, eth0: number, tap: number): void {
  wire(inside, eth0, tap);
  wire(inside, tap, eth0);
}

function wire(inside: Rtnl, from: number, to: number): void {
  inside.transact([
    { message: newIngress(from), op: 'RTM_NEWQDISC', path: `#${from}`, value: 'ingress', tolerate: [EEXIST] },
  ]);
  const targets = redirects(inside, from);
  if (targets.length === 1 && targets[0] === to) return;
  const path = `#${from}`;
  inside.transact([
    ...(targets.length === 0 ? [] : [{ message: deleteFilters(from, PRIORITY), op: 'RTM_DELTFILTER', path }]),
    { message: newRedirect(from, PRIORITY, to), op: 'RTM_NEWTFILTER', path, value: `mirred to #${to}` },
  ]);
}

function redirects(inside: Rtnl, from: number): number[] {
  return inside.collect(dumpFilters(from), 'RTM_GETTFILTER dump', (reply) => parseFilter(reply).redirect);
}
